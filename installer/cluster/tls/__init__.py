"""Certificates for the console's name: the user's own, or those that an authority signs."""
