"""Preflight checks of how a machine finds others by name, and through which proxy."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from installer.common.text import whole_number
from installer.health.check import Judgement, Subject
from installer.health.parsing import brief
from installer.health.preflight import probes
from installer.health.preflight.check import PreflightCheck, fails, holds, warns
from installer.health.preflight.records import Records, listed, network, records
from installer.health.preflight.system import SLOW_LOOKUP
from installer.health.probing import api_host
from installer.plan.rules import Level
from installer.steps.evidence import Unreadable

MAX_SERVERS = 3
"""The kubelet, like glibc, uses no more."""
MAX_SEARCH = 29
"""The kubelet allows 32 search domains, and adds three of the cluster's."""
_NO_ANSWER = ("124", "137", "143")


def _servers(reported: Records, kind: str) -> list[str]:
    return [words[1] for rest in reported.all(kind) if (words := rest.split())[:1] == ["nameserver"] and len(words) > 1]


def _is_loopback(server: str) -> bool:
    return server.startswith("127.") or server == "::1"


def _resolver(subject: Subject) -> Judgement:
    reported = records(subject.evidence, probes.RESOLVER)
    servers, upstream = _servers(reported, "resolv"), _servers(reported, "upstream")
    real = [server for server in (*servers, *upstream) if not _is_loopback(server)]
    if not servers:
        return fails("/etc/resolv.conf names no name server")
    dead = _unanswered(subject, reported)
    if dead:
        return fails(f"{listed(real or servers)} did not answer: {dead}")
    if not real:
        seen = f"only {listed(servers)}: the cluster's DNS would ask itself"
        return warns(seen, "name the real servers in /etc/resolv.conf, or run systemd-resolved")
    asked = list(dict.fromkeys(real if _is_loopback(servers[0]) else servers))
    if len(asked) > MAX_SERVERS:
        return warns(f"{len(asked)} name servers, of which pods use {MAX_SERVERS}", f"keep {MAX_SERVERS} of them")
    domains = {word for rest in (*reported.all("resolv"), *reported.all("upstream")) for word in _search(rest)}
    if len(domains) > MAX_SEARCH:
        return warns(
            f"{len(domains)} search domains; the kubelet leaves out what is over {MAX_SEARCH}", "shorten the list"
        )
    if not subject.plan.artifacts.mirror and _status(reported, probes.DOWNLOADS) not in ("0", ""):
        return warns(
            f"{listed(asked)} does not know {probes.DOWNLOADS}",
            "let it resolve public names, name a mirror in the plan, or bring the artifacts with --artifacts",
        )
    return holds(f"{listed([brief(server) for server in asked])} answers")


def _search(rest: str) -> list[str]:
    words = rest.split()
    return words[1:] if words[:1] in (["search"], ["domain"]) else []


def _status(reported: Records, name: str) -> str:
    return next((row[1] for row in reported.rows("lookup", 3) if row[0] == name), "")


def _unanswered(subject: Subject, reported: Records) -> str:
    """Lookups that got no answer, in words, if none got one; the machine's own name may stand in its hosts file."""
    tried = [row for row in reported.rows("lookup", 3) if row[0] in (api_host(subject.topology), probes.DOWNLOADS)]
    if not tried:
        raise Unreadable("the machine tried no name")
    dead = [
        row for row in tried if row[1] in _NO_ANSWER or (row[1] != "0" and (whole_number(row[2]) or 0) >= SLOW_LOOKUP)
    ]
    return listed([f"{row[0]} took {brief(row[2])} s" for row in dead]) if len(dead) == len(tried) else ""


def _variables(rows: Iterable[list[str]]) -> dict[str, str]:
    """Proxy variables of root's environment, in lower case; what commands really have wins over the file."""
    found: dict[str, str] = {}
    for source, assignment in rows:
        key, given, value = assignment.removeprefix("export ").partition("=")
        if given and source in ("env", "file") and (source == "env" or key.lower() not in found):
            found[key.strip().lower()] = value.strip().strip("\"'")
    return found


def _proxy(subject: Subject) -> Judgement:
    found = _variables(records(subject.evidence, probes.PROXY).rows("proxy", 2))
    used = next((key for key in ("https_proxy", "http_proxy", "all_proxy") if found.get(key)), None)
    if not used:
        return holds("none")
    networks = subject.plan.networks
    inside = [IPv4Network(machine.located) for machine in subject.topology.machines]
    entries = [entry.strip() for entry in found.get("no_proxy", "").split(",")]
    missing = [one for one in (networks.pods, networks.services, *inside) if not _covered(one, entries)]
    through = f"{used} is {brief(found[used])}"
    if not missing:
        return holds(f"{through}; no_proxy leaves the cluster out")
    words = [str(one.network_address) if one.prefixlen == 32 else str(one) for one in missing]
    return warns(
        f"{through}, and no_proxy does not leave out {listed(words)}", f"add to no_proxy: {','.join(words[:8])}"
    )


def _covered(wanted: IPv4Network, entries: list[str]) -> bool:
    return "*" in entries or any((one := network(entry)) and wanted.subnet_of(one) for entry in entries)


CHECKS = (
    PreflightCheck("resolver", "name servers", Level.NEEDED, _resolver, (probes.RESOLVER,),
        what="a name server answers (N9), and pods can ask it as well",
        remedy="fix /etc/resolv.conf, or let udp and tcp 53 leave the machine"),
    PreflightCheck("proxy", "proxy", Level.SHOULD, _proxy, (probes.PROXY,),
        what="no proxy stands between the machines, pods and services",
        remedy="add the networks of machines, pods and services to no_proxy in /etc/environment"),
)  # fmt: skip
