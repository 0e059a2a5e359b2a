"""What is installed: releases, checksums, images, bundles, and how they are downloaded."""
