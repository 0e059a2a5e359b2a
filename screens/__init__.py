"""Textual screens: compositions of small widgets, with no rule of the product in them."""
