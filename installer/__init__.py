"""Craton: the product without any screen."""

__version__ = "0.1.0"
