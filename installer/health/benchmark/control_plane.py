"""Sections 1 to 3 of the benchmark: the masters' files, the API server and its companions, etcd, who logs in, audit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from installer.health.benchmark import audit
from installer.health.benchmark.facts import Facts
from installer.health.benchmark.item import Answer, Item, Kind
from installer.health.benchmark.judges import (
    ABSENT,
    GIVEN,
    among,
    at_least,
    equal,
    excludes,
    flag,
    includes,
    mode,
    owner,
)

AUTOMATED, MANUAL = Kind.AUTOMATED, Kind.MANUAL
API, MANAGER, SCHEDULER, ETCD = "kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"
ROOT = "root:root"
STRONG = tuple(
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in (
        "AES_128_GCM_SHA256",
        "AES_256_GCM_SHA384",
        "CHACHA20_POLY1305",
        "CHACHA20_POLY1305_SHA256",
    )
)
_TLS_1_3 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_LONGEST_REQUEST = 300
"""Seconds; the benchmark's own example."""
_PUBLIC = frozenset({"/livez", "/readyz", "/healthz", "/api/v1/namespaces/kube-public/configmaps/cluster-info"})
_PKI = ("/etc/kubernetes/pki", "/etc/kubernetes/pki/*", "/etc/kubernetes/pki/etcd/*")


def guarded(first: str, second: str, what: str, *patterns: str, kind: Kind = AUTOMATED) -> Iterator[Item]:
    """Two items about the same files: what they let others do, and whose they are."""
    yield Item(first, kind, f"{what}: mode 600 or stricter", mode(0o600, *patterns))
    yield Item(second, kind, f"{what}: owned by root", owner(ROOT, *patterns))


def _data_directory(facts: Facts) -> str:
    return facts.flags(ETCD).get("data-dir", "/var/lib/etcd")


def _data_mode(facts: Facts) -> Answer:
    return mode(0o700, _data_directory(facts))(facts)


def _data_owner(facts: Facts) -> Answer:
    return owner("etcd:etcd", _data_directory(facts))(facts)


def _anonymous(facts: Facts) -> str:
    """Why anonymous requests are let in, if it is for no more than what everybody may know."""
    found = facts.policy("authentication-config")
    anonymous = found.get("anonymous") if isinstance(found, dict) else None
    conditions = anonymous.get("conditions") if isinstance(anonymous, dict) else None
    listed = conditions if isinstance(conditions, list) else []
    paths = {str(condition.get("path")) for condition in listed if isinstance(condition, dict)}
    if not paths or paths - _PUBLIC:
        return ""
    return (
        "Without credentials, only health and the public cluster-info are answered. Probes and load balancers need the "
        "first, and machines that join need the second."
    )


def _encryption(facts: Facts) -> Answer:
    found = facts.policy("encryption-provider-config")
    providers = [str(name) for name in found] if isinstance(found, list) else []
    strong = bool(providers) and providers[0] in ("secretbox", "aescbc", "kms")
    return Answer(strong, f"Secrets are written with {providers[0]}" if providers else "no provider is configured")


def _etcd_authority(facts: Facts) -> Answer:
    own, api = facts.flags(ETCD).get("trusted-ca-file"), facts.flags(API).get("client-ca-file")
    return Answer(bool(own) and own != api, f"etcd trusts {own or 'no CA'}, the API server {api or 'no CA'}")


def _audited(facts: Facts) -> Answer:
    policy = facts.policy("audit-policy-file")
    missed = [request for request in audit.CONCERNS if audit.level(policy, request) == "None"]
    if missed:
        return Answer(False, f"not recorded: {missed[0].verb} {missed[0].resource} and {len(missed) - 1} more")
    return Answer(True, f"{len(audit.CONCERNS)} kinds of requests that matter are recorded")


def _timeout(facts: Facts) -> Answer:
    given = facts.flags(API).get("request-timeout", "1m0s")
    return Answer(0 < _seconds(given) <= _LONGEST_REQUEST, f"--request-timeout={given}")


def _seconds(duration: str) -> float:
    """A duration as Go writes it, such as 1m30s; 0 if it is none."""
    found = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6}(?:\.\d{1,9})?)s)?", duration)
    hours, minutes, seconds = (float(part or 0) for part in found.groups()) if found else (0.0, 0.0, 0.0)
    return 3600 * hours + 60 * minutes + seconds


