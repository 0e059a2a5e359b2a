"""Kubeadm's preflight findings (cmd/kubeadm/app/preflight/checks.go and app/phases/upgrade), each with its remedy."""

from __future__ import annotations

from collections.abc import Iterable

from installer.cluster.diagnosis.transcript import Finding

_LEFT = "this is left over from an earlier cluster: `craton destroy` that, or run `kubeadm reset -f` if nobody needs it"
_PORT_OF = {
    "6443": "the API server",
    "10250": "the kubelet",
    "10257": "the controller manager",
    "10259": "the scheduler",
    "2379": "etcd's clients",
    "2380": "etcd's members",
}
_PACKAGE_OF = {
    "conntrack": "conntrack",
    "cp": "coreutils",
    "crictl": "cri-tools",
    "ethtool": "ethtool",
    "ip": "iproute2",
    "iptables": "iptables",
    "losetup": "mount (util-linux elsewhere)",
    "mount": "mount (util-linux elsewhere)",
    "nsenter": "util-linux",
    "socat": "socat",
    "tc": "iproute2",
    "touch": "coreutils",
}

REMEDIES: dict[str, str] = {
    "ContainerRuntimeVersion": "a newer containerd is needed: remove the machine's own, so that preparing brings one",
    "ControlPlaneNodesReady": "bring the named masters back to Ready first (craton check)",
    "CoreDNSMigration": "kubeadm can't migrate the changed Corefile of CoreDNS: bring it closer to the default "
    "(ConfigMap coredns in kube-system)",
    "CoreDNSUnsupportedPlugins": "the Corefile (ConfigMap coredns in kube-system) uses plugins that the new CoreDNS "
    "lacks: take them out",
    "CreateJob": "no pod finished in kube-system within a minute: see whether nodes and the pod network work "
    "(craton check), and whether admission hooks refuse pods",
    "CRI": "containerd doesn't answer: `journalctl -u containerd` on the machine says why, and "
    "`systemctl restart containerd` may help",
    "ExternalEtcdClientCertificates": "something changed kubeadm's configuration to an external etcd, and its "
    "certificates aren't on the machine: Craton's clusters have their own etcd",
    "ExternalEtcdVersion": "something changed kubeadm's configuration to an external etcd, which is too old or doesn't "
    "answer: Craton's clusters have their own etcd",
    "Firewalld": "`systemctl disable --now firewalld` on the machine, or open the named ports",
    "Hostname": "a machine's name consists of lowercase letters, digits, '-' and '.', and must resolve on it",
    "HTTPProxy": "the proxy in the machine's environment isn't a URL: correct HTTPS_PROXY and NO_PROXY "
    "(/etc/environment)",
    "HTTPProxyCIDR": "the proxy in the machine's environment isn't a URL: correct HTTPS_PROXY and NO_PROXY "
    "(/etc/environment)",
    "ImagePull": "see the message about the image",
    "IsPrivilegedUser": "kubeadm needs root: the machine's user needs sudo without a password",
    "KubeletVersion": "kubelet, kubeadm and the cluster have different releases: prepare the machine again with the "
    "plan's release (`craton apply`), and look for another kubelet in PATH",
    "KubernetesVersion": "kubeadm doesn't know the plan's release: prepare the machine again",
    "Mem": "give the machine more memory: a master needs 2 GB or more, kubeadm refuses less than 1700 MB",
    "NumCPU": "give the machine another processor: a master needs two",
    "StaticPodManifest": "manifests of the control plane are missing in /etc/kubernetes/manifests: remove this master "
    "from the cluster and add it again (`craton nodes`)",
    "Swap": "`swapoff -a` on the machine, and remove the swap from /etc/fstab",
    "SystemVerification": "the machine's kernel or control groups lack what the kubelet needs: boot with control "
    "groups v2 (systemd.unified_cgroup_hierarchy=1) and a distribution's own kernel",
}
"""What to do about a finding, by its id."""

PREFIXES: dict[str, str] = {
    "DirAvailable-": _LEFT,
    "FileAvailable-": _LEFT,
    "FileContent-": "set {settings} to 1 (`sysctl -w`), and see what sets it back (/etc/sysctl.d, other network "
    "software)",
    "FileExisting-": "install {packages} on the machine, or fix root's PATH",
    "Port-": "stop what listens at {ports} (`ss -ltnp` on the machine shows it), or run `kubeadm reset -f` if it's of "
    "an earlier cluster",
    "Service-": "`systemctl enable --now {names}` on the machine",
}
"""The same for ids that name a port, file, program or service after their prefix."""


def remedies(findings: Iterable[Finding]) -> list[str]:
    """What to do about them, each said once; a general word for findings that are not known."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_text(finding.id), []).append(finding)
    return [_filled(text, group) for text, group in groups.items()]


def observed(findings: Iterable[Finding]) -> str:
    """Every finding in a line of its own, each said once."""
    return "\n".join(["kubeadm's preflight found", *(f"  {one.id}: {one.words}" for one in _once(findings))])


def hint(findings: Iterable[Finding]) -> str:
    return "; ".join([*remedies(_once(findings)), "then resume"])


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Without those that say in another's words what is the other's trouble."""
    by_words: dict[str, Finding] = {}
    for finding in findings:
        by_words.setdefault(finding.words, finding)
    return list(by_words.values())


def _text(id_: str) -> str:
    if id_ in REMEDIES:
        return REMEDIES[id_]
    return next((text for prefix, text in PREFIXES.items() if id_.startswith(prefix)), "fix what kubeadm names")


def _filled(text: str, findings: list[Finding]) -> str:
    """`text` with what the findings' ids and words name."""
    named = [finding.id.partition("-")[2] for finding in findings]
    settings = [finding.words.partition(" ")[0].removeprefix("/proc/sys/").replace("/", ".") for finding in findings]
    return text.format(
        names=" ".join(named),
        packages=", ".join(_PACKAGE_OF.get(name, f"the package with {name}") for name in named),
        ports=", ".join(f"{name} ({_PORT_OF.get(name, 'Kubernetes')})" for name in named),
        settings=", ".join(settings),
    )
