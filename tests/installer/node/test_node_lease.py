"""The lease that the first master keeps, by the real program on a bare machine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from installer.common.errors import InstallerError
from installer.node.lease import NodeLease
from installer.steps.lease import Holder
from tests.doubles.bare_machine import BareMachine, bare_machine
from tests.doubles.shell_connection import ShellConnection

OLDER = '#!/bin/sh\necho "craton-node: no such verb: $*" >&2; exit 2\n'
ADA, BOB = Holder("1a-laptop", "ada@laptop"), Holder("2b-desk", "bob@desk")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareMachine]:
    with bare_machine(tmp_path_factory.mktemp("box")) as machine:
        yield machine


@pytest.fixture
def lease(box: BareMachine) -> NodeLease:
    box.sh("rm -rf /var/lib/craton; craton-node claim demo demo-master-1")
    connection = ShellConnection(box)
    return NodeLease("demo-master-1", lambda seconds: connection.get("demo-master-1", seconds))


def test_the_first_one_has_it_until_it_is_given_back(lease: NodeLease) -> None:
    assert lease.held() is None
    taken = lease.take(ADA)
    assert taken is not None
    assert taken.holder == ADA
    refused = lease.take(BOB)
    assert refused is not None
    assert refused.holder == ADA
    lease.drop(BOB)
    assert lease.held() is not None
    lease.drop(ADA)
    assert lease.held() is None
    found = lease.take(BOB)
    assert found is not None
    assert found.holder == BOB


def test_renewing_keeps_the_beginning_and_seizing_begins_again(lease: NodeLease, box: BareMachine) -> None:
    lease.take(ADA)
    box.sh("read -r id since renewed owner </var/lib/craton/lease && "
           'echo "$id $((since - 600)) $((renewed - 500)) $owner" >/var/lib/craton/lease')  # fmt: skip
    held = lease.held()
    assert held is not None
    assert 590 < time.time() - held.since < 900
    assert 490 < time.time() - held.renewed < 800
    renewed = lease.take(ADA)
    assert renewed is not None
    assert 590 < time.time() - renewed.since < 900
    assert time.time() - renewed.renewed < 300
    seized = lease.take(BOB, seize=True)
    assert seized is not None
    assert seized.holder == BOB
    assert time.time() - seized.since < 300


def test_two_who_take_it_at_once_agree_on_who_has_it(lease: NodeLease, box: BareMachine) -> None:
    found = box.sh(
        "for n in 1 2 3 4 5 6; do craton-node lease take id$n user@host$n >/run/said$n & done; wait\n"
        "cat /run/said[1-6] | grep ^holder= | sort -u; rm -f /run/said[1-6]"
    )
    assert len(found.splitlines()) == 1


def test_a_machine_without_the_program_or_with_an_older_one_keeps_none(lease: NodeLease, box: BareMachine) -> None:
    box.sh("mv /usr/local/sbin/craton-node /usr/local/sbin/kept")
    try:
        assert lease.take(ADA) is None
        box.sh(f"cat >/usr/local/sbin/craton-node <<'end'\n{OLDER}end\nchmod 755 /usr/local/sbin/craton-node")
        assert lease.take(ADA) is None
    finally:
        box.sh("mv -f /usr/local/sbin/kept /usr/local/sbin/craton-node")


@pytest.mark.parametrize("line", ["x", "x y z", "x 1", "x 1 \x1b[31m owner"])
def test_a_damaged_file_is_named(lease: NodeLease, box: BareMachine, line: str) -> None:
    box.sh(f"printf '%s\\n' '{line}' >/var/lib/craton/lease")
    with pytest.raises(InstallerError, match="read the lease") as raised:
        lease.held()
    assert "/var/lib/craton/lease" in raised.value.hint


def test_a_machine_that_no_cluster_has_claimed_keeps_none(lease: NodeLease, box: BareMachine) -> None:
    box.sh("rm -rf /var/lib/craton")
    assert lease.take(ADA) is None
    assert box.sh("ls -A /var/lib | grep craton || :") == ""


def test_releasing_the_machine_leaves_no_lease(lease: NodeLease, box: BareMachine) -> None:
    lease.take(ADA)
    box.sh("cp /usr/local/sbin/craton-node /usr/local/sbin/kept")
    box.node("release")
    box.sh("mv /usr/local/sbin/kept /usr/local/sbin/craton-node")
    assert box.sh("ls -A /var/lib | grep craton || :") == ""
