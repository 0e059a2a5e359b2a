"""Sections of a plan that every platform has: ingress, networks, SSH, artifacts."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from installer.plan.charts import Chart
from installer.plan.cloud_fields import HostedZone, ManagedZone, Profile, Project, ServiceAccount
from installer.plan.connectors import Connector, valid_words
from installer.plan.fields import (
    ClusterNetwork,
    Part,
    UserNetwork,
    valid_account,
    valid_base_url,
    valid_checksums,
    valid_digests,
    valid_email,
    valid_group,
    valid_jump,
    valid_key_path,
    valid_manifests,
    valid_name_server,
    valid_no_proxy,
    valid_versions,
    valid_virtual_address,
    valid_zone,
)
from installer.plan.public_keys import valid_public_key

MAX_INFRA = 80


class Ingress(Part):
    """How traffic for the console and Dex enters: infra nodes with host ports, or a load balancer."""

    kind: Literal["infra", "load-balancer"] = "infra"
    infra: Annotated[int, Field(ge=1, le=MAX_INFRA)] | None = None
    """Number of infra nodes; given with kind `infra` alone."""

    @model_validator(mode="before")
    @classmethod
    def _default_count(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind", "infra") == "infra" and data.get("infra") is None:
            return {**data, "infra": 1}
        return data


class Addons(Part):
    """What Craton brings up in the cluster once its nodes are there; each can be left out."""

    ingress: bool = True
    """Traefik, on infra nodes or behind the load balancer."""
    gateway: bool = False
    """The Gateway API, which Traefik serves besides Ingresses: its kinds, a GatewayClass and a Gateway."""
    metrics_server: bool = True
    """For `kubectl top` and autoscalers."""
    node_exporter: bool = True
    """Prometheus' metrics of every node, at port 9100 (contract M4, W5)."""

    sign_in: bool = True
    """Dex, where people sign in to the console and for kubectl."""
    console: bool = True
    """Headlamp, at the console's name (contract D2)."""
    manifests: Annotated[tuple[Annotated[str, BeforeValidator(valid_manifests)], ...], Field(strict=False)] = ()
    """Manifests of your own: files and directories on this computer, applied in this order."""
    charts: tuple[Chart, ...] = Field(default=(), strict=False)
    """Helm charts of your own, applied after the manifests in this order."""

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the addons that are on, as manifests and steps use them, in the order of an install."""
        return tuple(name.replace("_", "-") for name in type(self).model_fields if getattr(self, name) is True)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of those that are off. The Gateway API goes with the ingress' own step, which serves it or doesn't."""
        off = (name for name in type(self).model_fields if getattr(self, name) is False)
        return tuple(name.replace("_", "-") for name in off if name != "gateway")


class DNS(Part):
    """Where the contract's names (D1, D2) are published, besides the machines' own hosts files."""

    provider: Literal["hosts", "manual", "rfc2136", "route53", "cloud-dns"] = "hosts"
    """`hosts`: nowhere; `manual`: you enter them, and Craton waits; `rfc2136`: updates of a zone, signed with a key;
    `route53` and `cloud-dns`: records in your AWS account or Google Cloud project."""
    server: Annotated[str | None, BeforeValidator(valid_name_server)] = None
    """IPv4 address of the zone's primary server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 53
    zone: Annotated[str | None, BeforeValidator(valid_zone)] = None
    """The zone that the names are in; None for the plan's subdomain."""
    key_name: Annotated[str | None, BeforeValidator(valid_zone)] = None
    """Name of the key that may update the zone (TSIG)."""
    key_file: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """File on this computer with the key: its base64 alone, or as tsig-keygen writes it."""
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    ttl: Annotated[int, Field(ge=1, le=86400)] = 60
    """Seconds for which others may remember the addresses."""
    profile: Profile = None
    """Of `route53`: profile of ~/.aws/config; None for the default credentials."""
    hosted_zone: HostedZone = None
    """Of `route53`: the zone's id; None for the public zone that fits the subdomain best."""
    project: Project = None
    """Of `cloud-dns`: None for the project of the credentials."""
    impersonate: ServiceAccount = None
    """Of `cloud-dns`: a service account to act as; None for the credentials' own."""
    managed_zone: ManagedZone = None
    """Of `cloud-dns`: the zone's name; None for the public zone that fits the subdomain best."""


