"""Kubeadm's errors that are known: a table from words to what they mean, whose trouble it is, and what to do.

Sources: cmd/kubeadm/app of Kubernetes 1.34 to 1.36, and client-go's and etcd's own words within kubeadm's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_API = (
    r"cluster-info ConfigMap|kubeadm-config|kubelet-config|unable to access the cluster|cannot get Node|(?:Get|Post) "
    r"\"https://"
)


@dataclass(frozen=True, slots=True)
class ErrorPattern:
    """An error. Its texts may hold {machine}, {master}, {api}, {release} and the names of the pattern's groups."""

    pattern: str
    observed: str
    hint: str
    on_master: bool = False
    """Whether it is the trouble of the master that invited, rather than of the machine that joins."""
    retryable: bool = False
    """Whether another join, with a new invitation, may succeed."""


DISCOVERY = (
    ErrorPattern(
        r"none of the public keys .* (?:is|are) pinned",
        "the API that answers at {api} is another cluster's: its certificate authority doesn't have the hash that "
        "{master} gave",
        "{machine} reaches another cluster under the name {api}: see `getent hosts {api}` on it and fix /etc/hosts "
        "or DNS; then resume",
    ),
    ErrorPattern(
        r"failed to verify JWS signature|could not find a JWS signature|token id .* is invalid for this cluster or "
        r"it has expired",
        "the invitation that {master} made is not known at {api} (any more): the bootstrap token ended before the "
        "join, or another cluster answers there",
        "resume: each try has a new token. If it happens again, compare the masters' clocks (`timedatectl`), see "
        "that kube-controller-manager runs on {master}, and that {machine} resolves {api} as {master} does",
        retryable=True,
    ),
    ErrorPattern(
        r"lookup (?P<name>\S+?)(?: on \S+)?: (?:no such host|server misbehaving|i/o timeout)",
        "{machine} cannot resolve {name}, the API's name",
        "see `getent hosts {name}` on {machine}: Craton writes it to /etc/hosts, so look for what removed it "
        "there; then resume",
    ),
    ErrorPattern(
        r"no route to host|network is unreachable",
        "{machine} has no route to the API at {api}",
        "see `ip route get` for {master}'s address on {machine}, and for a firewall that rejects "
        "(icmp-host-prohibited); then resume",
    ),
    ErrorPattern(
        r"dial tcp (?P<where>\S+): connect: connection refused",
        "the API server of {master} isn't running: {where} refuses connections",
        "see `crictl ps -a` and `journalctl -u kubelet` on {master} (craton gather collects them); when it answers "
        "again, resume",
        on_master=True,
    ),
    ErrorPattern(
        r"certificate signed by unknown authority",
        "what answers at {api} has a certificate from a different authority than {master}'s cluster",
        "another cluster or a proxy answers there: see `getent hosts {api}` on {machine}, and its proxy settings; "
        "then resume",
    ),
    ErrorPattern(
        r"certificate is (?:valid for|not valid for any names).*",
        "the API server's certificate lacks the name that {machine} asked for: it {0}",
        "`kubeadm init phase certs apiserver` on {master}, once its old apiserver.crt and .key are put aside, makes "
        "one with the plan's names; then resume",
        on_master=True,
    ),
    ErrorPattern(
        rf"(?s)(?:{_API}).*(?:context deadline exceeded|i/o timeout|Client\.Timeout|TLS handshake timeout|timed? ?out|"
        r"http2: client connection lost|EOF|connection reset|would exceed context deadline|unexpected error when "
        r"reading response)",
        "the API at {api} doesn't answer {machine}, or answers too slowly",
        "run `curl -k https://{api}:6443/livez` on {master} and {machine}: no answer on {machine} alone means a "
        "firewall, on both no quorum (craton check); then resume",
        on_master=True,
    ),
    ErrorPattern(
        r"etcdserver: (?:request timed out|no leader|leader changed|too many requests)|the server was unable to "
        r"return a response|InternalError|ServiceUnavailable|the server is currently unable|apiserver not ready",
        "the API server of {master} answers with errors: {0}",
        "etcd has most likely no quorum: bring the other masters back (craton check); then resume",
        on_master=True,
    ),
)

