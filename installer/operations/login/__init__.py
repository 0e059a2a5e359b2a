"""What Craton has to ask before it can log in to the user's own machines."""
