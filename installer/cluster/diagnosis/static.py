"""What a kubelet that does not run and static pods that end say, and what to do about it."""

from __future__ import annotations

import re

from installer.cluster.diagnosis.transcript import Ended

_KUBELET: tuple[tuple[str, str], ...] = (
    (
        r"cgroup v1",
        "the machine uses control groups v1, which this kubelet refuses: boot it with v2 "
        "(systemd.unified_cgroup_hierarchy=1), or prepare it again (failCgroupV1: false)",
    ),
    (r"swap on is not supported|fail-swap-on", "`swapoff -a` on the machine, and remove the swap from /etc/fstab"),
    (
        r"slice:prefix:name|cgroup driver|cgroupsPath",
        "kubelet and containerd use different cgroup drivers, and both must use systemd (cgroupDriver, "
        "SystemdCgroup): prepare the machine again",
    ),
    (
        r"unknown field|strict decoding|failed to load kubelet config file|failed to validate kubelet configuration|"
        r"quantities must match|invalid configuration",
        "this kubelet doesn't know a setting in /var/lib/kubelet/config.yaml: find out what changed it, or "
        "whether it is of another release, and prepare the machine again",
    ),
    (
        r"unknown (?:shorthand )?flag|unknown option",
        "the kubelet is started with a flag that it doesn't know (/var/lib/kubelet/kubeadm-flags.env, "
        "/etc/default/kubelet): remove it, or prepare the machine again",
    ),
    (
        r"bootstrap-kubelet\.conf|failed to load kubeconfig|unable to load bootstrap kubeconfig|invalid "
        r"configuration: no",
        "the kubelet has no credentials (/etc/kubernetes/kubelet.conf): the join did not come to its end, or they "
        "were deleted; a resume resets the machine and joins it again",
    ),
    (
        r"bind: address already in use",
        "another program has the kubelet's port: find it with `ss -ltnp` on the machine and stop it",
    ),
    (r"no space left", "free space on the machine's disk (df -h)"),
    (
        r"too many open files|inotify",
        "raise fs.inotify.max_user_instances and fs.inotify.max_user_watches on the machine",
    ),
    (r"/dev/kmsg", "the kubelet needs /dev/kmsg: a container must be privileged"),
    (
        r"container runtime is down|containerd\.sock|validate CRI",
        "containerd doesn't answer: `journalctl -u containerd` on the machine says why",
    ),
    (r"network plugin|cni", "the pod network is not configured on the machine (/etc/cni/net.d, /opt/cni/bin)"),
    (
        r"node-role\.kubernetes\.io|unknown 'kubernetes\.io' or 'k8s\.io' labels",
        "the kubelet may not set this label on its node: remove it from its flags (/etc/default/kubelet)",
    ),
)
_CONTAINER: tuple[tuple[str, str], ...] = (
    (
        r"unknown flag|unknown shorthand|flag provided but not defined|unrecognized feature gate|invalid argument",
        "{name} is started with a flag that it doesn't know: look at /etc/kubernetes/manifests/{name}.yaml, and "
        "whether its image is of the plan's release",
    ),
    (
        r"bind: address already in use",
        "another program has {name}'s port: find it with `ss -ltnp` on the machine and stop it",
    ),
    (
        r"member .* has already been bootstrapped|cluster ID mismatch|member count is unequal|the member has been "
        r"permanently removed",
        "/var/lib/etcd belongs to another cluster, or to a removed member: a resume resets the machine and joins "
        "it again",
    ),
    (
        r"cannot fetch cluster info from peer urls|could not retrieve cluster information|prober detected unhealthy",
        "etcd doesn't reach the other members: check that tcp 2380 is open between this machine and the masters, "
        "both ways; a resume removes the half-joined member and joins again",
    ),
    (
        r"freepages|invalid database|panic: (?:assertion|page|failed)|failed to (?:open|recover) (?:database|v3 "
        r"backend)|wal: .*|walpb: crc mismatch|checksum|go\.etcd\.io/\S*/(?:storage|mvcc|wal|snap|bbolt)\b",
        "the database in /var/lib/etcd is damaged: look at the disk (dmesg); a resume resets a master that is no "
        "member yet, `craton etcd restore` puts a snapshot back",
    ),
    (
        r"too many open files|inotify",
        "raise fs.inotify.max_user_instances with `sysctl` on the machine, or on this computer for `local` ones",
    ),
    (r"no space left|mvcc: database space exceeded", "free space on the machine's disk (df -h /var/lib/etcd)"),
    (
        r"x509|tls: |certificate",
        "a certificate in /etc/kubernetes/pki doesn't match: `kubeadm certs check-expiration` and the machine's "
        "clock (`timedatectl`)",
    ),
    (
        r"permission denied|read-only file system",
        "{name} may not read or write its files: look at their owners, at SELinux or AppArmor (dmesg)",
    ),
    (
        r"no such file or directory",
        "a file that {name} reads is missing: look at /etc/kubernetes/manifests/{name}.yaml, and at "
        "/etc/kubernetes/craton",
    ),
    (
        r"encryption|EncryptionConfig|AuthenticationConfiguration|audit|failed to load",
        "the API server can't read one of its files in /etc/kubernetes/craton: a resume writes it again",
    ),
    (r":2379|etcd", "{name} doesn't reach etcd on this machine: look at etcd's log first (craton gather)"),
)
_KUBELET_NOISE = re.compile(
    r"connection refused|is not registered yet|node \\?\"[^\"]*\" not found|Failed to ensure lease|CrashLoopBackOff|"
    r"failed to get node info|Unable to register node"
)
_LOG_HEAD = re.compile(r"^[EFIW]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.]+:\d+\] ")
_REASON = re.compile(r'\berr="(.*?)"(?= \w+="|$)')
_SHUT_DOWN = frozenset({"0", "137", "143"})


