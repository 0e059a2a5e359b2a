"""A whole cluster of real Kubernetes on this computer, from nothing to verified, beside kubeadm's steps run by hand.

Three masters, an infra node and a worker. First Craton makes machines and cluster; then the same machines are reset,
and what a person would type is run on them, one command after the other, with the same configuration and images: each
machine's images, which kubeadm would pull itself from a registry, then init, flannel, joins and labels.
Kubernetes comes from the directory that CRATON_ARTIFACTS names (as of `craton bundle`), else from the internet.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from installer.artifacts.catalogue import image_archives
from installer.cluster import kubeadm
from installer.cluster.manifests import manifests
from installer.node.program import read_fields
from installer.operations import lookup
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, Topology, topology
from tests.bench.clusters import DEADLINE, measured, planned
from tests.bench.critical_path import of_cluster
from tests.craton import Craton
from tests.doubles.machines import the_engine

T = TypeVar("T")
GOAL = 0.95
ADMIN = "kubectl --kubeconfig /etc/kubernetes/admin.conf"


class ByHand:
    """kubeadm's steps on machines that Craton prepared, timed one by one."""

    def __init__(self, plan: InstallPlan, artifacts: Path | None) -> None:
        self.plan, self.topology = plan, topology(plan)
        self.first = self.topology.first_master
        self.artifacts = artifacts
        self.seconds: dict[str, float] = {}

    def run(self) -> None:
        plan, first = self.plan, self.first
        for machine in self.topology.machines:
            self._images(machine)
        key = kubeadm.new_encryption_key()
        self._put(first, kubeadm.init_payload(plan, self.topology, first, self._facts(first), key))
        self._timed(f"kubeadm init on {first.name}", lambda: self._kubeadm(first, "init"))
        self._timed("flannel", lambda: self._on(first, f"{ADMIN} apply -f -", manifests(plan, "overlay")))
        others = [machine for machine in self.topology.machines if machine is not first]
        for machine in sorted(others, key=lambda machine: machine.role is not Role.MASTER):
            self._timed(f"kubeadm join of {machine.name}", lambda machine=machine: self._join(machine, key))  # type: ignore[misc]
        wait = f"{ADMIN} wait --for=condition=Ready node --all --timeout=300s"
        self._timed("every node Ready", lambda: self._on(first, wait))
        self._timed("labels", self._label)

    def total(self, *, images: bool = True) -> float:
        """Seconds of all steps together, with those that import images or without them."""
        return sum(seconds for what, seconds in self.seconds.items() if images or not what.startswith("images"))

    def _images(self, machine: Machine) -> None:
        """What kubeadm would pull, from the archives that Craton brought; without archives it does pull."""
        if self.artifacts is not None:
            archives = [self.artifacts / path for path in image_archives(self.plan, machine.role)]
            for archive in archives:
                the_engine().call("cp", str(archive), f"{machine.name}:/root/{archive.name}", deadline=120.0)
            os.sync()  # that they were copied is not to slow down what is timed
            names = " ".join(f"/root/{archive.name}" for archive in archives)
            imports = f"for file in {names}; do ctr -n k8s.io images import $file || exit 1; done"
            self._timed(f"images on {machine.name}", lambda: self._on(machine, imports))

    def _timed(self, what: str, step: Callable[[], T]) -> T:
        began = time.monotonic()
        value = step()
        self.seconds[what] = time.monotonic() - began
        print(f"  by hand: {what}: {self.seconds[what]:.1f} s", flush=True)
        return value

    def _join(self, machine: Machine, key: str) -> None:
        first = self.first
        certificates = ""
        if machine.role is Role.MASTER:
            certificates = self._on(first, "kubeadm init phase upload-certs --upload-certs").split()[-1]
        words = self._on(first, "kubeadm token create --print-join-command").split()
        token, sum = words[words.index("--token") + 1], words[words.index("--discovery-token-ca-cert-hash") + 1]
        invitation = kubeadm.Invitation(token, sum, certificates, key)
        self._put(machine, kubeadm.join_payload(self.plan, machine, self._facts(machine), invitation))
        self._kubeadm(machine, "join")

    def _kubeadm(self, machine: Machine, verb: str) -> None:
        self._on(machine, f"kubeadm {verb} --config /root/kubeadm.yaml")

    def _label(self) -> None:
        for machine in self.topology.machines:
            if machine.labels:
                self._on(self.first, f"{ADMIN} label --overwrite node {machine.name} {' '.join(machine.labels)}")

    def _facts(self, machine: Machine) -> kubeadm.Facts:
        return kubeadm.facts_of(read_fields(self._on(machine, "craton-node status")))

    def _put(self, machine: Machine, payload: str) -> None:
        files = kubeadm.read_payload(payload)
        for name, text in files.items():
            path = "/root/kubeadm.yaml" if name == "kubeadm.yaml" else f"/etc/kubernetes/craton/{name}"
            self._on(machine, f"mkdir -p /etc/kubernetes/craton && cat >{path}", text)

    def _on(self, machine: Machine, command: str, stdin: str = "") -> str:
        done = the_engine().attempt(
            "exec", "--interactive", machine.name, "sh", "-c", command, stdin=stdin.encode(), deadline=600.0
        )
        assert done.status == 0, f"{machine.name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout


