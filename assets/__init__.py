"""Files that ship: styles, templates, scripts, manifests."""
