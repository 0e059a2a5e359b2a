"""Finding what registers itself: the modules of a folder, so that adding a file is all that it takes."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

LAST = 100
"""Where a module comes that says nothing about its place."""


def modules(package: ModuleType) -> tuple[ModuleType, ...]:
    """Every module and package directly in `package`, imported; by the number PLACE that each may have, and by name."""
    found = [import_module(f"{package.__name__}.{one.name}") for one in iter_modules(package.__path__)]
    return tuple(sorted(found, key=lambda module: (getattr(module, "PLACE", LAST), module.__name__)))
