"""What a machine is prepared with: lines `KEY='value'` for `craton-node prepare` and `craton-node hosts`. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from ipaddress import IPv4Address

from installer.artifacts.catalogue import ARCHITECTURES, image_archives, pause_image, wanted
from installer.artifacts.container_images import images_of
from installer.common import no_proxy, web_address
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, Topology

_NO_SUM = _NOWHERE = "-"


def configuration(plan: InstallPlan, topology: Topology, machine: str) -> str:
    """The configuration of `machine`; its keys are explained in assets/node/lib/configuration.sh."""
    return "".join(f"{key}='{value}'\n" for key, value in _entries(plan, topology, machine))


def configuration_sum(text: str) -> str:
    """What `status` of a machine says that was prepared with `text`."""
    return hashlib.sha256(text.encode()).hexdigest()


def _entries(plan: InstallPlan, topology: Topology, machine: str) -> Iterator[tuple[str, str]]:
    artifacts, own = plan.artifacts, topology.machine(machine)
    yield "CLUSTER", plan.name
    yield "MACHINE", machine
    yield "ROLE", own.role
    yield "KUBERNETES", plan.kubernetes
    yield "PAUSE_IMAGE", pause_image(plan)
    if artifacts.mirror:
        yield "REGISTRY", artifacts.mirror  # one that is no registry answers 404, and the image's own is asked
    if artifacts.proxy:
        yield "PROXY", artifacts.proxy
        yield "NO_PROXY", ",".join(unproxied(plan, topology))
    yield "ADDRESS", str(own.located)
    if not (plan.traits.inventory or plan.traits.keeps_keys):
        yield "LOGIN", " ".join((plan.ssh.user, *(plan.ssh.public_key or "").split()[:2]))
    for address, name in names_on(topology, own):
        yield "HOST", f"{address} {name}"
    if topology.has_api_proxy(own):
        masters = (str(master.located) for master in topology.of_role(Role.MASTER))
        yield "API", " ".join((plan.api_host, *masters))
    if topology.virtual_address and own.role is Role.MASTER:
        yield "VIRTUAL", " ".join(_virtual(topology, own))
    for architecture in ARCHITECTURES:
        for artifact in wanted(plan, architecture):
            known = artifacts.sums.get(artifact.path, _NO_SUM)
            yield (
                "ARTIFACT",
                f"{artifact.name} {architecture} {artifact.path} {known} {artifact.url(artifacts.mirror)}",
            )
    for image in images_of(plan, own.role):
        if digest := artifacts.digests.get(image):
            yield "DIGEST", f"{image} {digest}"
    for path in image_archives(plan, own.role):
        # Nobody publishes them: without a mirror they come from a directory of --artifacts alone.
        url = f"{artifacts.mirror}/{path}" if artifacts.mirror else _NOWHERE
        yield "IMAGE", f"{path} {artifacts.sums[path]} {url}"


_PRIORITY = 150
"""VRRP's, of the first master; less 100 for one whose API server isn't ready, it stays above 0 on all five."""


def _virtual(topology: Topology, machine: Machine) -> Iterator[str]:
    """The API's virtual address, VRRP's number of it and the machine's priority, then the other masters' addresses.

    Adverts go to these alone, so that another cluster's number doesn't matter.
    """
    address = IPv4Address(topology.virtual_address)
    yield str(address)
    yield str(int(address) % 256 or 255)
    yield str(_PRIORITY - machine.number)
    yield from (str(master.located) for master in topology.of_role(Role.MASTER) if master.name != machine.name)


def names_on(topology: Topology, machine: Machine) -> Iterator[tuple[str, str]]:
    """Addresses and names that `machine` has to find without a name server: the contract's, and the masters'.

    No other machine's: a worker that joins changes nothing on those that run. Where the API's name leads to the
    machine's own proxy, the machine adds that name itself once the proxy runs.
    """
    for record in topology.records:
        if record.rule != "D1" or not topology.has_api_proxy(machine):
            for address in topology.addresses_on(machine, record):
                yield address, record.name
    for master in topology.of_role(Role.MASTER):
        yield str(master.located), master.name


def unproxied(plan: InstallPlan, topology: Topology) -> tuple[str, ...]:
    """Where machines go without the proxy: masters, pods, services, the cluster's own names, and what the plan adds.

    A mirror that any of it covers is named by itself as well: curl before 7.86 knows no networks and no ports here.
    """
    added = no_proxy.entries(plan.artifacts.no_proxy or "")
    if "*" in added:
        return ("*",)  # curl knows it only as the whole value
    everything = (*_own(plan, topology), *added)
    mirror = web_address.parse(plan.artifacts.mirror) if plan.artifacts.mirror else None
    if mirror and mirror.hostname and no_proxy.matching(mirror.hostname, web_address.port(mirror), everything):
        everything = (*everything, mirror.hostname)
    return tuple(dict.fromkeys(everything))


def _own(plan: InstallPlan, topology: Topology) -> tuple[str, ...]:
    machines = (
        tuple(str(master.located) for master in topology.of_role(Role.MASTER))
        if plan.traits.inventory
        else (str(plan.networks.machines),)
    )
    return (
        "localhost",
        "127.0.0.1",
        *machines,
        str(plan.networks.pods),
        str(plan.networks.services),
        ".svc",
        ".cluster.local",
        plan.api_host,
        plan.console_host,
    )
