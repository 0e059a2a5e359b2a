"""Preflight checks of installed software: programs, packages, container runtimes, and what an earlier cluster left."""

from __future__ import annotations

import re

from installer.common.text import whole_number
from installer.health.check import Judgement, Subject
from installer.health.parsing import brief
from installer.health.preflight import probes
from installer.health.preflight.check import PreflightCheck, fails, holds, warns
from installer.health.preflight.facts import at_work, claim
from installer.health.preflight.records import listed, records
from installer.health.preflight.system import units
from installer.plan.rules import Level
from installer.steps.evidence import Unreadable

ESSENTIAL = (
    "mount", "nsenter", "touch", "systemctl", "swapoff", "tar", "gzip", "sha256sum", "timeout", "getent", "awk", "sed",
    "grep", "install", "mktemp",
)  # fmt: skip
"""Part of every supported system; no package of ours brings them."""
INSTALLED = ("ip", "iptables", "conntrack", "ethtool", "socat", "tc", "modprobe", "sysctl", "crictl", "nft")
"""kubeadm's preflight and the node's programs want them, and Craton installs what is missing."""
MANAGERS = ("apt-get", "dnf")
OLDEST_CONTAINERD = (1, 6)
"""The first with version 1 of the Container Runtime Interface, the only one that today's kubelet speaks."""
REMOVERS = {
    "k3s": "k3s-uninstall.sh (k3s-agent-uninstall.sh)", "rke2": "rke2-uninstall.sh", "k0s": "k0s reset",
    "microk8s": "snap remove --purge microk8s",
}  # fmt: skip
"""Distributions that run a kubelet of their own, and what takes each away."""
_FIRM = ("/etc/kubernetes/", "/var/lib/etcd", "/var/lib/rancher", "/var/lib/k0s", "/var/snap/microk8s")
"""Leftovers over which kubeadm stumbles."""


def _programs_of(subject: Subject) -> set[str]:
    found = set(records(subject.evidence, probes.PROGRAMS).all("program"))
    if not found:
        raise Unreadable("the machine named no program")
    return found


def _programs(subject: Subject) -> Judgement:
    found = _programs_of(subject)
    gone = [name for name in ESSENTIAL if name not in found]
    if gone:
        return fails(f"missing: {listed(gone, 8)}")
    missing = [name for name in INSTALLED if name not in found]
    if missing and not found.intersection(MANAGERS):
        return fails(f"missing: {listed(missing, 8)}, and there is no {' or '.join(MANAGERS)} to install them")
    return holds(f"Craton installs {listed(missing, 8)}" if missing else "all there")


def _packages(subject: Subject) -> Judgement:
    found = _programs_of(subject)
    manager = next((name for name in MANAGERS if name in found), None)
    if manager is None:
        return fails(f"there is neither {' nor '.join(MANAGERS)}")
    broken = [brief(name) for name in records(subject.evidence, probes.PROGRAMS).all("broken")]
    if broken:
        return warns(f"only partly installed: {listed(broken)}", "dpkg --configure -a, then apt-get install -f")
    return holds(manager)


def _download(subject: Subject) -> Judgement:
    found = _programs_of(subject)
    if tool := next((name for name in ("curl", "wget") if name in found), None):
        return holds(tool)
    if found.intersection(MANAGERS):
        return holds("Craton installs curl")
    return fails("there is neither curl nor wget, and nothing to install one with")


def _perl(subject: Subject) -> Judgement:
    return (
        holds("there")
        if "perl" in _programs_of(subject)
        else warns("missing: whether ports are reachable cannot be tried")
    )


def _versions(subject: Subject) -> dict[str, str]:
    """What programs say of themselves, by name."""
    reported = (rest.partition(" ") for rest in records(subject.evidence, probes.SOFTWARE).all("version"))
    return {name: words.strip() for name, _, words in reported}


def _runtime(subject: Subject) -> Judgement:
    reported, versions = records(subject.evidence, probes.SOFTWARE), _versions(subject)
    running = [name for name in ("docker", "crio") if units(subject).get(name, {}).get("ActiveState") == "active"]
    words = versions.get("containerd")
    if words is None:
        others = f" beside {listed(running)}" if running else ""
        return holds(f"none; Craton installs containerd{others}")
    found = re.search(r"\bv?([0-9]{1,4})\.([0-9]{1,4})", words)
    name = f"containerd {found[0].lstrip('v')}" if found else "containerd"
    if found and (int(found[1]), int(found[2])) < OLDEST_CONTAINERD:
        return warns(
            f"{name} is older than {OLDEST_CONTAINERD[0]}.{OLDEST_CONTAINERD[1]}: the kubelet does not speak to it"
        )
    foreign = sum(whole_number(count) or 0 for space, count in reported.rows("containers", 2) if space != "k8s.io")
    if running or foreign:
        seen = f"{name} runs {foreign} other containers" if foreign else f"{name} beside {listed(running)}"
        return warns(f"{seen}; it restarts with Craton's configuration", "move what runs there to another machine")
    disabled = [
        line for line in reported.all("config") if line.startswith("disabled_plugins") and re.search(r"\bcri\b", line)
    ]
    return holds(f"{name}; Craton switches its CRI plugin on" if disabled else name)


def _sockets(subject: Subject) -> Judgement:
    found = [brief(path) for path in records(subject.evidence, probes.SOFTWARE).all("socket")]
    others = [path for path in found if path != "/run/containerd/containerd.sock"]
    if others:
        return warns(f"more than one runtime for a kubelet to speak to: {listed(found)}")
    return holds("no other runtime has a socket")