_FILES = (
    *guarded("1.1.1", "1.1.2", "API server manifest", "/etc/kubernetes/manifests/kube-apiserver.yaml"),
    *guarded("1.1.3", "1.1.4", "controller manager manifest", f"/etc/kubernetes/manifests/{MANAGER}.yaml"),
    *guarded("1.1.5", "1.1.6", "scheduler manifest", "/etc/kubernetes/manifests/kube-scheduler.yaml"),
    *guarded("1.1.7", "1.1.8", "etcd manifest", "/etc/kubernetes/manifests/etcd.yaml"),
    *guarded("1.1.9", "1.1.10", "CNI configuration", "/etc/cni/net.d/*", kind=MANUAL),
    Item("1.1.11", AUTOMATED, "etcd data directory: mode 700 or stricter", _data_mode),
    Item("1.1.12", AUTOMATED, "etcd data directory: owned by etcd", _data_owner),
    *guarded(
        "1.1.13", "1.1.14", "admin.conf and super-admin.conf",
        "/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf",
    ),
    *guarded("1.1.15", "1.1.16", "scheduler.conf", "/etc/kubernetes/scheduler.conf"),
    *guarded("1.1.17", "1.1.18", "controller-manager.conf", "/etc/kubernetes/controller-manager.conf"),
    Item("1.1.19", AUTOMATED, "PKI directory and files: owned by root", owner(ROOT, *_PKI)),
    Item("1.1.20", MANUAL, "PKI certificates: mode 644 or stricter",
         mode(0o644, *(f"{path}.crt" for path in _PKI[1:]))),
    Item("1.1.21", MANUAL, "PKI keys: mode 600 or stricter", mode(0o600, *(f"{path}.key" for path in _PKI[1:]))),
)  # fmt: skip

_API_SERVER = (
    Item("1.2.1", MANUAL, "API server: anonymous requests are off",
         flag(API, ("anonymous-auth", equal("false"))), _anonymous),
    Item("1.2.2", AUTOMATED, "API server: no static token file", flag(API, ("token-auth-file", ABSENT))),
    Item("1.2.3", MANUAL, "admission: DenyServiceExternalIPs is on",
         flag(API, ("enable-admission-plugins", includes("DenyServiceExternalIPs")))),
    Item("1.2.4", AUTOMATED, "API server: client certificate for kubelets",
         flag(API, ("kubelet-client-certificate", GIVEN), ("kubelet-client-key", GIVEN))),
    Item("1.2.5", AUTOMATED, "API server: verifies kubelet certificates",
         flag(API, ("kubelet-certificate-authority", GIVEN))),
    Item("1.2.6", AUTOMATED, "authorization isn't AlwaysAllow",
         flag(API, ("authorization-mode", excludes("AlwaysAllow")))),
    Item("1.2.7", AUTOMATED, "authorization includes Node",
         flag(API, ("authorization-mode", includes("Node")))),
    Item("1.2.8", AUTOMATED, "authorization includes RBAC", flag(API, ("authorization-mode", includes("RBAC")))),
    Item("1.2.9", MANUAL, "admission: EventRateLimit is on",
         flag(API, ("enable-admission-plugins", includes("EventRateLimit")))),
    Item("1.2.10", AUTOMATED, "admission: AlwaysAdmit is off",
         flag(API, ("enable-admission-plugins", excludes("AlwaysAdmit")))),
    Item("1.2.11", MANUAL, "admission: AlwaysPullImages is on",
         flag(API, ("enable-admission-plugins", includes("AlwaysPullImages"))),
         "Every start of a container would ask a registry. Machines without internet have imported images and none to "
         "ask, and elsewhere a registry that is down would keep pods from starting again."),
    Item("1.2.12", AUTOMATED, "admission: ServiceAccount isn't disabled",
         flag(API, ("disable-admission-plugins", excludes("ServiceAccount")))),
    Item("1.2.13", AUTOMATED, "admission: NamespaceLifecycle isn't disabled",
         flag(API, ("disable-admission-plugins", excludes("NamespaceLifecycle")))),
    Item("1.2.14", AUTOMATED, "admission: NodeRestriction is on",
         flag(API, ("enable-admission-plugins", includes("NodeRestriction")))),
    Item("1.2.15", AUTOMATED, "API server: profiling is off", flag(API, ("profiling", equal("false", "true")))),
    Item("1.2.16", AUTOMATED, "audit log is written", flag(API, ("audit-log-path", GIVEN))),
    Item("1.2.17", AUTOMATED, "audit log is kept for 30 days", flag(API, ("audit-log-maxage", at_least(30)))),
    Item("1.2.18", AUTOMATED, "audit log keeps 10 files", flag(API, ("audit-log-maxbackup", at_least(10)))),
    Item("1.2.19", AUTOMATED, "audit log files hold 100 MB", flag(API, ("audit-log-maxsize", at_least(100)))),
    Item("1.2.20", MANUAL, "API server: requests time out", _timeout),
    Item("1.2.21", AUTOMATED, "service account tokens are looked up",
         flag(API, ("service-account-lookup", equal("true", "true")))),
    Item("1.2.22", AUTOMATED, "service account key file is set",
         flag(API, ("service-account-key-file", GIVEN))),
    Item("1.2.23", AUTOMATED, "API server: client certificate for etcd",
         flag(API, ("etcd-certfile", GIVEN), ("etcd-keyfile", GIVEN))),
    Item("1.2.24", AUTOMATED, "API server: serving certificate is set",
         flag(API, ("tls-cert-file", GIVEN), ("tls-private-key-file", GIVEN))),
    Item("1.2.25", AUTOMATED, "API server: client CA is set",
         flag(API, ("client-ca-file", GIVEN))),
    Item("1.2.26", AUTOMATED, "API server: etcd CA is set", flag(API, ("etcd-cafile", GIVEN))),
    Item("1.2.27", MANUAL, "Secrets are encrypted at rest", flag(API, ("encryption-provider-config", GIVEN))),
    Item("1.2.28", MANUAL, "encryption provider is strong", _encryption),
    Item("1.2.29", MANUAL, "API server: strong ciphers only",
         flag(API, ("tls-cipher-suites", among((*STRONG, *_TLS_1_3))))),
    Item("1.2.30", AUTOMATED, "service account tokens aren't extended",
         flag(API, ("service-account-extend-token-expiration", equal("false", "true")))),
)  # fmt: skip

