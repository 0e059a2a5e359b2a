"""Preflight checks of machines against each other: clocks, identities, addresses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address

from installer.health.check import Judgement, Subject
from installer.health.checks import host
from installer.health.checks.host import CLOCK, HOSTNAME
from installer.health.parsing import brief
from installer.health.preflight import probes
from installer.health.preflight.check import PreflightCheck, fails, holds, warns
from installer.health.preflight.facts import system
from installer.health.preflight.interfaces import Interfaces, Link, interfaces
from installer.health.preflight.records import listed
from installer.plan.rules import Level
from installer.plan.topology import Topology
from installer.steps.evidence import Evidence, Unreadable

MEANINGLESS = (
    "", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "03000200-0400-0500-0006-000700080009",
)  # fmt: skip
"""Board ids that a maker never set."""

Groups = Mapping[str, list[str]]
"""By machine, the machines that have something in common with it, itself included."""


def _grouped(evidence: Mapping[str, Evidence], key: Callable[[Evidence], str]) -> Groups:
    keys = {}
    for name, one in evidence.items():
        try:
            keys[name] = key(one)
        except Unreadable:
            continue
    return _alike(keys)


def _alike(keys: Mapping[str, str]) -> Groups:
    groups: dict[str, list[str]] = defaultdict(list)
    for name, key in keys.items():
        groups[key].append(name)
    return {name: groups[key] for name, key in keys.items()}


def _self(evidence: Evidence) -> str:
    """What only one running machine has: its boot, its id and the MAC addresses of its interfaces."""
    found = system(evidence)
    if not found.boot_id:
        raise Unreadable("the machine didn't say which boot it is in")
    macs = sorted({link.mac for link in interfaces(evidence).links.values() if link.mac})
    return " ".join((found.boot_id, found.machine_id, *macs))


def _machine_id(evidence: Evidence) -> str:
    return system(evidence).machine_id


def _product_uuid(evidence: Evidence) -> str:
    found = system(evidence)
    # Containers see the board of the computer that they share.
    return "" if found.container else found.product_uuid


def _host_key(evidence: Evidence) -> str:
    return " ".join(evidence.host_key.split()[:2])


def _selves(_topology: Topology, evidence: Mapping[str, Evidence]) -> Groups:
    return _grouped(evidence, _self)


def _machine_ids(_topology: Topology, evidence: Mapping[str, Evidence]) -> Groups:
    return _grouped(evidence, _machine_id)


def _product_uuids(_topology: Topology, evidence: Mapping[str, Evidence]) -> Groups:
    return _grouped(evidence, _product_uuid)


def _host_keys(_topology: Topology, evidence: Mapping[str, Evidence]) -> Groups:
    return _grouped(evidence, _host_key)


def _interfaces(_topology: Topology, evidence: Mapping[str, Evidence]) -> Mapping[str, Interfaces]:
    found = {}
    for name, one in evidence.items():
        try:
            found[name] = interfaces(one)
        except Unreadable:
            continue
    return found


def _links(topology: Topology, evidence: Mapping[str, Evidence]) -> Mapping[str, Link]:
    """By machine, the interface that has the plan's address."""
    known = _interfaces(topology, evidence)
    links = {one.name: known[one.name].link(one.located) for one in topology.machines if one.name in known}
    return {name: link for name, link in links.items() if link}


def _macs(topology: Topology, evidence: Mapping[str, Evidence]) -> Groups:
    return _alike({name: link.mac for name, link in _links(topology, evidence).items() if link.mac})


def _mtus(topology: Topology, evidence: Mapping[str, Evidence]) -> Groups:
    return _alike({name: str(link.mtu) for name, link in _links(topology, evidence).items() if link.mtu})


def _holders(topology: Topology, evidence: Mapping[str, Evidence]) -> Mapping[IPv4Address, list[str]]:
    """By address, the machines that have it."""
    holders: dict[IPv4Address, list[str]] = defaultdict(list)
    for name, known in _interfaces(topology, evidence).items():
        for at in known.addresses:
            holders[at].append(name)
    return holders


def _answers(topology: Topology, evidence: Mapping[str, Evidence]) -> Mapping[IPv4Address, list[tuple[str, str]]]:
    """By address, (machine, MAC address) for each machine that was answered for it.

    One MAC address behind several neighbours is a router that answers for all of them, as in clouds: it is left out.
    """
    answers: dict[IPv4Address, list[tuple[str, str]]] = defaultdict(list)
    for name, known in _interfaces(topology, evidence).items():
        times = Counter(known.neighbours.values())
        for at, mac in known.neighbours.items():
            if times[mac] == 1:
                answers[at].append((name, mac))
    return answers


def _sharing(subject: Subject, groups: Groups) -> list[str]:
    """The other machines of the group that the machine is in."""
    return [other for other in groups.get(subject.machine.name, []) if other != subject.machine.name]


def _one_machine(subject: Subject) -> Judgement:
    _self(subject.evidence)
    same = _sharing(subject, subject.across(_selves))
    return fails(f"this is the same machine as {listed(same)}") if same else holds("a machine of its own")


def _unique_machine_id(subject: Subject) -> Judgement:
    own = _machine_id(subject.evidence)
    if not own:
        return warns("it has none")
    same = _apart(subject, _machine_ids)
    return fails(f"{brief(own)}, as {listed(same)} has: one was copied from the other") if same else holds(brief(own))


def _unique_product_uuid(subject: Subject) -> Judgement:
    own = _product_uuid(subject.evidence)
    if own in MEANINGLESS:
        return holds("none of its own")
    same = _apart(subject, _product_uuids)
    return fails(f"{brief(own)}, as {listed(same)} has") if same else holds(brief(own))


