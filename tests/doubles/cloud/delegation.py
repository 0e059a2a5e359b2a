"""A world in which every DNS zone of an account is one that people are sent to: and none of them can be asked."""

from __future__ import annotations

import pytest

from installer.cluster.dns import preflight, servers


def delegate(patch: pytest.MonkeyPatch, why: str = "") -> None:
    """`why` is what keeps people from finding a zone instead."""
    patch.setattr(servers, "agree", lambda *_: (None, "none of the zone's servers can be asked from here"))
    patch.setattr(preflight, "doubt", lambda domain, _servers: (why, "" if why else f"{domain} is delegated"))
