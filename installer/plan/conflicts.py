"""The rules between fields of a plan, its platform's included. What each field allows by itself is in the settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from installer.plan import connectors
from installer.plan.conflict import SECTION, Conflict, ConflictRule, FieldPath
from installer.plan.fields import can_be_made

if TYPE_CHECKING:
    from installer.plan.settings import PlanSettings


def conflicts(plan: PlanSettings, unknown: Collection[FieldPath] = ()) -> Iterator[Conflict]:
    """Yield what breaks a rule between fields; rules that read a field of `unknown` are left out."""
    for rule in _RULES:
        if _known(rule, plan, unknown):
            yield from rule.find(plan)
    for rule in plan.registration.conflicts:
        if _known(rule, plan, unknown):
            yield from rule.find(plan, plan.settings)


def _known(rule: ConflictRule, plan: PlanSettings, unknown: Collection[FieldPath]) -> bool:
    reads = [(plan.platform, *read[1:]) if read[0] == SECTION else read for read in rule.reads]
    return not any(_overlap(path, read) for path in unknown for read in reads)


def _overlap(one: FieldPath, other: FieldPath) -> bool:
    """Whether one path is the other, or leads to it."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _nowhere_to_run(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.workers == 0 and not plan.schedulable_masters:
        yield (
            ("workers",),
            "0",
            "You need at least one worker, unless masters may run workloads.",
        )


