"""What a rehearsal site keeps on disk: its machines, their Kubernetes, and the entries of the platform."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from installer.common.errors import InstallerError
from installer.common.paths import write_private
from installer.plan.rules import Role
from installer.plan.topology import FirewallRule


class Refused(Exception):  # noqa: N818 (an answer, not an error of the site's)
    """The site refuses a request; `kind` tells a program why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


FIREWALL_RULES: TypeAdapter[tuple[FirewallRule, ...]] = TypeAdapter(tuple[FirewallRule, ...])
"""Firewall rules as they travel to the site and back: JSON."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LeaseRecord(_Record):
    """Who works on the cluster: an id, `USER@HOST`, since when and when last renewed, in Unix seconds."""

    holder: str
    since: float
    renewed: float
    owner: str


class MachineRecord(_Record):
    """One stand-in machine."""

    name: str
    role: Role
    address: str
    firewall: str
    """Name of the firewall group that it is in."""
    user: str
    authorized_keys: list[str]
    host_key: str
    """Private, in OpenSSH's format."""
    public_key: str
    """The host key's public half, `TYPE BASE64`."""
    port: int = 0
    state: Literal["pending", "running", "failed"] = "pending"
    done: list[str] = []
    """Stages of `craton-node` that are done, as `VERB/TITLE`."""
    prepared: str = ""
    """Version of Kubernetes that it is prepared for."""
    configuration: str = ""
    """SHA-256 sum of what it was prepared with."""
    login_keys: list[str] = []
    """Keys of the user's own, `TYPE BASE64`, that it was ever prepared with."""
    hosts: list[str] = []
    """Lines `ADDRESS NAME` of its hosts file."""
    begun: str = ""
    """`init` or `join`, while one began and hasn't finished."""
    member: str = ""
    """Name of the cluster that it is a node of."""
    release: str = ""
    """That of the control plane's containers on it; masters."""
    kubeadm: str = ""
    """Version of its kubeadm, where an upgrade brought one before `prepare` did."""
    images: list[str] = []
    """Container images that it has, of those that an upgrade asks for."""
    files: dict[str, str] = {}
    """What was put or made on it, by path."""
    lease: LeaseRecord | None = None
    control_plane: dict[str, Any] = {}
    """kubeadm's ClusterConfiguration that its static pods were made with; masters."""
    kubelet: dict[str, Any] = {}
    """The configuration that its kubelet runs with, as a node."""
    certified: bool = False
    """Whether its kubelet serves with a certificate that the cluster's CA signed."""
    certificates_made: float = Field(default_factory=time.time)
    """When kubeadm made its certificates, in Unix seconds. An older Craton kept no time: they count as new."""
    kubelet_made: float = Field(default_factory=time.time)
    """When its kubelet got its own."""
    certificates_pending: bool = False
    """Whether its control plane has yet to start with new certificates."""


class NodeRecord(_Record):
    """A Node object. Labels are by key; taints are `key=value:effect`; `joined` is in Unix seconds."""

    labels: dict[str, str]
    taints: list[str]
    version: str
    joined: float
    cordoned: bool = False
    provider_id: str = ""
    """What a cloud calls it; such a node is initialised by the cloud's controller."""


class MemberRecord(_Record):
    """A member of etcd."""

    id: int
    address: str


class AddonRecord(_Record):
    """An addon, and the last of its objects, which runs its pods; `applied` is in Unix seconds."""

    applied: float
    namespace: str
    kind: str = "DaemonSet"
    workload: str = Field(validation_alias=AliasChoices("workload", "daemon_set"))
    annotations: dict[str, str] = {}
    replicas: int = 0
    """Of a Deployment."""
    infra: bool = False
    """It selects infra nodes."""
    masters: bool = False
    """It selects masters."""
    host_network: bool = False
    """Its pods need no pod network."""
    objects: list[tuple[str, str, str]] = []
    """Kind, namespace (empty where the kind has none) and name of every object."""


class RequestRecord(_Record):
    """A CertificateSigningRequest of a kubelet for its server that waits for approval; `document` is PEM."""

    machine: str
    document: str


class ClusterRecord(_Record):
    """The Kubernetes that the site's machines form. Secrets are random and open nothing."""

    name: str
    kubernetes: str
    api: str
    """controlPlaneEndpoint, `host:port`."""
    ca_hash: str
    certificate_key: str
    encryption_key: str
    tokens: dict[str, float] = {}
    """Bootstrap tokens, with their ends in Unix seconds."""
    members: dict[str, MemberRecord] = {}
    """Members of etcd by machine: of one that was deleted, until somebody removes it."""
    revision: int = 1
    """etcd's, which grows with every change."""
    nodes: dict[str, NodeRecord] = {}
    requests: dict[str, RequestRecord] = {}
    """By name."""
    granted: dict[str, RequestRecord] = {}
    """Those that were approved."""
    configuration: dict[str, Any] = {}
    """kubeadm's ClusterConfiguration, as the ConfigMap kubeadm-config has it."""
    kubelet: dict[str, Any] = {}
    """The kubelets' configuration, as the ConfigMap kubelet-config has it."""
    addons: dict[str, AddonRecord] = {}
    secrets: dict[str, dict[str, str]] = {}
    """What Secrets hold, by `NAMESPACE/NAME`."""


class SiteRecord(_Record):
    """All of a site. `entries` are the platform's own things, by kind and name."""

    machines: dict[str, MachineRecord] = {}
    creations: dict[str, int] = {}
    """How often a machine was ever created, by name."""
    entries: dict[str, dict[str, Any]] = {}
    cluster: ClusterRecord | None = None


class Store:
    """The site's record and its file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = asyncio.Lock()
        self._changes = 0
        self._written = 0
        self.record = _load(path)

    async def save(self) -> None:
        """Return once all that was changed before the call is on disk. Calls that wait share one write."""
        self._changes += 1
        mine = self._changes
        async with self._writing:
            if self._written < mine:
                reached = self._changes
                await asyncio.to_thread(write_private, self._path, self.record.model_dump_json())
                self._written = reached


def _load(path: Path) -> SiteRecord:
    try:
        return SiteRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return SiteRecord()
    except (OSError, ValidationError) as error:
        raise InstallerError(
            "start the rehearsal site",
            f"{path} cannot be read: {str(error).splitlines()[0]}",
            hint=f"remove {path.parent}: its stand-in machines go with it",
        ) from None