def _unique_host_key(subject: Subject) -> Judgement:
    if not _host_key(subject.evidence):
        raise Unreadable("the connection doesn't say which host key it saw")
    same = _apart(subject, _host_keys)
    return warns(f"the same as {listed(same)} has: one can impersonate the other") if same else holds("its own")


def _unique_mac(subject: Subject) -> Judgement:
    link = interfaces(subject.evidence).link(subject.machine.located)
    if not link or not link.mac:
        raise Unreadable("the MAC address of the interface with the plan's address is not known")
    same = _apart(subject, _macs)
    return fails(f"{brief(link.mac)} on {brief(link.name)}, as {listed(same)} has") if same else holds(brief(link.mac))


def _apart(subject: Subject, derive: Callable[[Topology, Mapping[str, Evidence]], Groups]) -> list[str]:
    """The other machines that share what `derive` groups by, without those that are this very machine."""
    one = _sharing(subject, subject.across(_selves))
    return [name for name in _sharing(subject, subject.across(derive)) if name not in one]


def _address_owner(subject: Subject) -> Judgement:
    planned, name = subject.machine.located, subject.machine.name
    one = {name, *_sharing(subject, subject.across(_selves))}
    holders = [other for other in subject.across(_holders).get(planned, []) if other not in one]
    if holders:
        return fails(f"{planned} is on {listed(holders)} as well")
    known = interfaces(subject.evidence)
    link = known.link(planned)
    if not link or not link.mac:
        raise Unreadable("the MAC address of the interface with the plan's address is not known")
    own = {found.mac for found in known.links.values()}
    strange = [(other, mac) for other, mac in subject.across(_answers).get(planned, []) if mac not in own]
    if strange:
        seers = listed([other for other, _ in strange])
        return fails(f"{seers} sees {planned} at {brief(strange[0][1])}, which is not this machine's {link.mac}")
    return holds("no other machine has its address")


def _same_mtu(subject: Subject) -> Judgement:
    link, groups = subject.across(_links).get(subject.machine.name), subject.across(_mtus)
    if not link or not link.mtu:
        raise Unreadable("the interface with the plan's address is not known, nor its MTU")
    most = max(groups, key=lambda name: len(groups[name]))
    if len(groups[subject.machine.name]) < len(groups[most]):
        usual = subject.across(_links)[most].mtu
        remedy = f"ip link set dev {brief(link.name)} mtu {usual}"
        return warns(f"{link.mtu}, where {len(groups[most])} machines have {usual}", remedy)
    return holds(f"{link.mtu}, as most machines")


_HOST = {check.id: check for check in host.CHECKS}

FIRST = (
    PreflightCheck("clock", _HOST["clock"].title, Level.NEEDED, _HOST["clock"].judge, (CLOCK,), alone=False,
        what="within a second of the median of all machines; more than 30 seconds fail",
        remedy="timedatectl set-ntp true, or check that udp 123 leaves the machine (N9)"),
    PreflightCheck("host-key", _HOST["host-key"].title, Level.NEEDED, _HOST["host-key"].judge, (CLOCK,),
        what="the server shows the host key that is pinned",
        remedy="find out why before anything else: another machine may be answering in its place"),
)  # fmt: skip
"""What is asked first: the clock's reading is as exact as the answer is quick."""

_WHO = (probes.SYSTEM, probes.NETWORK)

CHECKS = (
    PreflightCheck("one-machine", "one machine", Level.NEEDED, _one_machine, _WHO, alone=False,
        what="no two machines of the plan are one and the same",
        remedy="give each machine once in the plan: two of its addresses lead to the same one"),
    PreflightCheck("hostname", _HOST["hostname"].title, Level.NEEDED, _HOST["hostname"].judge, (HOSTNAME,), alone=False,
        what="no two machines call themselves the same",
        remedy="hostnamectl set-hostname NAME, another on each machine"),
    PreflightCheck("machine-id", "machine id", Level.NEEDED, _unique_machine_id, _WHO, alone=False,
        what="/etc/machine-id is unique: the overlay's MAC addresses are made of it",
        remedy="rm /etc/machine-id /var/lib/dbus/machine-id; systemd-machine-id-setup; then restart"),
    PreflightCheck("product-uuid", "board id", Level.NEEDED, _unique_product_uuid, _WHO, alone=False,
        what="/sys/class/dmi/id/product_uuid is unique, as kubeadm asks; machines without one are accepted",
        remedy="give each virtual machine a UUID of its own in its hypervisor"),
    PreflightCheck("mac-address", "MAC address", Level.NEEDED, _unique_mac, _WHO, alone=False,
        what="the MAC address of the plan's address is unique, as kubeadm asks",
        remedy="give each virtual machine a MAC address of its own in its hypervisor"),
    PreflightCheck("own-host-key", "own host key", Level.SHOULD, _unique_host_key, _WHO, alone=False,
        what="no two machines share an SSH host key",
        remedy="rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh; then pin the new key"),
    PreflightCheck("address-owner", "owner of the address", Level.NEEDED, _address_owner, _WHO, alone=False,
        what="nobody else has the machine's address, or answers for it",
        remedy="find who answers (arping, ip neigh), and give each machine an address of its own"),
    PreflightCheck("same-mtu", "same MTU", Level.SHOULD, _same_mtu, (probes.NETWORK,), alone=False,
        what="the MTU is that of the other machines", remedy="ip link set dev INTERFACE mtu 1500"),
)  # fmt: skip
