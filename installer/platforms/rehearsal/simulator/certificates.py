"""How stand-in nodes run: with which configuration, and with certificates that somebody has to approve."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from installer.plan.rules import Role
from installer.platforms.rehearsal.records import ClusterRecord, MachineRecord, RequestRecord
from installer.platforms.rehearsal.simulator.command import Exit
from installer.platforms.rehearsal.simulator.documents import document, documents

KEPT = "/etc/kubernetes/craton/"
"""Where a master keeps what its API server is told to read."""
_VERSION = "1"
"""Of every request: none changes while it waits."""


def check_files(files: Mapping[str, str], configuration: Mapping[str, Any]) -> None:
    """The API server does not start unless what it is told to read is there. Raises Exit."""
    for argument in configuration.get("apiServer", {}).get("extraArgs", []):
        path = str(argument.get("value", ""))
        if path.startswith(KEPT) and path not in files:
            raise Exit(1, f"error execution phase wait-control-plane: kube-apiserver: open {path}: no such file")


def configure(known: ClusterRecord, machine: MachineRecord) -> None:
    """The machine runs as its cluster is configured now: after init, join and upgrade."""
    machine.kubelet = known.kubelet
    if machine.role is Role.MASTER:
        machine.control_plane = known.configuration
    if machine.kubelet.get("serverTLSBootstrap") and not machine.certified:
        request(known, machine)


def serving(known: ClusterRecord | None, machine: MachineRecord) -> str:
    """What `craton-node condition` says of the certificate that the kubelet serves with."""
    if known is None or not machine.member:
        return ""
    if not machine.kubelet.get("serverTLSBootstrap"):
        return "own"
    return "ok" if machine.certified else "curl: (35) TLS connect error: error:0A000438:SSL routines::tlsv1 alert"


def request(known: ClusterRecord, machine: MachineRecord) -> None:
    """The kubelet asks for a certificate for its server; what it asked for before is forgotten."""
    known.requests = {name: other for name, other in known.requests.items() if other.machine != machine.name}
    known.requests[f"csr-{secrets.token_hex(3)}"] = RequestRecord(machine=machine.name, document=_made(machine))


def approve(known: ClusterRecord, machines: Mapping[str, MachineRecord], name: str, body: str) -> None:
    """A request is approved, its certificate signed, and the request gone.

    Raises Exit if there is none, or if `body`, its new state, is not that very object with the condition Approved.
    """
    if name not in known.requests:
        raise Exit(1, f'Error from server (NotFound): certificatesigningrequests "{name}" not found')
    changed = document(documents(body), "CertificateSigningRequest", "certificates.k8s.io/v1")
    if changed.get("metadata") != {"name": name, "uid": uid(name), "resourceVersion": _VERSION}:
        raise Exit(
            1, f'Error from server (Conflict): Operation cannot be fulfilled on certificatesigningrequests "{name}"'
        )
    if [one.get("type") for one in changed.get("status", {}).get("conditions", [])] != ["Approved"]:
        raise Exit(1, f'CertificateSigningRequest "{name}" is invalid: status.conditions')
    known.granted[name] = known.requests.pop(name)
    machine = machines.get(known.granted[name].machine)
    if machine is not None:
        machine.certified = True


def lines(known: ClusterRecord, username: str, *, waiting: bool) -> Iterator[str]:
    """The requests of one user, or those that wait, as the template of installer.cluster.certificates has them."""
    for name, found in (known.requests if waiting else known.granted | known.requests).items():
        if f"system:node:{found.machine}" == username:
            yield from (
                f"name {name}",
                f"uid {uid(name)}",
                f"version {_VERSION}",
                "signer kubernetes.io/kubelet-serving",
                f"user {username}",
            )
            yield from ("group system:nodes", "group system:authenticated")
            yield from ("usage digital signature", "usage server auth")
            yield f"document {base64.b64encode(found.document.encode()).decode()}"


def uid(name: str) -> str:
    return f"uid-{name}"


def _made(machine: MachineRecord) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{machine.name}"),
        ]
    )
    names = x509.SubjectAlternativeName([x509.DNSName(machine.name), x509.IPAddress(ip_address(machine.address))])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()
