"""The groups in which `craton --help` lists its commands."""

from __future__ import annotations

STARTED = "Getting started"
RUNNING = "Running clusters"
WRONG = "When something is wrong"
