"""What machines are asked: every probe as a value. What each prints stands in gather.py."""

from __future__ import annotations

import shlex
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from installer.health.reach import pairs
from installer.plan.rules import Role
from installer.steps.evidence import Probe

if TYPE_CHECKING:
    from installer.plan.topology import Machine, Topology

_MASTER = (Role.MASTER,)
_PKI = "/etc/kubernetes/pki"
_SHOW = 'while read -r key rest; do echo "$key $rest";'
"""Begins a loop over the lines of a short file, by the shell alone."""


@cache
def asset(name: str) -> str:
    """The text of a file under assets/health."""
    return files("assets").joinpath("health", name).read_text(encoding="utf-8")


def _quick_asset(name: str) -> Probe:
    return Probe(name, lambda _machine, _topology: asset(f"{name}.sh"), quick=True)


def _quick_line(name: str, command: str) -> Probe:
    return Probe(name, lambda _machine, _topology: command, quick=True)


def _line(name: str, command: str, roles: tuple[Role, ...] = tuple(Role)) -> Probe:
    return Probe(name, lambda _machine, _topology: command, roles)


def api_host(topology: Topology) -> str:
    """The API server's name (contract rule D1)."""
    return next(record.name for record in topology.records if record.rule == "D1")


def _apiserver(_machine: Machine, topology: Topology) -> str:
    # This machine's own API server, under the name that its certificate is sure to carry.
    host = api_host(topology)
    url = shlex.quote(f"https://{host}:6443/readyz")
    local = shlex.quote(f"{host}:6443:127.0.0.1")
    return f"curl -sS --noproxy '*' --max-time 8 --cacert {_PKI}/ca.crt --resolve {local} {url}"


def _nodes(machine: Machine, _topology: Topology) -> str:
    # This machine's own API server: the name may lead to a master that is down.
    return f"server={shlex.quote(f'https://{machine.located}:6443')}\n" + asset("nodes.sh")


def _names(_machine: Machine, topology: Topology) -> str:
    names = " ".join(shlex.quote(record.name) for record in topology.records)
    return f"set -- {names}\n" + asset("names.sh")


def _reach(machine: Machine, topology: Topology) -> str:
    targets = pairs.targets(machine, topology)
    flows = dict.fromkeys((target.protocol, target.address, target.port) for target in targets)
    lines = "".join(f"# target {protocol} {address} {port}\n" for protocol, address, port in flows)
    return f"{asset('reach.sh')}reach <<'targets'\n{lines}targets\n"


CLOCK = _quick_line("clock", "exec date +%s.%N")
HOSTNAME = _quick_line("hostname", 'read -r name </proc/sys/kernel/hostname && echo "$name"')
MEMORY = _quick_line("memory", f"{_SHOW} [ $key != Cached: ] || break; done </proc/meminfo")
DISK = _quick_asset("disk")
SWAP = _quick_line("swap", f"{_SHOW} done </proc/swaps")
MODULES = _quick_asset("modules")
SYSCTLS = _quick_asset("sysctls")
CONTAINERD = _line("containerd", "systemctl is-active containerd")
KUBELET = _line("kubelet", "curl -sS --noproxy '*' --max-time 5 http://127.0.0.1:10248/healthz")
APISERVER = Probe("apiserver", _apiserver, _MASTER)
ETCD_HEALTH = _line("etcd-health", "curl -sS --noproxy '*' --max-time 5 http://127.0.0.1:2381/health", _MASTER)
ETCD_MEMBERS = _line(
    "etcd-members",
    f"curl -sS --noproxy '*' --max-time 8 --cacert {_PKI}/etcd/ca.crt "
    f"--cert {_PKI}/etcd/healthcheck-client.crt --key {_PKI}/etcd/healthcheck-client.key "
    "-X POST -d '{}' https://127.0.0.1:2379/v3/cluster/member/list",
    _MASTER,
)
NODES = Probe("nodes", _nodes, _MASTER, seconds=20)
NAMES = Probe("names", _names)
FIREWALL = _line(
    "firewall",
    # In short lines: what a machine says in one that is very long is cut.
    "[ ! -e /etc/craton/firewall.nft ] || nft -j list table inet craton 2>/dev/null | sed 's/, /,\\n/g'",
)
"""The machine's own table of the contract's rules, where it has one; judged rule by rule, not by a check."""
REACH = Probe("reach", _reach, seconds=60)
