"""The certificates of a stand-in node, and their renewal: believable dates, and keys that open nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from installer.node.machine_certificates import PEOPLE
from installer.plan.rules import Role
from installer.platforms.rehearsal.records import MachineRecord
from installer.platforms.rehearsal.simulator import stages
from installer.platforms.rehearsal.simulator.command import Command, Exit

YEAR = 365 * 86400.0
OLD = 345 * 86400.0
"""How long ago certificates were made that the fault `expiring` makes."""


def made(machine: MachineRecord, *, expiring: bool) -> None:
    """The machine is a node from now on: kubeadm and the kubelet made its certificates."""
    machine.certificates_made = machine.kubelet_made = time.time() - (OLD if expiring else 0.0)


def lines(machine: MachineRecord) -> Iterator[str]:
    """What assets/node/lib/certificate-list.sh prints of the machine."""
    if not machine.member:
        return
    for name in PEOPLE:
        kubelets = name.endswith(".pem")
        if not kubelets and machine.role is not Role.MASTER and name != "pki/ca.crt":
            continue
        years = 10 if name.endswith("ca.crt") else 1
        since = machine.kubelet_made if kubelets else machine.certificates_made
        if years == 10:
            since = int(machine.certificates_made // YEAR) * YEAR  # authorities stay when certificates are renewed
        yield f"#certificate {'/var/lib/kubelet/pki/' if kubelets else '/etc/kubernetes/'}{name}"
        yield _certificate(int(since + years * YEAR) // 3600 * 3600)


@lru_cache(64)
def _certificate(ends: int) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    until = datetime.fromtimestamp(ends, UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(until.replace(year=until.year - 11, day=1)).not_valid_after(until)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode().rstrip()


async def certs(command: Command, what: str) -> None:
    """`craton-node certs show|renew|kubelet`. Raises Exit."""
    machine = command.machine
    if what == "show":
        command.say(f"pending={'yes' if machine.certificates_pending else 'no'}")
        for line in lines(machine):
            command.say(line)
        return
    known = command.site.record.cluster
    if known is None or not machine.member:
        raise Exit(1, "craton-node: this machine is no node of a cluster")
    if what == "kubelet":
        command.enter("renew")
        machine.done = [key for key in machine.done if not key.startswith("certs kubelet/")]
        await command.stages("certs kubelet", stages.RENEW_KUBELET)
        machine.kubelet_made = time.time()
    elif what == "renew":
        await _renew(command)
    else:
        raise Exit(2, f"craton-node: no such verb: certs {what}")
    await command.site.store.save()


async def _renew(command: Command) -> None:
    machine = command.machine
    if machine.role is not Role.MASTER:
        raise Exit(1, "craton-node: /etc/kubernetes/admin.conf is not on this machine: it is no master")
    command.enter("renew")
    machine.certificates_made, machine.certificates_pending = time.time(), True
    await command.site.store.save()
    machine.done = [key for key in machine.done if not key.startswith("certs/")]
    await command.stages("certs", stages.RENEW_CONTROL_PLANE)
    machine.certificates_pending = False