def _infra_with_balancer(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.ingress.kind == "load-balancer" and plan.ingress.infra is not None:
        yield (
            ("ingress", "infra"),
            str(plan.ingress.infra),
            "A load balancer replaces infra nodes. Remove the number of infra nodes, or choose kind: infra.",
        )


def _dns_server(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.dns.provider == "rfc2136":
        for name, what in (("server", "server"), ("key_name", "name of the key"), ("key_file", "file of the key")):
            if getattr(plan.dns, name) is None:
                yield (
                    ("dns", name),
                    "nothing",
                    f"Updates of a zone need the {what}. Enter it, or choose provider: hosts.",
                )
        zone = plan.dns.zone or plan.subdomain
        if plan.subdomain != zone and not plan.subdomain.endswith(f".{zone}"):
            yield ("dns", "zone"), f"'{zone}'", f"{plan.subdomain} is not in the zone {zone}. Choose the zone above it."


_OF_ACCOUNTS = {
    "route53": ("Route 53", ("profile", "hosted_zone")),
    "cloud-dns": ("Cloud DNS", ("project", "impersonate", "managed_zone")),
}
"""DNS providers that keep zones in accounts: their names, and the fields that they alone read."""


def _dns_account(plan: PlanSettings) -> Iterator[Conflict]:
    for provider, (service, fields) in _OF_ACCOUNTS.items():
        for name in fields:
            given = getattr(plan.dns, name)
            if plan.dns.provider != provider and given is not None:
                message = f"Only {service} needs it. Remove it, or choose provider: {provider}."
                yield ("dns", name), f"'{given}'", message
    if plan.dns.provider in _OF_ACCOUNTS and plan.dns.zone is not None:
        service, fields = _OF_ACCOUNTS[plan.dns.provider]
        message = f"{service} calls its zones otherwise. Remove this, or name the zone in dns.{fields[-1]}."
        yield ("dns", "zone"), f"'{plan.dns.zone}'", message


def _charts(plan: PlanSettings) -> Iterator[Conflict]:
    seen: set[str] = set()
    for number, each in enumerate(plan.addons.charts):
        at = ("addons", "charts", number)
        if each.name in seen:
            yield (*at, "name"), f"'{each.name}'", "Another chart has this name. Choose one of its own."
        seen.add(each.name)
        bare = not each.is_local and not each.chart.startswith("oci://")
        if bare and each.repository is None:
            yield (*at, "repository"), "nothing", "Name the repository that has the chart, or give a path or oci://."
        if not bare and each.repository is not None:
            yield (*at, "repository"), f"'{each.repository}'", "The chart says itself where it is. Remove this."
        if not each.is_local and each.version is None:
            yield (*at, "version"), "nothing", "Give the exact version: what is installed is what was reviewed."


def _addons_without_ingress(plan: PlanSettings) -> Iterator[Conflict]:
    for name in ("gateway", "sign_in", "console"):
        if getattr(plan.addons, name) and not plan.addons.ingress:
            message = "It answers behind the ingress controller. Switch addons.ingress on, or this off."
            yield ("addons", name), "true", message


def _connectors(plan: PlanSettings) -> Iterator[Conflict]:
    seen: set[str] = set()
    for number, each in enumerate(plan.sign_in.connectors):
        at = ("sign_in", "connectors", number)
        if each.id in seen:
            yield (*at, "id"), f"'{each.id}'", "Another connector has this id. Choose one of its own."
        seen.add(each.id)
        for field in connectors.NEEDED[each.type]:
            if getattr(each, field) is None:
                yield (*at, field), "nothing", f"A connector of type {each.type} needs {field}."


def _certificate_files(plan: PlanSettings) -> Iterator[Conflict]:
    chosen = plan.certificate
    for name, given, what in (("file", chosen.file, "certificate"), ("key", chosen.key, "private key")):
        if chosen.source in ("ca", "files") and given is None:
            yield ("certificate", name), "nothing", f"Name the file of the {what}, or choose source: craton."
        if chosen.source in ("craton", "acme") and given is not None:
            who = "Craton makes its own CA" if chosen.source == "craton" else "The ACME server gives the certificate"
            yield (
                ("certificate", name),
                f"'{given}'",
                f"{who} and needs no file. Remove it, or choose source: ca or files.",
            )


def _acme(plan: PlanSettings) -> Iterator[Conflict]:
    chosen = plan.certificate
    for name in ("directory", "email", "account", "account_key", "trust"):
        given = getattr(chosen, name)
        if chosen.source != "acme" and given is not None:
            yield ("certificate", name), f"'{given}'", "Only ACME needs it. Remove it, or choose source: acme."
    if chosen.source != "acme":
        return
    if chosen.account and not chosen.account_key:
        yield ("certificate", "account_key"), "nothing", "Name the file with the account's HMAC key."
    if chosen.account_key and not chosen.account:
        yield ("certificate", "account"), "nothing", "Give the account's key id, as your CA shows it next to the key."
    if chosen.challenge == "dns-01" and plan.dns.provider != "rfc2136":
        message = "dns-01 changes a zone, so it needs dns.provider: rfc2136. Set that, or choose challenge: http-01."
        if found := _OF_ACCOUNTS.get(plan.dns.provider):
            message = (
                f"cert-manager would need credentials of your {found[0]} account in the cluster, and Craton puts none "
                "there. Choose challenge: http-01."
            )
        yield ("certificate", "challenge"), "'dns-01'", message
    if chosen.challenge == "dns-01" and plan.dns.algorithm == "hmac-sha384":
        message = "cert-manager, which answers dns-01, signs with hmac-sha256 or hmac-sha512. Choose one of them."
        yield ("dns", "algorithm"), "'hmac-sha384'", message


def _no_balancer(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.ingress.kind == "load-balancer" and not plan.load_balancers:
        yield (
            ("ingress", "kind"),
            "'load-balancer'",
            f"{plan.traits.unbalanced} Use infra nodes.",
        )


def _account_to_make(plan: PlanSettings) -> Iterator[Conflict]:
    if not plan.traits.inventory and not can_be_made(plan.ssh.user):
        message = (
            "Craton creates this account, so it takes a Linux name: up to 32 lowercase letters, digits, '_' and '-', "
            "not starting with a digit or '-'."
        )
        yield ("ssh", "user"), f"'{plan.ssh.user}'", message


def _networks_overlap(plan: PlanSettings, one: str, other: str) -> Iterator[Conflict]:
    first, second = getattr(plan.networks, one), getattr(plan.networks, other)
    if plan.traits.inventory and other == "machines":
        return  # own machines have the addresses that they have
    if first.overlaps(second):
        yield (
            ("networks", one),
            f"'{first}'",
            f"{first} overlaps the {_NOUNS[other]} network ({second}). Choose another.",
        )


def _machines_too_small(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.traits.inventory:
        return
    # Offsets of topology.address: workers start at 101; the last address of a network is its broadcast address.
    last_needed = 100 + plan.workers if plan.workers else 20 + plan.infra
    machines = plan.networks.machines
    if last_needed >= machines.num_addresses - 1:
        prefix = 32 - (last_needed + 1).bit_length()
        yield (
            ("networks", "machines"),
            f"'{machines}'",
            f"{machines} is too small for {plan.machine_count} machines. Use a /{prefix} or larger.",
        )


def _virtual_address(plan: PlanSettings) -> Iterator[Conflict]:
    if plan.networks.api_address is None:
        return
    given, networks = IPv4Address(plan.networks.api_address), plan.networks
    why = ""
    if not plan.traits.shared_link:
        why = f"{plan.traits.title} drops VRRP, so no address can move between masters. Use a load balancer."
    elif plan.ingress.kind == "load-balancer":
        why = "The API's name leads to the load balancer. Remove this, or choose ingress.kind: infra."
    elif plan.masters == 1:
        why = "With one master the address has nowhere to move. Remove this, or choose 3 or 5 masters."
    elif taken := next((one for one in (networks.pods, networks.services) if given in one), None):
        why = f"{given} is in {taken}, the network of pods or services. Choose an address in the machines' network."
    elif plan.traits.inventory:
        if any(given == host.node_address for host in plan.inventory):
            why = f"{given} is one of your machines. Choose an address that nothing has."
    elif given not in networks.machines or int(given) - int(networks.machines.network_address) not in _SPARE:
        first, last = networks.machines[_SPARE[0]], networks.machines[_SPARE[-1]]
        why = f"Choose an address from {first} to {last}: machines never get those."
    if why:
        yield ("networks", "api_address"), f"'{given}'", why


def _pods_too_small(plan: PlanSettings) -> Iterator[Conflict]:
    # flannel gives each node a /24 of the pod network.
    pods = plan.networks.pods
    blocks = 2 ** (24 - pods.prefixlen) if pods.prefixlen <= 24 else 0
    if blocks < plan.machine_count:
        prefix = 24 - (plan.machine_count - 1).bit_length()
        yield (
            ("networks", "pods"),
            f"'{pods}'",
            f"{pods} is too small: each of {plan.machine_count} nodes takes a /24. Use a /{prefix} or larger.",
        )


def _services_out_of_range(plan: PlanSettings) -> Iterator[Conflict]:
    services = plan.networks.services
    if not 12 <= services.prefixlen <= 24:
        yield (
            ("networks", "services"),
            f"'{services}'",
            f"{services} has the wrong size. Use a network from /12, the API server's limit, to /24.",
        )


_SPARE = range(6, 11)
"""Offsets in the machines' network between the balancer's address and the first master's (installer.plan.topology)."""
_NOUNS = {"machines": "machine", "pods": "pod"}
_NETWORKS = ("networks",)
_MACHINES, _PODS, _SERVICES = ("networks", "machines"), ("networks", "pods"), ("networks", "services")
_RULES = (
    ConflictRule((("workers",), ("schedulable_masters",)), _nowhere_to_run),
    ConflictRule((("ingress",),), _infra_with_balancer),
    ConflictRule((("certificate",),), _certificate_files),
    ConflictRule((("certificate",), ("dns",)), _acme),
    ConflictRule((("addons",),), _addons_without_ingress),
    ConflictRule((("addons", "charts"),), _charts),
    ConflictRule((("sign_in", "connectors"),), _connectors),
    ConflictRule((("dns",), ("subdomain",)), _dns_server),
    ConflictRule((("dns",),), _dns_account),
    ConflictRule((("ingress", "kind"), ("platform",), (SECTION, "load_balancers")), _no_balancer),
    ConflictRule((("ssh", "user"), ("platform",)), _account_to_make),
    ConflictRule((_PODS, _MACHINES), partial(_networks_overlap, one="pods", other="machines")),
    ConflictRule((_SERVICES, _MACHINES), partial(_networks_overlap, one="services", other="machines")),
    ConflictRule((_SERVICES, _PODS), partial(_networks_overlap, one="services", other="pods")),
    ConflictRule((_MACHINES, ("workers",), ("ingress",)), _machines_too_small),
    ConflictRule(
        (
            (*_NETWORKS, "api_address"),
            _MACHINES,
            _PODS,
            _SERVICES,
            ("platform",),
            ("masters",),
            ("ingress",),
            (SECTION, "inventory"),
        ),
        _virtual_address,
    ),
    ConflictRule((_PODS, ("masters",), ("workers",), ("ingress",)), _pods_too_small),
    ConflictRule((_SERVICES,), _services_out_of_range),
)
"""Every rule between fields that all platforms have, with the fields that it reads."""
