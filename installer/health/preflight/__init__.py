"""What is asked of machines before anything is installed on them, and what follows from their answers."""

from installer.health.preflight.evaluate import ALONE, PREFLIGHT, TOGETHER, evaluate_preflight
from installer.health.preflight.facts import Facts, architecture, at_work, cgroup_version, facts, summary

__all__ = [
    "ALONE",
    "PREFLIGHT",
    "TOGETHER",
    "Facts",
    "architecture",
    "at_work",
    "cgroup_version",
    "evaluate_preflight",
    "facts",
    "summary",
]
