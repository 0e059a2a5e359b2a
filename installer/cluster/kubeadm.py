"""kubeadm's configuration, derived from a plan (API kubeadm.k8s.io/v1beta4), and the payloads in which it travels.

A payload is what `craton-node init` and `join` read: several files, each after a line `#file NAME`.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from installer.cluster.templates import render
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, Topology

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_FILE = re.compile(rf"^#file ({_NAME.pattern})\n", re.MULTILINE)
_KEY_BYTES = 32
"""What the API server's secretbox takes."""
_READ_ONLY_PORT = 10255
CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)
"""What API servers and kubelets speak below TLS 1.3, whose ciphers are all strong and cannot be chosen."""
_NO_KEY = "<made when the cluster is>"


@dataclass(frozen=True)
class Invitation:
    """What a machine needs to join; masters need the keys, too. Secret: kept in memory, never in the journal."""

    token: str = field(repr=False)
    ca_hash: str = field(repr=False)
    certificate_key: str = field(repr=False)
    encryption_key: str = field(repr=False)


@dataclass(frozen=True)
class Facts:
    """What kubeadm has to be told of a machine: its version of control groups, and whether it is a container."""

    cgroup: int = 2
    container: bool = False


def facts_of(status: Mapping[str, str]) -> Facts:
    """From what `craton-node status` says."""
    return Facts(1 if status.get("cgroup") == "1" else 2, status.get("container") == "yes")


def new_encryption_key() -> str:
    """A key for the Secrets in etcd, in base64."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def init_payload(plan: InstallPlan, topology: Topology, machine: Machine, facts: Facts, encryption_key: str) -> str:
    """What `craton-node init` reads on the first master. Secret.

    Raises InstallerError while a master has no address.
    """
    for master in topology.of_role(Role.MASTER):
        _ = master.located
    return _init_payload(plan, topology, machine, facts, encryption_key)


def _init_payload(plan: InstallPlan, topology: Topology, machine: Machine, facts: Facts, encryption_key: str) -> str:
    init = render(
        "kubeadm/init.yaml",
        **_registration(plan, machine, facts),
        address=_shown_address(machine),
        cluster=plan.name,
        kubernetes=plan.kubernetes,
        endpoint=_endpoint(plan),
        pods=str(plan.networks.pods),
        services=str(plan.networks.services),
        certificate_names=certificate_names(plan, topology),
        read_only_port=_READ_ONLY_PORT if "M7" in plan.may else 0,
        conntrack={"maxPerCore": 0} if facts.container else {},
        ciphers=CIPHERS,
        cipher_list=",".join(CIPHERS),
    )
    return payload({"kubeadm.yaml": init} | _encryption(encryption_key) | _policies(plan))


def join_payload(plan: InstallPlan, machine: Machine, facts: Facts, invitation: Invitation) -> str:
    """What `craton-node join` reads. Secret. Raises InstallerError while the machine has no address."""
    _ = machine.located
    join = render(
        "kubeadm/join.yaml",
        **_registration(plan, machine, facts),
        endpoint=_endpoint(plan),
        token=invitation.token,
        ca_hash=invitation.ca_hash,
    )
    if machine.role is not Role.MASTER:
        return payload({"kubeadm.yaml": join})
    control_plane = render(
        "kubeadm/join-master.yaml", address=_shown_address(machine), certificate_key=invitation.certificate_key
    )
    keys = _encryption(invitation.encryption_key)
    return payload({"kubeadm.yaml": join + control_plane} | keys | _policies(plan))


def policies_payload(plan: InstallPlan, authentication: str) -> str:
    """What `craton-node policies` reads on a master whose API server is to have `authentication`."""
    return payload(_policies(plan) | {"authentication.yaml": authentication})


def shown(plan: InstallPlan, topology: Topology) -> str:
    """The first master's payload for people to read: as a virtual machine gets it, with words instead of the key."""
    return _init_payload(plan, topology, topology.first_master, Facts(), _NO_KEY)


def certificate_names(plan: InstallPlan, topology: Topology) -> list[str]:
    """Names and addresses under which the API server can be reached."""
    masters = topology.of_role(Role.MASTER)
    names = [plan.api_host, *(master.name for master in masters), *(_shown_address(master) for master in masters)]
    if balancer := topology.load_balancer:
        names += [one for one in (balancer.name, str(balancer.address or ""), balancer.host) if one]
    if topology.virtual_address:
        names.append(topology.virtual_address)
    return [*names, "localhost", "127.0.0.1"]


def payload(files: Mapping[str, str]) -> str:
    """The files as one text. Raises ValueError if they could not be told apart again."""
    for name, text in files.items():
        if not _NAME.fullmatch(name) or _FILE.search(text) or not text.endswith("\n"):
            raise ValueError(f"{name!r} cannot travel in a payload")
    return "".join(f"#file {name}\n{text}" for name, text in files.items())


def read_payload(text: str) -> dict[str, str]:
    """The files of a payload by name. Raises ValueError if it is none."""
    before, *found = _FILE.split(text)
    if before or not found:
        raise ValueError("no payload: it does not begin with a line `#file NAME`")
    return dict(zip(found[::2], found[1::2], strict=True))


def _shown_address(machine: Machine) -> str:
    """For people, too, who review a plan before its machines have addresses."""
    return str(machine.address) if machine.address else f"<address of {machine.name}>"


def _endpoint(plan: InstallPlan) -> str:
    return f"{plan.api_host}:6443"


def _registration(plan: InstallPlan, machine: Machine, facts: Facts) -> dict[str, object]:
    """What both init.yaml and join.yaml say of the machine."""
    return {
        "node": machine.name,
        "kubelet_arguments": [{"name": name, "value": value} for name, value in _kubelet(plan, machine)],
        "taints": [_taint(taint) for taint in machine.taints],
        "ignored_checks": _ignored_checks(facts),
    }


def _kubelet(plan: InstallPlan, machine: Machine) -> Iterator[tuple[str, str]]:
    """The kubelet's arguments. One that has a cloud bears a taint until the cloud's controller has seen its node."""
    yield "node-ip", _shown_address(machine)
    if plan.integration:
        yield "cloud-provider", "external"
        yield "provider-id", machine.provider_id or f"<provider id of {machine.name}>"


def _ignored_checks(facts: Facts) -> list[str]:
    """SystemVerification refuses cgroup v1 whatever the kubelet is told, and in a container finds no kernel's
    configuration."""
    return ["SystemVerification"] if facts.cgroup == 1 or facts.container else []


def _taint(text: str) -> dict[str, str]:
    """`key=value:effect` as the API writes it."""
    key, _, rest = text.partition("=")
    value, _, effect = rest.partition(":")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def _encryption(key: str) -> dict[str, str]:
    """What the API server of every master encrypts Secrets with. Secret."""
    return {"encryption.yaml": render("kubeadm/encryption.yaml", encryption_key=key)}


def authentication(issuers: Sequence[Mapping[str, object]] = ()) -> str:
    """Whom the API server believes: each of `issuers` is a JWTAuthenticator. None until sign-in runs."""
    return render("kubeadm/authentication.yaml", jwt=list(issuers))


def _policies(plan: InstallPlan) -> dict[str, str]:
    """Whom and what the API server of every master lets in, and what it records."""
    return {
        "admission.yaml": render("kubeadm/admission.yaml", level=plan.pod_security),
        "authentication.yaml": authentication(),
        "audit-policy.yaml": render("kubeadm/audit-policy.yaml"),
    }