class SignIn(Part):
    """Who administers the cluster by signing in. Passwords are in no plan."""

    email: Annotated[str | None, BeforeValidator(valid_email)] = None
    """The administrator's e-mail address; None for `admin@` and the cluster's subdomain."""
    groups: Annotated[tuple[Annotated[str, BeforeValidator(valid_group)], ...], Field(strict=False)] = ()
    """Further groups of administrators, as connectors name them."""
    editors: Annotated[tuple[Annotated[str, BeforeValidator(valid_group)], ...], Field(strict=False)] = ()
    """Groups that may change workloads in every namespace (the ClusterRole `edit`)."""
    viewers: Annotated[tuple[Annotated[str, BeforeValidator(valid_group)], ...], Field(strict=False)] = ()
    """Groups that may look at them (the ClusterRole `view`)."""
    connectors: tuple[Connector, ...] = Field(default=(), strict=False)
    """Who else may sign in: people of GitHub, Google, an OpenID provider or LDAP."""


class Certificate(Part):
    """Where the certificate of the console's name (contract D2) comes from."""

    source: Literal["craton", "ca", "files", "acme"] = "craton"
    """`craton`: signed by a CA that Craton makes; `ca`: by your CA; `files`: your own certificate; `acme`: from a
    server that speaks ACME, such as Let's Encrypt."""
    file: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """Your certificate with its issuers after it, or your CA's certificate, in PEM; a path on this computer."""
    key: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """The path of its private key, in PEM without a passphrase."""
    directory: Annotated[str | None, BeforeValidator(valid_base_url)] = None
    """Address of the ACME server's directory; None for Let's Encrypt's."""
    email: Annotated[str | None, BeforeValidator(valid_email)] = None
    """Where the ACME server writes to about the account."""
    challenge: Literal["http-01", "dns-01"] = "http-01"
    """How the ACME server is shown that the console's name is yours: on port 80, or in the zone of `dns`."""
    account: Annotated[str | None, BeforeValidator(valid_words)] = None
    """Key id of an account that the ACME server knows already (external account binding)."""
    account_key: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """File with that account's HMAC key, in base64url as the CA gives it."""
    trust: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """File with the certificates of an ACME server's own authority, in PEM, if systems don't know it."""

    @property
    def acme_directory(self) -> str:
        return self.directory or "https://acme-v02.api.letsencrypt.org/directory"


class Networks(Part):
    """IPv4 networks; machines, pods and services must not overlap."""

    user: UserNetwork = IPv4Network("127.0.0.0/8")
    """Where people are: SSH and the API server are open to it (rule M1)."""
    machines: ClusterNetwork = IPv4Network("10.10.0.0/16")
    pods: ClusterNetwork = IPv4Network("10.244.0.0/16")
    services: ClusterNetwork = IPv4Network("10.96.0.0/12")
    api_address: Annotated[str | None, BeforeValidator(valid_virtual_address)] = None
    """A virtual address of the API, which keepalived holds on one of the masters; None for none."""


class SSH(Part):
    """How Craton and the user log in."""

    user: Annotated[str, BeforeValidator(valid_account)] = "craton"
    public_key: Annotated[str | None, BeforeValidator(valid_public_key)] = None
    """The user's own key, authorised in addition to the one that Craton makes for the cluster."""
    key: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """Private key with which own machines are reached, or the public half of one that the agent holds; else what
    ~/.ssh/config and the agent offer."""
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    jump: Annotated[str | None, BeforeValidator(valid_jump)] = None
    """Jump hosts on the way to own machines, as `ssh -J` takes them."""


class Artifacts(Part):
    """Where the machines get what is installed on them."""

    mirror: Annotated[str | None, BeforeValidator(valid_base_url)] = None
    """Base address of a mirror; None for the projects' own download sites."""
    proxy: Annotated[str | None, BeforeValidator(valid_base_url)] = None
    """HTTP proxy through which machines download."""
    no_proxy: Annotated[str | None, BeforeValidator(valid_no_proxy)] = None
    """What machines reach without the proxy, besides each other: names, addresses and networks, separated by commas."""
    sums: Annotated[dict[str, str], BeforeValidator(valid_checksums)] = Field(default_factory=dict)
    """SHA-256 sums as the publishers gave them when the plan was reviewed, by path on the mirror."""
    digests: Annotated[dict[str, str], BeforeValidator(valid_digests)] = Field(default_factory=dict)
    """Digests of the container images as they were when the plan was reviewed, by the images' full names."""
    versions: Annotated[dict[str, str], BeforeValidator(valid_versions)] = Field(default_factory=dict)
    """Versions of CoreDNS, etcd and pause as the release's own kubeadm named them, of a release newer than Craton."""
    sums_from: Annotated[str | None, BeforeValidator(valid_base_url)] = None
    """The mirror that gave `sums` and `digests`; None for the publishers themselves."""

    def __hash__(self) -> int:
        named = (self.sums, self.digests, self.versions)
        recorded = (*(frozenset(mapping.items()) for mapping in named), self.sums_from)
        return hash((self.mirror, self.proxy, self.no_proxy, *recorded))
