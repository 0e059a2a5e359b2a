"""Two real machines of a user's: prepared by the whole install, killed on the way, taken back without a trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from uuid import uuid4

import pytest

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.journal import Reader
from installer.node import program
from installer.node.configuration import configuration
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.platforms.machines.settings import Machines
from installer.plan.sections import SSH, Networks
from installer.plan.topology import topology
from installer.platforms.local.process import Done
from installer.ssh.host_keys.pinned_keys import pin
from tests.doubles.local import TO_KUBERNETES, LocalCluster, reviewed
from tests.doubles.machines import SystemContainer, own_network, share_images, system_container
from tests.doubles.mirror import published, running_mirror
from tests.doubles.snapshot import difference, snapshot

pytestmark = pytest.mark.waits

STAGES = 13


@dataclass(frozen=True)
class Site:
    """A master and an infra node that know nothing of Craton yet, and the cluster that is to be made of them."""

    machines: dict[str, SystemContainer]
    cluster: LocalCluster

    @property
    def master(self) -> SystemContainer:
        return next(iter(self.machines.values()))

    def snapshots(self) -> dict[str, list[str]]:
        return {name: snapshot(machine.name) for name, machine in self.machines.items()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp_path = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRATON_HOME", str(tmp_path / "craton"))
        patch.setenv("HOME", str(tmp_path))
        share_images()
        keys = ClusterDirectory.of(f"keys-{uuid4().hex[:8]}")  # another worker may run tests of this module, too
        with (
            own_network(keys.cluster) as network,
            system_container(keys, network=network, number=1) as master,
            system_container(keys, network=network, number=2) as infra,
        ):
            for machine in (master, infra):
                machine.root("cloud-init", "status", "--wait")
            plan = _plan(network, keys, (master, infra))
            with running_mirror(published(plan), str(network[1])) as mirror:
                cluster = LocalCluster(plan.model_copy(update={"artifacts": reviewed(plan, mirror.url)}))
                names = [machine.name for machine in topology(plan).machines]
                machines = dict(zip(names, (master, infra), strict=True))
                for name, machine in machines.items():
                    pin(cluster.directory, name, machine.endpoint.host_key or "")
                yield Site(machines, cluster)


def _plan(network: IPv4Network, keys: ClusterDirectory, machines: tuple[SystemContainer, ...]) -> InstallPlan:
    hosts = tuple(Host(address=str(machine.address)) for machine in machines)
    return InstallPlan(
        name="own",
        subdomain="example.test",
        platform="machines",
        masters=1,
        workers=0,
        schedulable_masters=True,
        networks=Networks(machines=network),
        ssh=SSH(user="craton", key=str(keys.key)),
        machines=Machines(inventory=hosts, firewall=True),
    )


def assert_same(before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    for name in before:
        assert difference(before[name], after[name]) == "", name


def test_an_install_done_twice_changes_nothing_the_second_time_and_destroyed_leaves_machines_as_before(
    site: Site,
) -> None:
    bare = site.snapshots()
    assert site.cluster.install(*TO_KUBERNETES) is ExitCode.DONE
    prepared = site.snapshots()
    assert all("inet craton" in "\n".join(lines) for lines in prepared.values()), "the host firewall is on"
    assert site.cluster.install(*TO_KUBERNETES) is ExitCode.DONE
    assert_same(prepared, site.snapshots())
    assert site.cluster.destroy() is ExitCode.DONE
    assert_same(bare, site.snapshots())
    with Reader(site.cluster.directory.journal) as reader:
        undone = [event.data for event in reader.events() if "removed" in event.data]
    assert [line for data in undone for line in data["left"]] == []
    assert "file /etc/crictl.yaml" in {line for data in undone for line in data["removed"]}


def node(machine: SystemContainer, *words: str, stdin: str = "") -> Done:
    return machine.root(program.PATH, *words, stdin=stdin.encode(), deadline=120.0)


def kill_at(machine: SystemContainer, stage: int, delay: float, text: str) -> str:
    """Run a preparation and kill it, all of it, `delay` seconds after a stage begins; what it had said by then."""
    machine.root("sh", "-c", "cat >/run/configuration", stdin=text.encode())
    script = f"""
        rm -f /run/says && mkfifo /run/says
        setsid {program.PATH} prepare </run/configuration >/run/says 2>&1 &
        while IFS= read -r line; do
            echo "$line"
            case $line in 'stage {stage} '*) sleep {delay}; kill -9 -- -$! ;; esac
        done </run/says
    """
    return machine.root("sh", "-c", script).stdout


@pytest.mark.parametrize("seed", [1])
def test_a_preparation_that_is_killed_at_each_stage_completes_when_run_again(site: Site, seed: int) -> None:
    chance, machine, plan = random.Random(seed), site.master, site.cluster.plan
    text = configuration(plan, topology(plan), "own-master-1")
    bare = snapshot(machine.name)
    put = machine.root("sh", "-c", f"cat >{program.PATH}; chmod 755 {program.PATH}", stdin=program.source().encode())
    assert put.status == 0
    for stage in range(1, STAGES + 1):
        assert f"stage {stage} {STAGES} " in kill_at(machine, stage, chance.choice((0, 0.02, 0.1)), text)
    done = node(machine, "prepare", stdin=text)
    assert done.status == 0, done.stderr
    assert f"prepared={plan.kubernetes}" in node(machine, "status").stdout
    prepared = snapshot(machine.name)
    again = node(machine, "prepare", stdin=text)
    assert again.stdout.splitlines()[-1].startswith("unchanged")
    assert difference(prepared, snapshot(machine.name)) == ""
    undone = node(machine, "undo")
    assert "left " not in undone.stdout
    assert node(machine, "release").status == 0
    assert difference(bare, snapshot(machine.name)) == ""
