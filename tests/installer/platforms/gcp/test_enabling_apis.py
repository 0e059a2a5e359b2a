"""`craton gcp enable`: APIs are enabled for whoever asks, and for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from installer.cli.app import app
from installer.common.errors import InstallerError
from installer.plan import planfile
from installer.platforms.gcp import services
from tests.doubles.gcp.faults import Fault
from tests.doubles.gcp.project import Project
from tests.installer.platforms.gcp.plans import plan


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan that needs Cloud DNS as well."""
    monkeypatch.setattr(services, "_LOOK_EVERY", 0.01)
    written = tmp_path / "plan.yaml"
    planfile.save(written, plan(dns="cloud-dns"))
    return written


def test_apis_are_named_and_enabled_once_somebody_has_agreed(gcp: Project, path: Path) -> None:
    gcp.services -= {"iam", "dns"}
    alone = CliRunner().invoke(app, ["gcp", "enable", str(path)])
    assert isinstance(alone.exception, InstallerError), "there is nobody to ask"
    assert "iam" not in gcp.services
    done = CliRunner().invoke(app, ["gcp", "enable", str(path), "--yes"])
    assert done.exit_code == 0, done.output
    assert "enabling iam.googleapis.com, dns.googleapis.com in craton-test-1" in done.output
    assert {"iam", "dns"} <= gcp.services
    again = CliRunner().invoke(app, ["gcp", "enable", str(path)])
    assert "has enabled every API that demo needs" in again.output


def test_a_refusal_is_said_with_what_to_do(gcp: Project, path: Path) -> None:
    gcp.services -= {"dns"}
    gcp.fail("serviceusage.services.batchEnable", Fault.PERMISSION)
    done = CliRunner().invoke(app, ["gcp", "enable", str(path), "--yes"])
    assert isinstance(done.exception, InstallerError)
    assert "serviceusage.services.batchEnable" in done.exception.observed
