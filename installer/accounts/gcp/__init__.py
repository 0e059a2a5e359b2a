"""Projects in Google Cloud."""
