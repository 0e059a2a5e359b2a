"""The user's own machines, reached over SSH: claimed, checked and prepared, never created and never deleted."""
