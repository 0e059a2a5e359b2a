"""What `make demo PLATFORM=aws` and `PLATFORM=gcp` run, with machines that are stand-ins."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.craton import ROOT
from tests.patience import PATIENCE

_SMALL = "--answers=--masters 1 --workers 1"


@pytest.mark.needs("low ports")
@pytest.mark.parametrize(("platform", "cloud"), [("aws", "AWS"), ("gcp", "Google Cloud")])
def test_a_demonstration_installs_checks_and_destroys_a_cluster_and_says_that_nothing_is_left(
    platform: str, cloud: str
) -> None:
    command = [sys.executable, "-m", "tests.demo", platform, "--stand-ins", "--speed", "1000", _SMALL]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert shown.returncode == 0, f"{shown.stdout}\n{shown.stderr}"
    told = " ".join(shown.stdout.split())
    ran = [line.split()[2] for line in shown.stdout.splitlines() if line.startswith("+ craton ")]
    assert ran == ["new", "apply", "check", "destroy"]
    assert f"{cloud} is a double on this computer: no account, no cost, no request to {cloud} itself." in told
    assert "The machines are stand-ins behind SSH, as in a rehearsal, and so is Kubernetes: you asked for that." in told
    assert f"requests to {cloud}'s API in all." in told
    assert "Nothing is left in the account, nor of the machines." in told
