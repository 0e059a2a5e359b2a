"""Textual screens: compositions of small widgets, with no rule of the product in them."""

import os

# A key is answered with the next frame. After each, Textual's timer lets one or two periods pass: up to 33 ms at its 60
# frames a second, 4 ms at 500. That makes no more frames: screens draw ten times a second, or when a key comes.
os.environ.setdefault("TEXTUAL_FPS", "500")
