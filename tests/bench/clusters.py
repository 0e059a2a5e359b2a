"""Benchmarks of a real cluster on this computer: it is measured and destroyed, and a line says the value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.craton import Craton
from tests.doubles.machines import free_subnet, machine_image

DEADLINE = 1800.0
"""Seconds for one command on the cluster."""


def planned(craton: Craton, cluster: str) -> Path:
    """A plan of three masters, an infra node and a worker on this computer, without addons."""
    path = craton.directory / f"{cluster}.yaml"
    craton.run(
        "new", "--yes", "--name", cluster, "--subdomain", "example.test", "--platform", "local", "--masters", "3",
        "--workers", "1", "--ingress", "infra", "--infra", "1", "--machine-network", str(free_subnet(24)),
        "--no-traefik", "--no-metrics-server", "--no-node-exporter", "--no-sign-in", "--no-console", "-o", str(path),
    )  # fmt: skip
    return path


def measured(name: str, cluster: str, measure: Callable[[Craton], float], unit: str, goal: float) -> int:
    """Print what `measure` finds as one JSON object and destroy `cluster`; return 0 if the value is at most `goal`."""
    with tempfile.TemporaryDirectory() as directory:
        craton = Craton(Path(directory))
        os.environ["CRATON_HOME"] = str(craton.home)
        machine_image()  # in the cache, if it was not
        try:
            value = measure(craton)
        finally:
            subprocess.run(
                craton.argv("destroy", cluster, "--yes", "--plain"),
                env=craton.environment, timeout=DEADLINE, check=False, stdout=sys.stderr,
            )  # fmt: skip
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit, "goal": goal}))
    return 0 if value <= goal else 1