JOIN = (
    ErrorPattern(
        r"a Node with name \"(?P<node>[^\"]*)\" and status \"Ready\" already exists",
        "a node with the name {node} is Ready in the cluster already: another machine has it",
        "rename or stop the other {node} (`kubectl get node {node} -o wide` shows its address), or `kubectl delete "
        "node {node}` if it is gone; then resume",
    ),
    ErrorPattern(
        r"Secret \"kubeadm-certs\" was not found|error to get token reference|error downloading the secret",
        "the control plane's certificates are no longer in the cluster's Secret kubeadm-certs: they stay there for "
        "two hours",
        "resume: each try puts them there again. If it happens again, compare the masters' clocks (`timedatectl`)",
        on_master=True,
        retryable=True,
    ),
    ErrorPattern(
        r"error decoding secret data with provided key|cipher: message authentication failed|error decoding "
        r"certificate key",
        "the certificates in the cluster's Secret kubeadm-certs are locked with another key than the one that "
        "{master} gave: somebody has uploaded new ones since",
        "resume: each try puts them there with its own key. Run no `kubeadm init phase upload-certs` meanwhile",
        on_master=True,
        retryable=True,
    ),
    ErrorPattern(
        r"can only promote a learner member which is in sync|the etcd member \S+ is not started|learner|failed to "
        r"get member \S+ status",
        "etcd on {machine} did not catch up with the other members: {0}",
        "see that tcp 2379 and 2380 are open between {machine} and the masters, both ways, and that disks are "
        "fast enough (etcd's log); a resume removes the half-joined member and joins again",
    ),
    ErrorPattern(
        r"(?s)etcd cluster is not healthy|timeout waiting for etcd cluster|error syncing endpoints with etcd|error "
        r"creating etcd client|etcdserver: |the status of member \S+ is not available|member \S+ is not healthy|"
        r"check-etcd|could not retrieve the list of etcd endpoints|unhealthy cluster",
        "etcd of the masters that are there is not healthy, or {machine} does not reach it: {error}",
        "see `craton check`, whether {machine} reaches the masters' tcp 2379, and remove members that are gone "
        "for good (`craton nodes remove`); then resume",
        on_master=True,
    ),
    ErrorPattern(
        r"failed while waiting for TLS bootstrap",
        "the kubelet of {machine} didn't get its certificate in time",
        "see whether kube-controller-manager on {master} signs (`kubectl get csr`), whose clock is off "
        "(`timedatectl`), and `journalctl -u kubelet` on {machine}; then resume",
        on_master=True,
    ),
    ErrorPattern(
        r"unable to add a new control plane instance.*",
        "the cluster can't take another master: {0}",
        "Craton didn't make it with this plan: look at the ConfigMap kubeadm-config in kube-system",
        on_master=True,
    ),
    ErrorPattern(
        r"Unauthorized|is forbidden",
        "the cluster refuses {machine}: {error}",
        "resume: each try has a new token. If it happens again, see whose clock is off (`timedatectl`), and whether "
        "bootstrap tokens are still allowed (`kubectl -n kube-system get clusterrolebindings | grep kubeadm`)",
        on_master=True,
        retryable=True,
    ),
)

CONFIGURATION = (
    ErrorPattern(
        r"only supports deploying clusters with the control plane version >= (?P<least>\S+?)\. Current version: "
        r"(?P<asked>\S+)",
        "kubeadm on {machine} installs no release before {least}, and the cluster's is {asked}",
        "kubeadm must be of the plan's release ({release}): prepare the machine again; then resume",
    ),
    ErrorPattern(
        r"version skew|is not a supported version|kubeadm version .* can only|unsupported .*kubelet version",
        "kubeadm or the kubelet of {machine} doesn't match the cluster's release: {error}",
        "prepare the machine again with the plan's release ({release}); then resume",
    ),
    ErrorPattern(
        r"unknown field.*|error unmarshaling configuration.*|strict decoding error.*|unknown configuration.*|old API "
        r"spec.*|experimental API spec.*",
        "kubeadm on {machine} rejects its configuration: {0}",
        "kubeadm most likely has another release than the plan's ({release}): `kubeadm version` on the machine; "
        "prepare it again, then resume",
    ),
    ErrorPattern(
        r"unable to read config from|could not apply patches|failed to patch.*|error reading patches",
        "kubeadm on {machine} can't use its files: {error}",
        "look at /var/lib/craton on the machine, and whether its disk is full (df -h); then resume",
    ),
    ErrorPattern(
        r"no space left on device|read-only file system|permission denied",
        "{machine} can't be written to: {error}",
        "see `df -h`, `df -i` and `dmesg` on the machine; then resume",
    ),
)

