"""A cluster that the version before installed is checked, resumed and destroyed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.craton import Craton

SAVED = Path(__file__).parent / "saved"
SPEED = ("--speed", "50")


@pytest.fixture
def olden(craton: Craton, tmp_path: Path) -> Iterator[Craton]:
    """CRATON_HOME as the version before left it, with new keys in place of those that were taken out."""
    cluster, site = craton.home / "clusters/olden", craton.home / "rehearsal/olden"
    for directory in (cluster, site):
        directory.mkdir(parents=True, mode=0o700)
    for name in ("plan.yaml", "health.json", "kubeconfig"):
        shutil.copy(SAVED / name, cluster / name)
    database = sqlite3.connect(cluster / "journal.db")
    database.executescript((SAVED / "journal.sql").read_text(encoding="utf-8"))
    database.close()
    own = _key(cluster / "id_ed25519")
    state = json.loads((SAVED / "state.json").read_text(encoding="utf-8"))
    pinned = []
    for name, machine in state["machines"].items():
        key = tmp_path / name
        machine["public_key"] = _key(key)
        machine["host_key"] = key.read_text(encoding="utf-8")
        machine["authorized_keys"] = [own]
        pinned.append(f"{name} {machine['public_key']}\n")
    (site / "state.json").write_text(json.dumps(state), encoding="utf-8")
    (cluster / "known_hosts").write_text("".join(pinned), encoding="utf-8")
    for path in (*cluster.iterdir(), *site.iterdir()):
        path.chmod(0o600)
    yield craton
    if cluster.exists():
        craton.run("destroy", "olden", "--yes", *SPEED, expect=None)


def _key(path: Path) -> str:
    """Make an Ed25519 key; returns its public half, `TYPE BASE64`."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])


def test_a_cluster_of_the_version_before_is_checked_resumed_and_destroyed(olden: Craton) -> None:
    assert [one["state"] for one in olden.json("list")] == ["installed"]
    before = olden.run("check", "olden").stdout
    assert "then resume" in before
    olden.run("resume", "olden", *SPEED)
    assert "healthy" in olden.run("check", "olden").stdout.splitlines()[0]
    assert olden.json("destroy", "olden", "--yes", *SPEED)["left"] == []
    assert not (olden.home / "rehearsal/olden").exists()
