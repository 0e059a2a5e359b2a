"""A project of Google Cloud on this computer."""

from __future__ import annotations

from tests.doubles.gcp.fixtures import gcp, gcp_server

__all__ = ["gcp", "gcp_server"]