CONTROL_PLANE = (
    ErrorPattern(
        r"failed while waiting for the kubelet to start|10248/healthz",
        "the kubelet of {machine} doesn't become healthy",
        "`journalctl -u kubelet` on {machine} says why (craton gather collects it); then resume",
    ),
    ErrorPattern(
        r"cannot obtain client without bootstrap|failed while waiting for the control plane to start|"
        r"(?:kube-apiserver|kube-controller-manager|kube-scheduler) check failed",
        "the control plane of {machine} did not come up: {error}",
        "look for what failed first in `crictl ps -a`, `crictl logs` and `journalctl -u kubelet` on {machine} "
        "(craton gather collects them); a resume resets the machine and tries again",
    ),
)

UPGRADE = (
    ErrorPattern(
        r"Specified version to upgrade to \"(?P<asked>[^\"]*)\" is too high",
        "{asked} is more than one minor release away: kubeadm only goes from one to the next",
        "upgrade to the minor release in between first (`craton upgrade`)",
    ),
    ErrorPattern(
        r"Specified version to (?:up|down)grade to \"(?P<asked>[^\"]*)\" is (?:equal to or lower|too low).*",
        "the cluster is already newer than {asked}, and kubeadm doesn't go back",
        "put the cluster's release into the plan; `kubectl version` says which it is",
    ),
    ErrorPattern(
        r"Specified version to upgrade to \"(?P<asked>[^\"]*)\" is (?:at least one minor release )?higher than the "
        r"kubeadm|Kubeadm version \S+ can only be used to upgrade",
        "kubeadm on {machine} isn't the requested release ({release})",
        "another kubeadm is first in PATH, or the new one is missing: `kubeadm version` on the machine; then resume",
    ),
    ErrorPattern(
        r"kubelets in this cluster that are too old that have these versions (?P<versions>.*)",
        "kubelets are too old for the new control plane: {versions}",
        "bring the nodes that lag behind to the cluster's present release first (`kubectl get nodes`); then resume",
    ),
    ErrorPattern(
        r"static Pod hash for component (?P<component>\S+) on Node (?P<node>\S+) did not change after (?P<after>\S+?):",
        "{component} on {machine} did not restart with its new manifest within {after}, so kubeadm put the old one "
        "back",
        "see `journalctl -u kubelet` and `crictl ps -a` on {machine} (craton gather collects them): an image that "
        "is not there, or a slow disk; then resume",
    ),
    ErrorPattern(
        r"fatal error (?:when trying to upgrade|upgrading|rolling back).*etcd.*",
        "etcd on {machine} did not come up in its new release: {0}",
        "see etcd's log (craton gather) and free space (df -h), then resume; kubeadm keeps a copy of its database "
        "in /etc/kubernetes/tmp",
    ),
    ErrorPattern(
        r"couldn't upgrade control plane\. kubeadm has tried to recover everything into the earlier state\. Errors "
        r"faced: (?P<faced>(?s:.*))",
        "the control plane of {machine} did not come up in its new release, and kubeadm put the old one back: {faced}",
        "see `crictl ps -a` and `crictl logs` on {machine} (craton gather collects them) for the component that "
        "ended; then resume",
    ),
    ErrorPattern(
        r"failed to renew certificates?.*",
        "kubeadm couldn't renew the certificates of {machine}: {0}",
        "see `kubeadm certs check-expiration` on the machine, and that the authorities' keys are in "
        "/etc/kubernetes/pki; then resume",
    ),
    ErrorPattern(
        r"ConfigMap \"kubeadm-config\".* not found",
        "the cluster has no ConfigMap kubeadm-config in kube-system",
        "bring it back from a backup, or with `kubeadm init phase upload-config kubeadm` on the first master; then "
        "resume",
    ),
    ErrorPattern(
        r"dial tcp (?P<where>\S+): connect: connection refused|(?:Get|Post|Put|Patch) \"https://.*",
        "the API server doesn't answer {machine}: {error}",
        "see `crictl ps -a` and `journalctl -u kubelet` on the machine; when `craton check` finds the API well, resume",
    ),
)


def find(error: str, table: tuple[ErrorPattern, ...], names: dict[str, str]) -> tuple[ErrorPattern, str, str] | None:
    """The first entry of `table` that knows `error`, with its two texts filled in."""
    for known in table:
        found = re.search(known.pattern, error)
        if found is not None:
            groups = {name: value or "" for name, value in found.groupdict().items()}
            values = {"error": error, **names, **groups}
            return known, known.observed.format(found[0], **values), known.hint.format(found[0], **values)
    return None
