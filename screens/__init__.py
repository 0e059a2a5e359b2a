"""Textual screens: compositions of small widgets, with no rule of the product in them."""

import os

# A key is answered with the next frame. After each, Textual's timer lets one or two periods pass: up to 33 ms at its 60
# frames a second, 17 ms at 120. With many more, a page may scroll to an answer before all of it has its place.
os.environ.setdefault("TEXTUAL_FPS", "120")
