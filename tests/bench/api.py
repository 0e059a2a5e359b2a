"""How long `kubectl` takes by the API's name while any one master is stopped, paused or cut off, on real Kubernetes.

Three masters, an infra node and a worker. Calls begin 5 s after each failure, on every other machine. For comparison:
the same on a worker whose hosts file has all masters' addresses in place of its proxy. Kubernetes comes from the
directory that CRATON_ARTIFACTS names (as of `craton bundle`), else from the internet.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from installer.operations import lookup
from installer.plan.rules import Role
from installer.plan.topology import API_PROXY, Machine, Topology, topology
from tests.bench.clusters import DEADLINE, measured, planned
from tests.craton import Craton
from tests.doubles.machines import the_engine

NAME = "apiproof"
GOAL = 1.0
SETTLED = 5.0
"""Seconds after a failure."""
CALLS = 4
FAULTS = ("stop", "pause", "partition")
_CALL = """
before=$(date +%s%N)
kubectl --kubeconfig /root/admin.conf -v=6 get nodes -o name >/dev/null 2>/root/call.log
status=$?
taken=$((($(date +%s%N) - before) / 1000000))
echo $status $taken
[ $status = 0 ] && [ $taken -le 1000 ] || grep -v 'Feature gate' /root/call.log
"""


def on(machine: Machine, command: str, stdin: str = "") -> str:
    done = the_engine().attempt(
        "exec", "--interactive", machine.name, "sh", "-c", command, stdin=stdin.encode(), deadline=120.0
    )
    assert done.status == 0, f"{machine.name}: {command}: {done.stdout}{done.stderr}"
    return done.stdout


def slowest(machine: Machine, *, answered: bool = True) -> float:
    """Seconds of the slowest of some calls, which have to be `answered`; else those that failed count as well.

    What kubectl did in a call that failed or took over a second is printed.
    """
    slowest = 0.0
    for _ in range(CALLS):
        numbers, *log = on(machine, _CALL).splitlines()
        status, taken = map(int, numbers.split())
        slowest = max(slowest, taken / 1000)
        print(*(f"  {machine.name}: {line}" for line in log), sep="\n", end="\n" if log else "", flush=True)
        assert status == 0 or not answered, f"kubectl on {machine.name} ended with exit status {status}"
    return slowest


@contextmanager
def failed(craton: Craton, fault: str, master: Machine) -> Iterator[None]:
    """A master that fails, and works again afterwards."""
    craton.run("local", fault, NAME, master.name)
    time.sleep(SETTLED)
    try:
        yield
    finally:
        craton.run("local", "start", NAME, master.name)
        deadline = time.monotonic() + 300
        while "api=ok" not in the_engine().attempt("exec", master.name, "craton-node", "condition").stdout:
            assert time.monotonic() < deadline, f"{master.name} does not come back"
            time.sleep(2)
        time.sleep(SETTLED)


def without_proxy(derived: Topology, worker: Machine) -> float:
    """Seconds by the name with all masters behind it, as clients outside have it; they may get no answer at all."""
    name = derived.records[0].name
    kept = on(worker, "cat /etc/hosts")
    masters = "".join(f"{master.address} {name}\n" for master in derived.of_role(Role.MASTER))
    on(worker, "cat >/etc/hosts", kept.replace(f"{API_PROXY} {name}\n", masters))
    try:
        return slowest(worker, answered=False)
    finally:
        on(worker, "cat >/etc/hosts", kept)


def bench(craton: Craton, derived: Topology) -> float:
    """Seconds of the slowest call of all."""
    masters = derived.of_role(Role.MASTER)
    admin = on(masters[0], "cat /etc/kubernetes/admin.conf")
    for machine in derived.machines:
        on(machine, "umask 077; cat >/root/admin.conf", admin)
    print(f"no master failed: {max(slowest(machine) for machine in derived.machines):.2f} s", flush=True)
    worst = 0.0
    for fault in FAULTS:
        for master in masters:
            with failed(craton, fault, master):
                seconds = {other.name: slowest(other) for other in derived.machines if other is not master}
                if master is masters[0]:
                    before = without_proxy(derived, derived.of_role(Role.WORKER)[0])
                    print(f"{fault} {master.name}, without a proxy: {before:.2f} s", flush=True)
            worst = max(worst, *seconds.values())
            print(
                f"{fault} {master.name}: " + ", ".join(f"{name} {one:.2f} s" for name, one in seconds.items()),
                flush=True,
            )
    return worst


def install(craton: Craton) -> Topology:
    artifacts = os.environ.get("CRATON_ARTIFACTS")
    path = planned(craton, NAME)
    subprocess.run(
        craton.argv("apply", str(path), "--yes", "--plain", *(["--artifacts", artifacts] if artifacts else [])),
        env=craton.environment, cwd=craton.directory, timeout=DEADLINE, check=True, stdout=sys.stderr,
    )  # fmt: skip
    return topology(lookup.load(NAME))


def main() -> int:
    return measured("api", NAME, lambda craton: bench(craton, install(craton)), "s for a call by name", GOAL)


if __name__ == "__main__":
    sys.exit(main())