_BARE = """
craton-node reset
systemctl stop kubelet
rm -f /var/lib/craton/kubelet-standalone.env
crictl rmi --all
mkdir -p /var/lib/craton/patches
printf 'failCgroupV1: false\nfailSwapOn: false\n' >/var/lib/craton/patches/kubeletconfiguration+strategic.yaml
"""


def reset(derived: Topology) -> None:
    """The machines as they were prepared, without images; workers leave before the control plane does."""
    for machine in reversed(derived.machines):
        the_engine().call("exec", machine.name, "sh", "-c", _BARE, deadline=300.0)


def stolen() -> float:
    """Seconds, since this computer's start, in which its processors were somebody else's (proc_stat(5), steal)."""
    return int(Path("/proc/stat").read_text().split(maxsplit=9)[8]) / os.sysconf("SC_CLK_TCK")


def bench(craton: Craton) -> float:
    """How many times as long Craton takes from nothing to verified as the steps by hand."""
    artifacts = os.environ.get("CRATON_ARTIFACTS")
    from_here = ["--artifacts", artifacts] if artifacts else []
    path = planned(craton, "kube")
    began, lost = time.monotonic(), stolen()
    done = subprocess.run(
        craton.argv("apply", str(path), "--yes", "--plain", *from_here),
        env=craton.environment, cwd=craton.directory, timeout=DEADLINE, check=False, stdout=sys.stderr,
    )  # fmt: skip
    taken = time.monotonic() - began
    assert done.returncode == 0, f"craton apply ended with exit status {done.returncode}"
    print(
        f"craton, from nothing to verified: {taken:.1f} s; others had {stolen() - lost:.1f} s of the processors",
        flush=True,
    )
    print("its critical path, of steps that waited for each other:", *of_cluster(lookup.existing("kube")), sep="\n")
    plan = lookup.load("kube")
    reset(topology(plan))
    by_hand = ByHand(plan, Path(artifacts) if artifacts else None)
    lost = stolen()
    by_hand.run()
    lost = stolen() - lost
    whole, kubeadm_alone = by_hand.total(), by_hand.total(images=False)
    print(
        f"by hand, on machines that were made and prepared: {whole:.1f} s, {kubeadm_alone:.1f} s of it without images; "
        f"others had {lost:.1f} s of the processors"
    )
    print(f"craton took {taken / kubeadm_alone:.2f} times as long as the steps without images")
    return taken / whole


def main() -> int:
    return measured("kube", "kube", bench, "times the steps by hand", GOAL)


if __name__ == "__main__":
    sys.exit(main())
