"""Lists of machines in the formats that people paste: one module for each, and one that tells them apart."""
