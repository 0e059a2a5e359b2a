"""Looks at a cluster from this computer: do its names answer with the right certificate, and do others' ports not?"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from installer.common.errors import InstallerError
from installer.health.check import Verdict
from installer.health.ending import USUAL, Limits, left
from installer.health.outside import Outside, Seen

if TYPE_CHECKING:
    from installer.common.paths import ClusterDirectory
    from installer.plan.model import InstallPlan
    from installer.plan.topology import Topology
    from installer.steps.world import World

_SECONDS = 3.0
"""In which a server has to answer."""
_MACHINES = 8
"""At most so many machines' metrics are asked for."""
_PORTS = {"D1": 6443, "D2": 443}


def look(world: World, directory: ClusterDirectory) -> Outside:
    """What this computer sees; nothing of stand-ins, which nobody reaches."""
    plan = world.plan
    if plan.traits.stand_ins:
        return Outside()
    topology = _from_here(world)
    machines = [each for each in topology.machines if each.address and plan.addons.node_exporter][:_MACHINES]
    records = [record for record in topology.records if record.rule == "D1" or plan.addons.ingress]
    with ThreadPoolExecutor(max(1, len(machines) + len(records)), thread_name_prefix="outside") as pool:
        answers = {each.name: pool.submit(_answers, str(each.address), 9100) for each in machines}
        names = {}
        for record in records:
            authority = _authority(plan, directory, record.rule)
            addresses = topology.addresses(record)
            look_up = partial(_name, renewed=record.rule == "D2" and plan.certificate.source == "acme")
            names[record.rule] = pool.submit(look_up, record.name, _PORTS[record.rule], addresses, authority)
    seen = {rule: looked.result() for rule, looked in names.items()}
    return Outside(seen, tuple(name for name, answer in answers.items() if answer.result()))


def _from_here(world: World) -> Topology:
    """With the addresses at which this computer reaches machines: those of a cloud have other ones between themselves.

    Something else may have those in this computer's own network.
    """
    if not world.plan.traits.assigns_addresses:
        return world.topology
    machines = tuple(replace(each, address=_public(world, each.name)) for each in world.topology.machines)
    return replace(world.topology, machines=machines)


def _public(world: World, machine: str) -> IPv4Address | None:
    """None while the machine can't be reached, or where it is reached by a name."""
    try:
        return IPv4Address(world.platform.endpoint(machine).address)
    except (InstallerError, ValueError):
        return None


def _authority(plan: InstallPlan, directory: ClusterDirectory, rule: str) -> str | None:
    """In PEM, what should have signed the certificate; empty for one that every system knows, None if nobody knows."""
    from installer.cluster import admin_access
    from installer.cluster.console_certificate import issuer_certificate
    from installer.cluster.tls.authority import authority_file

    try:
        if rule == "D1":
            return admin_access.read_kept(directory.kubeconfig, plan).authority_text
        if plan.certificate.source == "craton" and not authority_file(directory).exists():
            return None
        return issuer_certificate(plan, directory)
    except (OSError, InstallerError, admin_access.AccessError):
        return None


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), _SECONDS):
            return True
    except OSError:
        return False


def _name(host: str, port: int, planned: Sequence[str], authority: str | None, *, renewed: bool = False) -> Seen:
    """Whether each address of the name answers here with a certificate for it that `authority` signed.

    A name that this computer does not know is tried at its planned addresses. `renewed` says that cert-manager looks
    after the certificate.
    """
    if authority is None:
        return Seen(Verdict.NOT_APPLICABLE, "not looked at from this computer: it has no certificate to judge by")
    known = tuple(dict.fromkeys(_resolved(host)))
    seen = [_shown(host, address, port, authority) for address in known or planned]
    if not seen:
        return Seen(Verdict.NOT_APPLICABLE, "not looked at from this computer: no address is known")
    wrong = [one for one in seen if isinstance(one, Seen)]
    if wrong:
        bad = next((one for one in wrong if one.verdict is Verdict.FAIL), wrong[0])
        # Where this computer doesn't know the name, nobody meant it to get there.
        verdict = bad.verdict if known or bad.verdict is Verdict.FAIL else Verdict.NOT_APPLICABLE
        return Seen(verdict, bad.words)
    ends, begins = min((one.ends, one.begins) for one in seen if not isinstance(one, Seen))
    verdict = (Limits.renewed_in_time(ends - begins) if renewed else USUAL).judge(ends, now := time.time())
    note = "" if known else "; this computer does not know the name"
    return Seen(verdict, f"the right certificate from this computer, {left(ends, now)}{note}")


def _resolved(host: str) -> Iterator[str]:
    try:
        for *_, address in socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM):
            yield str(address[0])
    except (OSError, UnicodeError):
        return


@dataclass(frozen=True, slots=True)
class _Term:
    """From when to when a certificate is good, in Unix seconds."""

    begins: float
    ends: float


def _shown(host: str, address: str, port: int, authority: str) -> _Term | Seen:
    """The term of the certificate that is shown at `address`, or what is wrong there."""
    try:
        context = ssl.create_default_context(cadata=authority or None)
        with (
            socket.create_connection((address, port), _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as shown,
        ):
            certificate = shown.getpeercert() or {}
            term = (ssl.cert_time_to_seconds(str(certificate.get(end, ""))) for end in ("notBefore", "notAfter"))
            return _Term(*term)
    except ssl.SSLCertVerificationError as error:
        return Seen(Verdict.FAIL, f"{address}:{port} shows a wrong certificate: {error.verify_message}")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Seen(Verdict.WARN, f"{address}:{port} does not answer here: {why}")
