"""One round trip to a machine that brings back the evidence of all checks.

The script goes to `sh -s` on stdin, with root's rights (`sudo -n`), is POSIX shell, and has this shape; whoever
answers in a machine's place (a stand-in) need only read the lines that start with `#`:

    #: nonce 5f0c2b...                 first line; a new one each time
    ...
    #: probe clock                     one per probe, in order
    quick clock 10 '
    date +%s.%N
    '
    #: probe reach
    probe reach 60 '
    ...
    # target tcp 10.10.0.12 6443       one per port to be reached, inside the probe `reach`
    # target udp 10.10.0.12 4789
    ...
    '

The answer on stdout has one section per probe. Only markers that carry the nonce count, so no output can forge one:

    === 5f0c2b... clock
    1795381262.512345678
    === 5f0c2b... clock exit 0

Every probe is bounded in time (`timeout`, exit status 124) and in output, reads nothing from stdin, and cannot keep
the next one from running. One that is quick has no `timeout` around it, unless the machine has file systems of others.
Exit status 127 says that there is no such command. What each prints on a healthy machine:

    clock         1795381262.512345678
    hostname      demo-master-1
    memory        lines of /proc/meminfo, of them `MemTotal:        4026532 kB`
    disk          `df -Pk`: header, then `FILESYSTEM 1024-BLOCKS USED AVAILABLE CAPACITY% MOUNT` (repeats allowed)
    swap          /proc/swaps: a header, and no line after it
    modules       `overlay loaded`, `br_netfilter loaded`, `vxlan loaded` (or `builtin`, `missing`)
    sysctls       `net.ipv4.ip_forward = 1`, `net.bridge.bridge-nf-call-iptables = 1`
    containerd    active
    kubelet       ok
    serving       ok, if the kubelet shows a certificate of the cluster's CA; own, if it was never told to get one
    requests      `system:node:NAME` per kubelet whose request for a certificate waits                 masters
    expiry        after each line `#certificate PATH` its certificate (PEM, or a line `base64 ...`)
    console       `begins Nov 29 06:35:00 2026 GMT`, `expires Nov 29 06:35:00 2027 GMT`                masters
                  and `issuer C=US; O=ISRG; CN=E5` (where curl says it),
                  `status 200`, `#sign-in`,
                  and Dex's description of itself (JSON); `#signed-in` and `oidc:craton-probe@craton.invalid`
                  where the cluster has that account; `#gateway` and `True Programmed`, `#metrics` and
                  `True Passed` where Craton applied a Gateway and metrics-server
    exporter      the first of the node exporter's metrics, such as `node_arp_entries{device="cni0"} 4`
    virtual-address  none; with one, `active held` where it is, `active free` elsewhere             masters
    apiserver     ok; else lines such as `[-]etcd failed: reason withheld`                             masters
    etcd-health   {"health":"true","reason":""}                                                        masters
    etcd-members  {"members":[{"name":"demo-master-1","clientURLs":["https://10.10.0.11:2379"]},...]}  masters
    nodes         per node `NAME READY VERSION LABELS TAINTS`, e.g.                                    masters
                  `demo-worker-1 True v1.36.2 kubernetes.io/os=linux,node-role.kubernetes.io/node=true -`
                  (READY is True, False or Unknown; labels `key=value`, taints `key=value:effect`, a comma
                  between them, `-` for none)
    names         per name in the probe's line `set -- NAME NAME`: `NAME ADDRESS ADDRESS...`, e.g.
                  `demo-k8s.example.test 10.10.0.11 10.10.0.12`
    firewall      nft's JSON of the table `inet craton`, or nothing where there is none
    reach         per target `PROTOCOL ADDRESS PORT RESULT`; open, refused (nothing listens, nothing filters),
                  filtered or unknown
"""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from installer.common.errors import InstallerError
from installer.health.catalogue import CHECKS
from installer.health.check import Check
from installer.health.probing import asset
from installer.ssh.connection import as_root
from installer.steps.evidence import Evidence, Probe, Probed, last_line

if TYPE_CHECKING:
    from installer.plan.topology import Machine, Topology
    from installer.ssh.connection import Connection

COMMAND = "sh -s"
DEADLINE = 180.0
"""Seconds that suffice for a round trip in which several probes hang until they are cut off."""