def _kubernetes(subject: Subject) -> Judgement:
    planned = subject.plan.kubernetes
    versions = [(name, _versions(subject).get(name)) for name in ("kubelet", "kubeadm")]
    told = [
        (name, found[0])
        for name, words in versions
        if words and (found := re.search(r"v[0-9]+\.[0-9]+\.[0-9]+", words))
    ]
    wrong = [f"{name} {version}" for name, version in told if version != planned]
    if wrong:
        return warns(f"{listed(wrong)} is installed, the plan says {planned}")
    return holds(planned if told else "not installed yet")


def _leftovers(subject: Subject) -> Judgement:
    if at_work(subject.plan, subject.machine, subject.evidence):
        return holds("claimed by this cluster: what is here is its own")
    reported, software = records(subject.evidence, probes.LEFTOVERS), records(subject.evidence, probes.SOFTWARE)
    other = [name for name in REMOVERS if name in _versions(subject)]
    if other:
        return fails(f"{listed(other)} is installed", "; ".join(REMOVERS[name] for name in other))
    paths, links = [brief(path) for path in reported.all("path")], [brief(link) for link in reported.all("link")]
    kubelet = units(subject).get("kubelet", {}).get("ActiveState")
    pods = next((count for space, count in software.rows("containers", 2) if space == "k8s.io"), "")
    firm = [path for path in paths if path.startswith(_FIRM)]
    firm += ["a kubelet that runs"] if kubelet in ("active", "activating") else []
    firm += [f"{brief(pods)} containers of pods"] if pods else []
    soft = [path for path in paths if not path.startswith(_FIRM)] + [f"interface {link}" for link in links]
    soft += ["kube-proxy's rules"] if _kube_chains(subject) else []
    if not firm and not soft:
        return holds("none")
    remedy = "; ".join(["if nobody needs it: kubeadm reset -f", *(f"ip link delete {link}" for link in links)])
    if paths:
        remedy += f"; rm -r {' '.join(paths[:6])}"
    return (
        fails(f"of an earlier cluster: {listed(firm + soft)}", remedy)
        if firm
        else warns(f"of an earlier cluster: {listed(soft)}", remedy)
    )


def _kube_chains(subject: Subject) -> bool:
    try:
        return any((whole_number(count) or 0) > 0 for count in records(subject.evidence, probes.FIREWALL).all("kube"))
    except Unreadable:
        return False


def _cni(subject: Subject) -> Judgement:
    found = [brief(name) for name in records(subject.evidence, probes.LEFTOVERS).all("cni")]
    if not found or at_work(subject.plan, subject.machine, subject.evidence):
        return holds("none but the cluster's own")
    seen = f"/etc/cni/net.d has {listed(found)}: pods may get addresses from it"
    return warns(seen, f"mv /etc/cni/net.d/{found[0]} /root, unless something else needs it")


def _claim(subject: Subject) -> Judgement:
    found, own = claim(subject.evidence), subject.machine.name
    if not found:
        return holds("nobody's")
    if found.cluster != subject.plan.name:
        seen = f"it belongs to the Craton cluster {brief(found.cluster)}, as {brief(found.machine)}"
        return fails(seen, f"craton destroy {brief(found.cluster)} where that was installed, or take another machine")
    if found.machine != own:
        return fails(f"it is {brief(found.machine)} of this cluster already, and the plan makes it {own}")
    return holds("this cluster's")


CHECKS = (
    PreflightCheck("claim", "claim", Level.NEEDED, _claim, (probes.LEFTOVERS,),
        what="no other Craton cluster has claimed the machine, nor this one under another name",
        remedy="give the machine the role and the place in the plan that it had, or destroy the cluster first"),
    PreflightCheck("leftovers", "leftovers", Level.NEEDED, _leftovers,
        (probes.LEFTOVERS, probes.SOFTWARE, probes.FIREWALL),
        what="nothing of an earlier cluster: no kubelet, no files of Kubernetes or etcd, no overlay interface",
        remedy="kubeadm reset -f, and remove what it leaves"),
    PreflightCheck("cni", "CNI configuration", Level.SHOULD, _cni, (probes.LEFTOVERS,),
        what="/etc/cni/net.d holds nothing", remedy="move the files of /etc/cni/net.d elsewhere"),
    PreflightCheck("container-runtime", "container runtime", Level.SHOULD, _runtime, (probes.SOFTWARE,),
        what="no container runtime, or a containerd that Craton may configure and restart",
        remedy="apt-get install containerd, of a newer release"),
    PreflightCheck("runtime-sockets", "runtime sockets", Level.SHOULD, _sockets, (probes.SOFTWARE,),
        what="containerd's is the only runtime socket that a kubelet could use",
        remedy="stop the other ones: systemctl disable --now crio cri-docker"),
    PreflightCheck("kubernetes", "Kubernetes", Level.SHOULD, _kubernetes, (probes.SOFTWARE,),
        what="no kubelet or kubeadm of another version than the plan's",
        remedy="apt-get remove kubelet kubeadm kubectl"),
    PreflightCheck("programs", "programs", Level.NEEDED, _programs, (probes.PROGRAMS,),
        what="the programs of a base system; Craton installs conntrack, ethtool, socat and the like",
        remedy="install the packages util-linux, coreutils, tar, gzip and libc-bin"),
    PreflightCheck("package-manager", "package manager", Level.NEEDED, _packages, (probes.PROGRAMS,),
        what="apt-get or dnf, with no package half installed", remedy="use a Debian, Ubuntu or RHEL-like system"),
    PreflightCheck("download", "download", Level.NEEDED, _download, (probes.PROGRAMS,),
        what="curl or wget, or a package manager that brings one", remedy="install curl"),
    PreflightCheck("perl", "perl", Level.SHOULD, _perl, (probes.PROGRAMS,),
        what="perl, with which ports are tried before anything is installed", remedy="apt-get install perl-base"),
)  # fmt: skip
