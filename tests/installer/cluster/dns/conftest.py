"""Tests here may reach doubles on loopback, and nothing else: no test can reach a cloud."""

from __future__ import annotations

from tests.doubles.aws.fixtures import aws, aws_server
from tests.doubles.gcp.fixtures import gcp, gcp_server

__all__ = ["aws", "aws_server", "gcp", "gcp_server"]
