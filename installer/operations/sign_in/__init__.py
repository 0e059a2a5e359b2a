"""Signing in to a cluster from this computer: the browser's way, kept tokens, and what kubectl is given of them."""
