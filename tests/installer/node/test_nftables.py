"""The ruleset of a machine: real nft takes it, and what nft lists afterwards is the contract again."""

from __future__ import annotations

import os
import subprocess
from ipaddress import IPv4Address, IPv6Address, ip_address
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installer.health.report.compliance import covers
from installer.node.nftables import parse, ruleset
from installer.plan.model import InstallPlan
from installer.plan.rules import Peer, Role, Traffic
from installer.plan.topology import FirewallRule, Machine, topology
from tests.needs import empty_network
from tests.patience import PATIENCE
from tests.strategies import plans, repeatable

pytestmark = pytest.mark.needs("own network")
PLAN = InstallPlan.model_validate(
    {"name": "demo", "subdomain": "k8s.example.com", "networks": {"user": "192.0.2.0/24"}, "may": ["M5", "M6"]}
)
MASTER, WORKER = topology(PLAN).machines[0], topology(PLAN).machines[-1]


def listed(text: str) -> str:
    """What nft lists, as JSON, after it has checked `text` and loaded it twice, in a network of its own."""
    script = "nft -c -f $RULES && nft -f $RULES && nft -f $RULES && nft -j list table inet craton"
    with NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        done = subprocess.run(
            [*empty_network(), "sh", "-c", script],
            env={**os.environ, "RULES": file.name},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 0, done.stderr + text
    return done.stdout


def one_of_each_role(plan: InstallPlan) -> list[Machine]:
    derived = topology(plan)
    return [group[0] for role in Role if (group := derived.of_role(role))]


_ADDRESSES = st.ip_addresses(v=4, network="203.0.113.0/24") | st.ip_addresses(v=6, network="2001:db8::/64")


@settings(repeatable, max_examples=25)
@given(plan=plans(), port=st.integers(1, 65535), clients=st.lists(_ADDRESSES, max_size=2))
def test_every_rule_of_a_machine_comes_back_from_the_kernel(
    plan: InstallPlan, port: int, clients: list[IPv4Address | IPv6Address]
) -> None:
    for machine in one_of_each_role(plan):
        found = parse(listed(ruleset(plan, topology(plan), machine, port, clients)))
        missing = [rule for rule in machine.firewall if not any(covers(actual, rule) for actual in found)]
        assert not missing
        incoming = {rule.rule for rule in machine.firewall if rule.direction == "in"}
        assert {rule.rule for rule in found if rule.direction == "in"} == incoming, "nothing is open beyond the plan"


def test_own_machines_are_known_by_the_addresses_of_the_inventory() -> None:
    plan = InstallPlan.model_validate(
        {
            "name": "own",
            "subdomain": "k8s.example.com",
            "platform": "machines",
            "masters": 1,
            "workers": 1,
            "machines": {
                "firewall": True,
                "inventory": [
                    {"address": "198.51.100.7", "internal": "10.0.0.7"},
                    {"address": "10.0.0.8"},
                    {"address": "10.0.0.9"},
                ],
            },
        }
    )
    derived = topology(plan)
    text = ruleset(plan, derived, derived.machines[-1])
    assert "elements = { 10.0.0.7 }" in text
    assert "198.51.100.7" not in text
    assert parse(listed(text))


def test_this_computer_comes_to_its_own_machines_from_their_bridge() -> None:
    plan = InstallPlan.model_validate({"name": "here", "subdomain": "k8s.example.com", "platform": "local"})
    derived = topology(plan)
    text = ruleset(plan, derived, derived.first_master, clients=[plan.networks.machines[1]])
    assert "elements = { 10.10.0.1/32, 127.0.0.0/8 }" in text
    assert parse(listed(text))
    wide = plan.model_copy(update={"networks": plan.networks.model_copy(update={"user": plan.networks.machines})})
    assert "elements = { 10.10.0.0/16 }" in ruleset(wide, derived, derived.first_master)


@pytest.mark.parametrize(
    ("client", "line"),
    [
        ("192.0.2.9", None),
        ("203.0.113.9", "ip saddr 203.0.113.9 tcp dport 2222 accept"),
        ("2001:db8::9", "ip6 saddr 2001:db8::9 tcp dport 2222 accept"),
    ],
)
def test_ssh_is_open_where_the_server_really_listens_and_to_whoever_loads_the_rules(
    client: str, line: str | None
) -> None:
    text = ruleset(PLAN, topology(PLAN), MASTER, 2222, [ip_address(client)])
    assert "ip saddr 192.0.2.0/24 tcp dport 2222 accept" in text
    assert "ip saddr @users tcp dport 22 accept" in text
    assert (line is None and client not in text) or (line is not None and line in text)


def test_peers_of_one_rule_come_back_together() -> None:
    found = parse(listed(ruleset(PLAN, topology(PLAN), WORKER)))
    assert FirewallRule("W3", "in", Traffic("udp", 4789, 4789), (Peer.MASTERS, Peer.WORKERS)) in found
    assert FirewallRule("W2", "in", Traffic("tcp", 30000, 32767), (Peer.ALL,)) in found
    assert FirewallRule("W1", "in", Traffic("all", 1, 65535), (Peer.MASTERS,)) in found


@pytest.mark.parametrize(
    "line",
    [
        'ip saddr @masters tcp dport 10250 drop comment "craton:N3"',
        'ip saddr @masters iifname "eth9" tcp dport 10250 accept comment "craton:N3"',
        'ip saddr @masters tcp dport { 10250, 10251 } accept comment "craton:N3"',
        'ip saddr @masters tcp sport 10250 accept comment "craton:N3"',
        'ip saddr != @masters tcp dport 10250 accept comment "craton:N3"',
        'ip saddr 10.10.0.11 tcp dport 10250 accept comment "craton:N3"',
        'ip saddr @masters tcp dport 10250 limit rate 1/second accept comment "craton:N3"',
        'ip saddr @masters tcp dport 10250 accept comment "ours"',
        "ip saddr @masters tcp dport 10250 accept",
    ],
)
def test_a_line_that_was_changed_by_hand_does_not_count(line: str) -> None:
    text = ruleset(PLAN, topology(PLAN), MASTER)
    original = 'ip saddr @masters tcp dport 10250 accept comment "craton:N3"'
    assert original in text
    assert "N3" in {rule.rule for rule in parse(listed(text))}
    assert "N3" not in {rule.rule for rule in parse(listed(text.replace(original, line)))}


def test_no_table_is_no_rule() -> None:
    assert parse("\n") == ()


@pytest.mark.parametrize(
    "text",
    [
        "nft: command not found",
        "[]",
        '{"nftables": 1}',
        '{"nftables": [{"chain": {}}]}',
        '{"nftables": [{"rule": {"chain": "input", "expr": [], "comment": "craton:M1"}}]}',
        '{"nftables": [{"rule": {"chain": "input", "expr": null, "comment": "craton:M1"}}]}',
        "[" * 100_000,
    ],
)
def test_what_is_not_a_table_is_refused_as_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (any text of it)
        parse(text)


def test_other_tables_are_not_mentioned() -> None:
    text = ruleset(PLAN, topology(PLAN), MASTER)
    tables = [line for line in text.splitlines() if "table " in line and not line.lstrip().startswith("#")]
    assert tables == ["table inet craton", "delete table inet craton", "table inet craton {"]
    assert "flush" not in text
