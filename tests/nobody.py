"""A moment without root's rights, for tests of what is forbidden: root reads and writes everything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_NOBODY = 65534


@contextmanager
def not_as_root() -> Iterator[None]:
    """Root is the user nobody meanwhile; everybody else stays who they are."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
