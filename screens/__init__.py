"""Textual screens: compositions of small widgets, with no rule of the product in them."""

import os

# A key is answered with the next frame: at Textual's 60 a second it waits up to 17 ms, at 120 no more than 8.
os.environ.setdefault("TEXTUAL_FPS", "120")
