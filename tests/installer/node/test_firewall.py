"""The host firewall for real: machines in network namespaces, reached over SSH, each with its own nftables."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.node.firewall import Entrance, FirewallOwn, Shown, read_entrance, read_show, steps
from installer.node.nftables import parse
from installer.node.program import PATH, source
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.world import World
from tests.doubles.netns import WORKSTATION, Namespaces, running_namespaces
from tests.doubles.planned_platform import PLANNED
from tests.doubles.rehearsal import StepContext
from tests.patience import PATIENCE

ADDRESSES = {"demo-master-1": "10.99.0.11", "demo-infra-1": "10.99.0.21", "demo-worker-1": "10.99.0.101"}
MASTER, INFRA, WORKER = ADDRESSES


OTHERS = """\
table inet others {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 9999 drop
	}
}
"""


def networks(user: str) -> dict[str, str]:
    return {"user": user, "services": "10.112.0.0/12"}


def own_machines(**changes: Any) -> InstallPlan:
    return InstallPlan.model_validate(
        {
            "name": "demo",
            "subdomain": "k8s.example.com",
            "platform": "machines",
            "masters": 1,
            "workers": 1,
            "networks": networks(f"{WORKSTATION.ip}/32"),
            "machines": {"firewall": True, "inventory": [{"address": address} for address in ADDRESSES.values()]},
            **changes,
        }
    )


@dataclass
class Site:
    """The machines of one plan, and what the step of one of them does there."""

    machines: Namespaces
    directory: ClusterDirectory
    plan: InstallPlan = field(default_factory=own_machines)

    def __post_init__(self) -> None:
        connections = SSHConnections(self.machines.endpoint, self.directory)
        self.world = World(self.plan, topology(self.plan), self.directory, PLANNED, connections)

    def context(self) -> StepContext:
        return StepContext(self.world, PATIENCE)

    def install(self, machine: str, window: int = 20) -> StepContext:
        """Run the step as the engine does; return its context."""
        context, step = self.context(), FirewallOwn(machine, window)
        if not step.observe(context).holds:
            step.apply(context)
        return context

    def run(self, machine: str, *command: str, stdin: str = "") -> str:
        return self.machines.run(machine, *command, stdin=stdin).stdout

    def tables(self, machine: str) -> str:
        return self.run(machine, "nft", "list", "ruleset")

    def shown(self, machine: str) -> Shown:
        return read_show(self.run(machine, "craton-node", "firewall", "show"))

    def reaches(self, source: str, target: str, port: int) -> bool:
        """Whether a TCP connection gets an answer at all, be it that nothing listens there."""

        def attempt() -> bool:
            try:
                socket.create_connection((ADDRESSES[target], port), 0.4).close()
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                return False
            return True

        return self.machines.within(source, attempt)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespaces]:
    with running_namespaces(tmp_path_factory.mktemp("firewall"), ADDRESSES) as running:
        for name in ADDRESSES:
            # Each its own /run, without this computer's systemd in it, and a home without anybody's .bashrc.
            for path in ("/run", "/root"):
                running.run(name, "mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
            running.run(name, "mkdir", "-m", "755", "/run/sshd")
            running.run(name, "install", "-m", "755", "/dev/stdin", PATH, stdin=source())
        yield running


@pytest.fixture
def site(machines: Namespaces, tmp_path: Path) -> Iterator[Site]:
    """Machines without any table; left so."""
    directory = ClusterDirectory(tmp_path / "clusters" / "demo")
    machines.authorize(ensure_key(directory))
    made = Site(machines, directory)
    yield made
    made.world.connections.close()
    for name in ADDRESSES:
        machines.run(name, "craton-node", "firewall", "remove")
        machines.run(name, "nft", "flush", "ruleset")


def test_only_what_the_contract_says_gets_through(site: Site) -> None:
    site.install(WORKER)
    site.install(MASTER)
    open_ports = {(s, t, p) for s, t, p in _PROBES if site.reaches(s, t, p)}
    assert open_ports == {probe for probe, expected in _PROBES.items() if expected}


_PROBES = {
    (MASTER, WORKER, 10250): True,  # W1: masters reach every port
    (MASTER, WORKER, 5555): True,
    (INFRA, WORKER, 10250): False,
    (INFRA, WORKER, 30000): True,  # W2: everybody
    (INFRA, WORKER, 22): False,
    (WORKER, MASTER, 6443): True,  # N1
    (INFRA, MASTER, 6443): True,
    (WORKER, MASTER, 2379): False,  # N2: masters alone
    (WORKER, MASTER, 22): False,
    (WORKER, MASTER, 9100): True,  # M4
    (INFRA, MASTER, 9100): False,
}


def test_the_user_comes_in_again_and_what_is_in_force_is_read_back(site: Site) -> None:
    site.install(WORKER)
    site.world.connections.close()
    again = Site(site.machines, site.directory)
    assert FirewallOwn(WORKER).observe(again.context()).holds
    shown = again.shown(WORKER)
    assert shown.table == "kept"
    assert {"W1", "W2", "W3", "N8"} <= {rule.rule for rule in parse(shown.rules)}
    again.world.connections.close()


def test_pods_reach_their_own_node_and_pretenders_do_not(site: Site) -> None:
    site.install(MASTER)
    assert site.run(MASTER, "sh", "-ec", _POD, "sh", "10.244.1.2", "20").split() == ["7"], "refused: it got through"
    assert site.run(MASTER, "sh", "-ec", _POD, "sh", "10.66.1.2", "1").split() == ["28"], "nothing came back"


_POD = """
ip link add cni0 type veth peer name pod0
trap 'ip link del cni0; kill $pod' EXIT
ip addr add "${1%.*}.1/24" dev cni0
ip link set cni0 up
unshare --net sleep 3600 >/dev/null &
pod=$!
while [ "$(readlink /proc/$pod/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link set pod0 netns $pod
nsenter -t $pod -n ip addr add "$1/24" dev pod0
nsenter -t $pod -n ip link set pod0 up
nsenter -t $pod -n ip route add default via "${1%.*}.1"
nsenter -t $pod -n curl -s -m "$2" http://10.99.0.11:10250 && status=0 || status=$?
echo $status
"""
"""$1 is the pod's address, $2 curl's patience in seconds.

Prints curl's exit status: 7 where the node refused, 28 where nothing came back.
"""


def test_running_it_again_changes_nothing(site: Site) -> None:
    site.install(WORKER)
    before = site.tables(WORKER)
    assert not site.install(WORKER).lines
    assert site.tables(WORKER) == before


def test_somebody_elses_tables_stay_as_they_are(site: Site) -> None:
    site.run(WORKER, "nft", "-f", "-", stdin=OTHERS)
    site.install(WORKER)
    assert OTHERS in site.tables(WORKER)
    assert not site.reaches(MASTER, WORKER, 9999), "what others drop stays dropped"
    FirewallOwn(WORKER).undo(site.context())
    assert site.tables(WORKER) == OTHERS


def test_undoing_leaves_nothing_and_may_be_done_twice(site: Site) -> None:
    site.install(WORKER)
    for _ in range(2):
        FirewallOwn(WORKER).undo(site.context())
    assert site.tables(WORKER) == ""
    assert (
        site.run(WORKER, "sh", "-c", "ls -d /etc/craton /run/craton /var/lib/craton/firewall* 2>/dev/null || :") == ""
    )
    assert not site.machines.pids(WORKER, "sleep")


def test_what_the_ledger_says_is_taken_back_without_the_step(site: Site) -> None:
    site.install(WORKER)
    assert "removed firewall craton" in site.run(WORKER, "craton-node", "undo").splitlines()
    assert site.tables(WORKER) == ""
    assert "firewall" not in site.run(WORKER, "craton-node", "undo")


def test_rules_that_lock_this_computer_out_are_rolled_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install(WORKER)
    before = site.tables(WORKER)
    monkeypatch.setattr("installer.node.firewall.ruleset", lambda *_: _LOCKED_OUT)
    monkeypatch.setattr("installer.node.firewall._SPARE", 1.0)
    with pytest.raises(InstallerError) as raised:
        site.install(WORKER, window=3)
    assert "a second connection failed (" in raised.value.observed
    assert "the machine has rolled them back" in raised.value.observed
    assert "networks.user" in raised.value.hint
    assert not raised.value.retryable
    assert site.tables(WORKER) == before
    assert site.shown(WORKER).table == "kept"


_LOCKED_OUT = """\
table inet craton
delete table inet craton
table inet craton {
	chain input {
		type filter hook input priority filter + 10; policy drop;
		ct state established,related accept
	}
}
"""


def test_a_machine_nobody_confirms_goes_back_to_no_table_at_all(site: Site) -> None:
    site.run(WORKER, "craton-node", "firewall", "apply", "abc", "1", stdin=_LOCKED_OUT)
    assert site.shown(WORKER).table == "pending"
    site.context().wait_until("roll-back", lambda: (site.tables(WORKER) == "" or None, "the table stands"))
    assert site.shown(WORKER) == Shown("", "absent", "none", "")


def test_what_was_rolled_back_cannot_be_confirmed(site: Site) -> None:
    site.run(WORKER, "craton-node", "firewall", "apply", "abc", "0", stdin=_LOCKED_OUT)
    site.context().wait_until("roll-back", lambda: (site.tables(WORKER) == "" or None, "the table stands"))
    refused = site.machines.run(WORKER, "craton-node", "firewall", "confirm", "abc", check=False)
    assert refused.returncode == 1
    assert "rolled back" in refused.stderr


def test_a_second_try_within_the_window_still_goes_back_to_what_was_before_both(site: Site) -> None:
    site.run(WORKER, "craton-node", "firewall", "apply", "aaa", "600", stdin=_LOCKED_OUT)
    site.run(WORKER, "craton-node", "firewall", "apply", "bbb", "1", stdin=_LOCKED_OUT)
    refused = site.machines.run(WORKER, "craton-node", "firewall", "confirm", "aaa", check=False)
    assert refused.returncode == 1
    site.context().wait_until("roll-back", lambda: (site.tables(WORKER) == "" or None, "the table stands"))
    assert not site.machines.pids(WORKER, "sleep")


def test_rules_that_nft_refuses_change_nothing(site: Site) -> None:
    site.install(WORKER)
    before = site.tables(WORKER)
    refused = site.machines.run(
        WORKER, "craton-node", "firewall", "apply", "abc", "5", stdin="table inet craton {", check=False
    )
    assert refused.returncode == 1
    assert "nft refuses the rules" in refused.stderr
    assert site.tables(WORKER) == before


def test_a_table_changed_by_hand_is_noticed_and_mended(site: Site) -> None:
    site.install(WORKER)
    before = site.tables(WORKER)
    site.run(WORKER, "nft", "add", "rule", "inet", "craton", "input", "tcp", "dport", "5000", "accept")
    assert FirewallOwn(WORKER).observe(site.context()).seen == "the table is changed"
    site.install(WORKER)
    assert site.tables(WORKER) == before


def test_a_computer_outside_the_users_network_lets_itself_in(site: Site) -> None:
    elsewhere = Site(site.machines, site.directory, own_machines(networks=networks("192.0.2.0/24")))
    context = elsewhere.install(WORKER)
    assert any(f"SSH comes from {WORKSTATION.ip}, outside the user's network" in line for line in context.lines)
    elsewhere.world.connections.fresh(WORKER, PATIENCE).close()
    assert FirewallOwn(WORKER).observe(elsewhere.context()).holds
    assert not FirewallOwn(WORKER).observe(site.context()).holds, "another plan, other rules"
    elsewhere.world.connections.close()


def test_there_is_a_step_per_machine_only_where_the_plan_wants_a_firewall() -> None:
    plan = own_machines()
    assert plan.firewall
    assert [(step.id, step.needs) for step in steps(plan, topology(plan))] == [
        (f"firewall/{name}", (f"prepare/{name}",)) for name in ADDRESSES
    ]
    without = plan.model_copy(update={"machines": plan.settings.model_copy(update={"firewall": False})})
    assert not list(steps(without, topology(without)))
    rehearsal = InstallPlan.model_validate({"name": "demo", "subdomain": "k8s.example.com"})
    assert not list(steps(rehearsal, topology(rehearsal)))
    local = InstallPlan(name="demo", subdomain="k8s.example.com", platform="local")
    assert local.firewall, "on unless switched off"


@pytest.mark.parametrize(
    ("said", "entrance"),
    [
        ("203.0.113.9 51234 10.0.0.11 2222\n", Entrance(ip_address("203.0.113.9"), 2222)),
        ("2001:db8::9 51234 2001:db8::11 22", Entrance(ip_address("2001:db8::9"), 22)),
        ("fe80::1%eth0 51234 fe80::2%eth0 22", Entrance(ip_address("fe80::1"), 22)),
        ("::ffff:203.0.113.9 51234 ::ffff:10.0.0.11 22", Entrance(ip_address("203.0.113.9"), 22)),
        ("UNKNOWN 65535 UNKNOWN 65535", Entrance(None, 65535)),
        ("", Entrance()),
        ("one two three four", Entrance()),
    ],
)
def test_how_this_computer_comes_in_is_read_from_what_sshd_says(said: str, entrance: Entrance) -> None:
    assert read_entrance(said) == entrance


def test_a_table_cut_into_lines_on_its_way_is_read_whole() -> None:
    said = 'file=ab12\ntable=kept\nunit=enabled\nrules={"nftab\nles": []}\n'
    assert read_show(said) == Shown("ab12", "kept", "enabled", '{"nftables": []}')