_COMPANIONS = (
    Item("1.3.1", MANUAL, "controller manager: terminated pods are cleaned up",
         flag(MANAGER, ("terminated-pod-gc-threshold", at_least(1)))),
    Item("1.3.2", AUTOMATED, "controller manager: profiling is off",
         flag(MANAGER, ("profiling", equal("false", "true")))),
    Item("1.3.3", AUTOMATED, "controller manager: each controller has its own account",
         flag(MANAGER, ("use-service-account-credentials", equal("true", "false")))),
    Item("1.3.4", AUTOMATED, "controller manager: service account key is set",
         flag(MANAGER, ("service-account-private-key-file", GIVEN))),
    Item("1.3.5", AUTOMATED, "controller manager: root CA is set", flag(MANAGER, ("root-ca-file", GIVEN))),
    Item("1.3.6", AUTOMATED, "controller manager: kubelet serving certificates rotate",
         flag(MANAGER, ("feature-gates", excludes("RotateKubeletServerCertificate=false")))),
    Item("1.3.7", AUTOMATED, "controller manager: listens on loopback",
         flag(MANAGER, ("bind-address", equal("127.0.0.1")))),
    Item("1.4.1", AUTOMATED, "scheduler: profiling is off", flag(SCHEDULER, ("profiling", equal("false", "true")))),
    Item("1.4.2", AUTOMATED, "scheduler: listens on loopback",
         flag(SCHEDULER, ("bind-address", equal("127.0.0.1")))),
)  # fmt: skip

_ETCD = (
    Item("2.1", AUTOMATED, "etcd: serving certificate is set", flag(ETCD, ("cert-file", GIVEN), ("key-file", GIVEN))),
    Item("2.2", AUTOMATED, "etcd: requires client certificates",
         flag(ETCD, ("client-cert-auth", equal("true", "false")))),
    Item("2.3", AUTOMATED, "etcd: auto-tls is off", flag(ETCD, ("auto-tls", equal("false", "false")))),
    Item("2.4", AUTOMATED, "etcd: peer certificate is set",
         flag(ETCD, ("peer-cert-file", GIVEN), ("peer-key-file", GIVEN))),
    Item("2.5", AUTOMATED, "etcd: requires peer certificates",
         flag(ETCD, ("peer-client-cert-auth", equal("true", "false")))),
    Item("2.6", AUTOMATED, "etcd: peer-auto-tls is off",
         flag(ETCD, ("peer-auto-tls", equal("false", "false")))),
    Item("2.7", MANUAL, "etcd: has its own CA", _etcd_authority),
)  # fmt: skip

_PEOPLE = "Craton makes one kubeconfig, for the administrator. How others log in, for example with OIDC, is up to you."
_ACCESS = (
    Item("3.1.1", MANUAL, "users don't log in with client certificates", reason=_PEOPLE),
    Item("3.1.2", MANUAL, "users don't log in with service account tokens", reason=_PEOPLE),
    Item("3.1.3", MANUAL, "users don't log in with bootstrap tokens",
         reason="Craton makes one for each machine that joins, good for an hour, and shows it to nobody."),
    Item("3.2.1", MANUAL, "audit policy exists", flag(API, ("audit-policy-file", GIVEN))),
    Item("3.2.2", MANUAL, "audit policy covers key security concerns", _audited),
)  # fmt: skip

ITEMS = (*_FILES, *_API_SERVER, *_COMPANIONS, *_ETCD, *_ACCESS)
