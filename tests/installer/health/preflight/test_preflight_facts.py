"""What a machine is, for the table of machines and for what is installed on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from installer.health.preflight import architecture, at_work, cgroup_version, facts, summary
from installer.steps.evidence import Unreadable
from tests.installer.health.preflight.bare import PLAN, TOPOLOGY, WORKER, added, evidence, spoiled, swapped

MACHINE = TOPOLOGY.machine(WORKER)


def test_a_machine_is_summed_up_in_a_sentence() -> None:
    assert summary(evidence()[WORKER]) == "Debian GNU/Linux 13 (trixie), amd64, 4 CPUs, 8.0 GiB memory, 100.0 GiB disk"


def test_the_row_of_a_machine_has_its_sizes_in_bytes() -> None:
    row = facts(evidence()[WORKER])
    assert (row.cpus, row.memory, row.disk, row.free) == (4, 8 * 1024**3, 100 * 1024**3, 60 * 1024**3)
    assert (row.disks, row.kernel, row.cgroups) == ((("vda", 107374182400),), "6.12.48+deb13-amd64", 2)


def test_a_machine_that_said_nothing_has_a_row_as_well() -> None:
    silent = replace(evidence()[WORKER], probes={})
    assert facts(silent).memory is None
    assert summary(silent) == "unknown system, unknown architecture"


@pytest.mark.parametrize(("hardware", "name"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("s390x", "s390x")])
def test_the_architecture_has_the_name_that_artifacts_have(hardware: str, name: str) -> None:
    assert architecture(swapped(WORKER, "system", "x86_64", hardware)[WORKER]) == name


def test_an_architecture_nobody_knows_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="vax"):
        architecture(swapped(WORKER, "system", "x86_64", "vax")[WORKER])


@pytest.mark.parametrize(
    ("mounts", "version"),
    [
        ("cgroup /sys/fs/cgroup cgroup2 rw", 2),
        ("cgroup /sys/fs/cgroup/memory cgroup rw\ncgroup /sys/fs/cgroup/unified cgroup2 rw", 1),
    ],
)
def test_the_version_of_control_groups_is_that_of_the_mount_which_the_kubelet_reads(mounts: str, version: int) -> None:
    assert cgroup_version(spoiled(evidence()[WORKER], "kernel", mounts)) == version


@pytest.mark.parametrize(
    ("cluster", "machine", "own"),
    [("demo", WORKER, True), ("demo", "demo-worker-2", False), ("shop", WORKER, False), ("", "", False)],
)
def test_a_machine_is_at_work_only_for_the_cluster_and_the_name_that_it_is_claimed_for(
    cluster: str, machine: str, own: bool
) -> None:
    everyone = added(WORKER, "leftovers", f"claim {cluster}/{machine}")
    assert at_work(PLAN, MACHINE, everyone[WORKER]) is own
