"""How a probe is written: a line of shell, or a file under assets/health. What each prints is in `gather`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from installer.plan.rules import Role
from installer.steps.evidence import EVERY_ROLE, Probe

if TYPE_CHECKING:
    from installer.plan.topology import Topology


@cache
def asset(name: str) -> str:
    """The text of a file under assets/health."""
    return files("assets").joinpath("health", name).read_text(encoding="utf-8")


def quick_asset(name: str) -> Probe:
    """A file of the probe's name that waits for nothing but the kernel."""
    return Probe(name, lambda _machine, _topology: asset(f"{name}.sh"), quick=True)


def quick_line(name: str, command: str) -> Probe:
    """A line that waits for nothing but the kernel."""
    return Probe(name, lambda _machine, _topology: command, quick=True)


def line(name: str, command: str, roles: tuple[Role, ...] = EVERY_ROLE) -> Probe:
    """A line that is cut off if it takes too long."""
    return Probe(name, lambda _machine, _topology: command, roles)


def api_host(topology: Topology) -> str:
    """The API server's name (contract rule D1)."""
    return next(record.name for record in topology.records if record.rule == "D1")
