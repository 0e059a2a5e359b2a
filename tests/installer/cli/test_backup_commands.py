"""`craton kubeconfig` and `craton etcd` as they are typed: what they print, refuse and ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from installer.cli.backup import app
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.operations import session
from installer.plan.model import InstallPlan
from tests.doubles.kubeconfigs import access, given_by_master
from tests.doubles.masters import Masters

CLUSTER = InstallPlan(name="demo", subdomain="example.test")
KUBECONFIG = access(CLUSTER).kubeconfig()
PLAN = "craton: 1\nname: demo\nsubdomain: example.test\nplatform: {}\n"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    directory = ClusterDirectory.of("demo")
    write_private(directory.plan, PLAN.format("local"))
    write_private(directory.kubeconfig, given_by_master(CLUSTER))
    return directory


def run(*arguments: str, input: str | None = None) -> Result:
    ran = CliRunner().invoke(app, arguments, input=input)
    assert ran.exception is None, ran.exception
    return ran


def refused(*arguments: str) -> InstallerError:
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, InstallerError)
    return error


def test_the_kept_kubeconfig_is_named_in_a_line_for_the_shell(directory: ClusterDirectory) -> None:
    ran = run("kubeconfig", "demo")
    assert ran.stdout == f"export KUBECONFIG={directory.kubeconfig}\n"
    assert str(directory.kubeconfig) in ran.stderr


def test_it_is_written_to_a_file_of_its_own(tmp_path: Path) -> None:
    assert run("kubeconfig", "demo", "-o", "mine").stdout == f"export KUBECONFIG={tmp_path / 'mine'}\n"
    assert (tmp_path / "mine").read_text() == KUBECONFIG
    assert "it was there already" in run("kubeconfig", "demo", "-o", "mine").stderr
    (tmp_path / "mine").write_text("another")
    assert "--force" in refused("kubeconfig", "demo", "-o", "mine").hint
    run("kubeconfig", "demo", "-o", "mine", "--force")
    assert (tmp_path / "mine").read_text() == KUBECONFIG


def test_it_is_merged_once_and_taken_out_again_even_after_the_cluster_is_gone(
    directory: ClusterDirectory, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("current-context: work\ncontexts:\n- name: work\n")
    ran = run("kubeconfig", "demo", "--merge")
    assert ran.stdout == "kubectl --context demo get nodes\n"
    assert f"what was there before: {config}.before-craton" in ran.stderr
    merged = config.read_text()
    assert "current-context: work" in merged
    assert "nothing changed" in run("kubeconfig", "demo", "--merge").stderr
    run("kubeconfig", "demo", "--merge", "--use")
    assert "current-context: demo" in config.read_text()
    directory.plan.unlink()
    assert "the entries of demo are out" in run("kubeconfig", "demo", "--remove").stderr
    assert "demo" not in config.read_text()


def test_options_that_exclude_each_other_are_refused() -> None:
    for options in (["--merge", "--remove"], ["-o", "x", "--merge"], ["--use"]):
        assert refused("kubeconfig", "demo", *options).exit_code is ExitCode.USAGE


def test_before_there_is_one_the_step_that_makes_it_is_named(directory: ClusterDirectory) -> None:
    directory.kubeconfig.unlink()
    assert "`fetch the administrator's kubeconfig`" in refused("kubeconfig", "demo").observed


def test_a_stand_ins_kubeconfig_is_handed_out_only_by_force(directory: ClusterDirectory, tmp_path: Path) -> None:
    write_private(directory.plan, PLAN.format("rehearsal"))
    for options in (["--merge"], ["-o", "mine"]):
        assert "opens nothing" in refused("kubeconfig", "demo", *options).observed
    assert "opens nothing" in run("kubeconfig", "demo").stderr
    run("kubeconfig", "demo", "--merge", "--force")
    assert "demo-admin" in (tmp_path / "config").read_text()


def test_stand_ins_have_no_etcd(directory: ClusterDirectory) -> None:
    write_private(directory.plan, PLAN.format("rehearsal"))
    for command in (["backup", "demo"], ["restore", "demo", "x.tar"]):
        assert "have no etcd" in refused("etcd", *command).observed


@pytest.fixture
def masters(monkeypatch: pytest.MonkeyPatch) -> Masters:
    masters = Masters(InstallPlan(name="demo", subdomain="example.test", masters=3))
    world = masters.world
    write_private(world.directory.plan, PLAN.format("local"))

    @contextmanager
    def open_world(*_: Any) -> Iterator[Any]:
        yield world

    monkeypatch.setattr(session, "open_world", open_world)
    return masters


def test_a_backup_says_what_it_is(masters: Masters, tmp_path: Path) -> None:
    said = run("etcd", "backup", "demo", "-o", "demo.tar").stdout.splitlines()
    assert said[0] == "demo.tar"
    assert said[2] == "  revision  7"
    document = json.loads(run("etcd", "backup", "demo", "-o", "demo.tar", "--json").stdout)
    assert document["backup"]["revision"] == 7
    assert document["size"] == (tmp_path / "demo.tar").stat().st_size


def test_a_cluster_that_fails_in_the_middle_has_its_own_exit_code(masters: Masters) -> None:
    masters.breaks = "demo-master-1 etcd snapshot"
    assert refused("etcd", "backup", "demo", "-o", "demo.tar").exit_code is ExitCode.CLUSTER


def test_a_restore_says_what_happens_asks_and_names_what_comes_next(masters: Masters) -> None:
    run("etcd", "backup", "demo", "-o", "demo.tar")
    masters.said.clear()
    error = refused("etcd", "restore", "demo", "demo.tar")
    assert "nobody to ask" in error.observed
    assert masters.said == []
    ran = run("etcd", "restore", "demo", "demo.tar", "--yes", "--machine", "master-2")
    assert "demo goes back to" in ran.stderr
    assert "with one master: demo-master-2" in ran.stdout
    assert "craton resume demo" in ran.stdout
