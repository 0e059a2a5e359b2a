"""Section 4 of the benchmark: kubelet and kube-proxy, on every machine."""

from __future__ import annotations

import re
from dataclasses import replace

from installer.health.benchmark.control_plane import AUTOMATED, MANUAL, ROOT, STRONG
from installer.health.benchmark.facts import Facts
from installer.health.benchmark.item import Answer, Item
from installer.health.benchmark.judges import (
    ABSENT,
    GIVEN,
    among,
    at_least,
    equal,
    flag,
    mode,
    owner,
    setting,
)
from installer.steps.evidence import EVERY_ROLE

_UNITS = tuple(
    f"/{directory}/systemd/system/kubelet.service{rest}"
    for directory in ("etc", "usr/lib")
    for rest in ("", ".d/*.conf")
)
_PROXY = ("/etc/kubernetes/proxy.conf", "/etc/kubernetes/kube-proxy.conf", "/var/lib/kube-proxy/kubeconfig*")
_LISTENING = re.compile(r"^LISTEN\s+\d+\s+\d+\s+(\S+):10249\s", re.MULTILINE)


def _read_only_port(facts: Facts) -> str:
    return "The plan has the contract's rule M7, which opens the port." if "M7" in facts.plan.may else ""


def _host_name(facts: Facts) -> str:
    if not facts.plan.traits.inventory:
        return ""
    return "Your machines keep their host names, and nodes have the names of the plan."


def _container(facts: Facts) -> str:
    if not facts.in_container():
        return ""
    return "The machine is a container: the kernel's settings are its host's, which Craton leaves alone."


def _timeout(facts: Facts) -> Answer:
    found = facts.kubelet("streamingConnectionIdleTimeout")
    # kubeadm writes 0s for a setting that nobody gave, and the kubelet takes its own default for that.
    return Answer(found != 0, f"streamingConnectionIdleTimeout={found}" if found else "not given: 4 hours")


def _event_rate(facts: Facts) -> Answer:
    found = facts.kubelet("eventRecordQPS")
    if found is None:
        return Answer(True, "not given: 50 a second")
    return Answer(str(found).isdigit(), f"eventRecordQPS={found}")


def _certificate(facts: Facts) -> Answer:
    if facts.kubelet("tlsCertFile") and facts.kubelet("tlsPrivateKeyFile"):
        return Answer(True, f"tlsCertFile={facts.kubelet('tlsCertFile')}")
    output = facts.output("serving")
    if output == "ok":
        return Answer(True, "its certificate is of the cluster's CA")
    return Answer(False, "it signs its own certificate" if output == "own" else f"it has no certificate: {output}")


def _metrics(facts: Facts) -> Answer:
    found = _LISTENING.findall(facts.evidence.output("benchmark-listening"))
    outside = [address for address in found if not (address.startswith("127.") or address == "[::1]")]
    if outside:
        return Answer(False, f"it listens on {outside[0]}:10249")
    return Answer(True, f"it listens on {found[0]}:10249" if found else "nothing listens on 10249")


_SECTION = (
    Item("4.1.1", AUTOMATED, "kubelet unit file: mode 600 or stricter", mode(0o600, *_UNITS)),
    Item("4.1.2", AUTOMATED, "kubelet unit file: owned by root", owner(ROOT, *_UNITS)),
    Item("4.1.3", MANUAL, "kube-proxy kubeconfig, if there is one: mode 600", mode(0o600, *_PROXY, optional=True)),
    Item("4.1.4", MANUAL, "kube-proxy kubeconfig, if there is one: owned by root",
         owner(ROOT, *_PROXY, optional=True)),
    Item("4.1.5", AUTOMATED, "kubelet.conf: mode 600 or stricter", mode(0o600, "/etc/kubernetes/kubelet.conf")),
    Item("4.1.6", AUTOMATED, "kubelet.conf: owned by root", owner(ROOT, "/etc/kubernetes/kubelet.conf")),
    Item("4.1.7", MANUAL, "client CA file: mode 644 or stricter", mode(0o644, "/etc/kubernetes/pki/ca.crt")),
    Item("4.1.8", MANUAL, "client CA file: owned by root", owner(ROOT, "/etc/kubernetes/pki/ca.crt")),
    Item("4.1.9", AUTOMATED, "kubelet config file: mode 600 or stricter", mode(0o600, "/var/lib/kubelet/config.yaml")),
    Item("4.1.10", AUTOMATED, "kubelet config file: owned by root",
         owner(ROOT, "/var/lib/kubelet/config.yaml")),
    Item("4.2.1", AUTOMATED, "kubelet: anonymous requests are off",
         setting("authentication.anonymous.enabled", "anonymous-auth", equal("false", "true"))),
    Item("4.2.2", AUTOMATED, "kubelet: authorization isn't AlwaysAllow",
         setting("authorization.mode", "authorization-mode", equal("Webhook"))),
    Item("4.2.3", AUTOMATED, "kubelet: client CA is set",
         setting("authentication.x509.clientCAFile", "client-ca-file", GIVEN)),
    Item("4.2.4", MANUAL, "kubelet: read-only port is off",
         setting("readOnlyPort", "read-only-port", equal("0", "0")), _read_only_port),
    Item("4.2.5", MANUAL, "kubelet: idle streaming connections time out", _timeout),
    Item("4.2.6", AUTOMATED, "kubelet: makeIPTablesUtilChains is on",
         setting("makeIPTablesUtilChains", "make-iptables-util-chains", equal("true", "true"))),
    Item("4.2.7", MANUAL, "kubelet: host name isn't overridden", flag("kubelet", ("hostname-override", ABSENT)),
         _host_name),
    Item("4.2.8", MANUAL, "kubelet: event rate is set", _event_rate),
    Item("4.2.9", MANUAL, "kubelet: serves with a certificate of the cluster's CA", _certificate),
    Item("4.2.10", AUTOMATED, "kubelet: client certificate rotates",
         setting("rotateCertificates", "rotate-certificates", equal("true", "false"))),
    Item("4.2.11", MANUAL, "kubelet: serving certificate rotates",
         setting("featureGates.RotateKubeletServerCertificate", "", equal("true", "true"))),
    Item("4.2.12", MANUAL, "kubelet: strong ciphers only",
         setting("tlsCipherSuites", "tls-cipher-suites", among(STRONG))),
    Item("4.2.13", MANUAL, "kubelet: pods have a PID limit", setting("podPidsLimit", "pod-max-pids", at_least(1))),
    Item("4.2.14", MANUAL, "kubelet: seccomp is on by default",
         setting("seccompDefault", "seccomp-default", equal("true", "false"))),
    # CIS took it out with v1.10. Craton sets it all the same.
    Item("4.2.6 of v1.9", MANUAL, "kubelet: protectKernelDefaults is on",
         setting("protectKernelDefaults", "protect-kernel-defaults", equal("true", "false")), _container),
    Item("4.3.1", AUTOMATED, "kube-proxy: metrics on loopback only", _metrics),
)  # fmt: skip

ITEMS = tuple(replace(item, roles=EVERY_ROLE) for item in _SECTION)