def kubelet_words(words: str) -> str:
    """The reason in a line of the kubelet's log; empty for what only follows from an API that is not up yet."""
    bare = _LOG_HEAD.sub("", words)
    if _KUBELET_NOISE.search(bare):
        return ""
    reason = _REASON.search(bare)
    output = reason[1].replace("\\", "") if reason else bare
    return output.rpartition(" desc = ")[2].strip('" ') or bare


def kubelet_hint(words: str) -> str:
    """What to do about it; empty where it is nothing known."""
    return next((_then_resume(text) for pattern, text in _KUBELET if re.search(pattern, words, re.IGNORECASE)), "")


def first_cause(ended: tuple[Ended, ...]) -> Ended | None:
    """The container that the others wait for: etcd, then the API server. None if none of them failed."""
    order = {"etcd": 0, "kube-apiserver": 1}
    failed = [one for one in ended if one.name and one.status not in _SHUT_DOWN]
    return min(failed, key=lambda one: order.get(one.name, 2), default=None)


def container_words(ended: Ended) -> str:
    return f"the container {ended.name} ended with exit status {ended.status}: {_reason(ended) or 'it said nothing'}"


def _reason(ended: Ended) -> str:
    """The last line of a container's log without its head: etcd logs JSON, the others as the kubelet does."""
    fields = [found[1] for field in ("msg", "error") if (found := re.search(rf'"{field}":"([^"]*)', ended.words))]
    return ": ".join(fields) if ended.words.startswith("{") and fields else _LOG_HEAD.sub("", ended.words)


def container_hint(ended: Ended) -> str:
    """What to do about it; empty where it is nothing known."""
    for pattern, text in _CONTAINER:
        if re.search(pattern, _reason(ended), re.IGNORECASE):
            return _then_resume(text.format(name=ended.name))
    return ""


def _then_resume(text: str) -> str:
    return text if "resume" in text else f"{text}; then resume"