_DIRECTIVE = "# shellcheck disable=SC2016 # for the shell of each probe to expand\n"
_BYTES = 65536
_BYTES_PER_NODE = 1024


def probes_for(machine: Machine, checks: Iterable[Check]) -> tuple[Probe, ...]:
    """The distinct probes that `checks` ask of `machine`, in order."""
    wanted = {probe.id: probe for check in checks for probe in check.probes if machine.role in probe.roles}
    return tuple(wanted.values())


def script(machine: Machine, topology: Topology, probes: Iterable[Probe], nonce: str) -> str:
    """The shell script that asks `machine` what `probes` ask."""
    limit = _BYTES + _BYTES_PER_NODE * len(topology.machines)
    header = f"#: nonce {nonce}\n# What Craton asks {machine.name}.\n{_DIRECTIVE}nonce={nonce}\nlimit={limit}\n"
    sections = [
        f"#: probe {probe.id}\n{'quick' if probe.quick else 'probe'} {probe.id} {probe.seconds} "
        f"{_quoted(probe.command(machine, topology))}\n"
        for probe in probes
    ]
    return header + asset("gather.sh") + "".join(sections)


@lru_cache(128)  # most machines are asked most things in the same words
def _quoted(command: str) -> str:
    # Not an empty line: whoever reads lines that begin with a word or a `#` finds the first one as well.
    return shlex.quote(f"\n{command.rstrip()}\n")


def parse(output: str, nonce: str) -> Mapping[str, Probed]:
    """What each probe left, by id. A section without its end marker was cut off: it is left out."""
    parts = f"\n{output}".split(f"\n=== {nonce} ")[1:]
    found = {}
    for begun, ended in pairwise(parts):
        id, _, text = begun.partition("\n")
        end = re.fullmatch(r"([a-z0-9-]+) exit ([0-9]{1,3})", ended.partition("\n")[0])
        if end and end[1] == id:
            found[id] = Probed(int(end[2]), text.strip("\n"))
    return found


def gather(
    connection: Connection,
    machine: Machine,
    topology: Topology,
    deadline: float = DEADLINE,
    checks: Iterable[Check] = CHECKS,
) -> Evidence:
    """Ask `machine` everything that `checks` need, as `ask` does."""
    return ask(connection, machine, topology, probes_for(machine, checks), deadline)


def ask(
    connection: Connection,
    machine: Machine,
    topology: Topology,
    probes: Iterable[Probe],
    deadline: float = DEADLINE,
) -> Evidence:
    """Ask `machine` what `probes` ask, in one round trip of at most `deadline` seconds.

    Raises InstallerError if the connection fails, or if the user may not use sudo.
    """
    asking = Asking(machine, topology, probes)
    asking.begin()
    result = connection.run(as_root(connection, COMMAND), stdin=asking.script, deadline=deadline, on_line=asking.hear)
    asking.end(result.stdout)
    if not asking.answered:
        raise InstallerError(
            "gather evidence",
            last_line(result.stderr) or f"no answer to any probe, exit status {result.status}",
            machine=machine.name,
            hint="the machine's user needs sudo without a password (sudo -n true)",
        )
    return asking.evidence(connection.host_key)


class Asking:
    """What `probes` ask of `machine`, and what comes back. It may be an errand in another round trip."""

    def __init__(self, machine: Machine, topology: Topology, probes: Iterable[Probe]) -> None:
        self._machine = machine.name
        self._nonce = secrets.token_hex(8)
        self.script = script(machine, topology, probes, self._nonce)
        self._began = self._ended = 0.0
        self._clock: float | None = None
        self._probed: Mapping[str, Probed] = {}

    def begin(self) -> None:
        self._began = time.time()

    def hear(self, line: str) -> None:
        if self._clock is None and line.startswith(f"=== {self._nonce} clock exit"):
            self._clock = time.time()

    def end(self, output: str) -> None:
        self._ended = time.time()
        self._probed = parse(output, self._nonce)

    @property
    def answered(self) -> bool:
        return bool(self._probed)

    def evidence(self, host_key: str) -> Evidence:
        return Evidence(self._machine, self._probed, host_key, self._began, self._ended, self._clock)
