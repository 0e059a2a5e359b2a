"""The facts and all per-machine checks of 100 machines over real SSH, beside tools that do less on the same machines.

A hundred sshd listen on loopback. Craton tests every stage of a diagnosis, gathers every fact and judges it. The others
ask the same and look at nothing, as many machines at once, each over one login: every machine runs the same script of
Craton's, of the diagnosis and the facts, in one command, whoever asks. Ansible without it runs a raw task for each
probe. The loop with `true` in the script's place shows what a connection alone costs.
Each is a process of its own, so that its start-up counts, and so does what it costs the servers, as far as they have
ended: Ansible keeps its connections open for a while.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from installer.plan.model import InstallPlan
from installer.plan.topology import Machine, Topology
from tests.doubles.sshd import SSHD, running_sshd

MACHINES = 100
AT_ONCE = 24
"""As many machines as an engine works on at once (installer.engine.runner)."""
ROUNDS = 5
GOAL_OF_BARE = 1.05
GOAL_OF_ANSIBLE = 5.0
_NONCE = "0123456789abcdef"
"""What marks the parts of the script's output."""


WITHOUT_DNS = """
    files=$(mktemp) && sed 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf >"$files" &&
    mount --bind "$files" /etc/nsswitch.conf && rm "$files" && exec "$@"
"""
"""Runs a command where names are looked up in files alone, in a mount namespace of its own."""


@dataclass(frozen=True)
class Cost:
    """Seconds: on the clock, and of processors, those of the servers included."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:6.2f} s wall   {self.cpu:6.2f} s cpu"


def plan(servers: Sequence[SSHD]) -> InstallPlan:
    """Every server is a machine; its address on the network of machines is made up."""
    inventory = [
        {
            "address": "127.0.0.1",
            "port": server.port,
            "internal": f"192.168.77.{number}",
            "user": server.endpoint.user,
            "key": str(server.directory.parent / "id_ed25519"),
        }
        for number, server in enumerate(servers, 1)
    ]
    return InstallPlan.model_validate(
        {
            "name": "bench",
            "subdomain": "example.test",
            "platform": "machines",
            "masters": 3,
            "ingress": {"kind": "infra", "infra": 2},
            "workers": len(servers) - 5,
            "machines": {"inventory": inventory},
        }
    )


def craton(plan_path: Path) -> None:
    """Every stage, every fact and every check of every machine, as the phase `check` of an install does it."""
    from installer.common import processors
    from installer.common.paths import ClusterDirectory
    from installer.health.check import Verdict
    from installer.health.gather import Asking, probes_for
    from installer.health.preflight import PREFLIGHT, evaluate_preflight
    from installer.operations.session import open_world
    from installer.plan import planfile

    bench = planfile.load(plan_path)
    with open_world(bench, ClusterDirectory(plan_path.parent / "bench")) as world:

        def ask(machine: str) -> None:
            asked = world.topology.machine(machine)
            facts = Asking(asked, world.topology, probes_for(asked, PREFLIGHT))
            diagnosis = world.connections.diagnose(machine, 120, errand=facts)
            if diagnosis.error:
                raise diagnosis.error
            assert facts.answered
            assert diagnosis.host_key
            world.facts[machine] = facts.evidence(diagnosis.host_key)

        with processors.one(), ThreadPoolExecutor(AT_ONCE) as pool:  # as an engine's threads
            list(pool.map(ask, [machine.name for machine in world.topology.machines]))
        findings = evaluate_preflight(bench, world.topology, world.facts)
    judged = [finding for finding in findings if finding.verdict is not Verdict.NOT_APPLICABLE]
    print(json.dumps({"machines": len(world.facts), "findings": len(judged)}))


def bare(plan_path: Path, same: bool = True) -> None:
    """One connection, one round trip and no thought: the same script, or `true`, its output thrown away."""
    import paramiko

    bench = json.loads(plan_path.with_name("bare.json").read_text())
    key = paramiko.Ed25519Key.from_private_key_file(bench["key"])

    def ask(number: int) -> int:
        client = paramiko.SSHClient()
        client.load_host_keys(bench["known_hosts"])
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        port, script = bench["ports"][number], bench["scripts"][number] if same else "true\n"
        client.connect("127.0.0.1", port, bench["user"], pkey=key, allow_agent=False, look_for_keys=False)
        stdin, stdout, _ = client.exec_command("sh -s")
        stdin.write(script)
        stdin.channel.shutdown_write()
        said = len(stdout.read())
        client.close()
        return said

    with ThreadPoolExecutor(AT_ONCE) as pool:
        sizes = list(pool.map(ask, range(len(bench["ports"]))))
    print(json.dumps({"machines": len(sizes), "bytes": sum(sizes)}))


def measure(
    argv: Sequence[str], servers: Sequence[SSHD], environment: dict[str, str], says: Callable[[str], bool]
) -> Cost:
    """Run a command to its end. Raises AssertionError if it fails, or if its output does not say that it worked."""
    before = _server_seconds(servers)
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=600, check=False)
    wall = time.monotonic() - started
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, f"{argv}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert says(done.stdout + done.stderr), (
        f"{argv} did not reach every machine:\n{(done.stdout + done.stderr)[-2000:]}"
    )
    used = now.ru_utime + now.ru_stime - own.ru_utime - own.ru_stime
    return Cost(wall, used + _server_seconds(servers) - before)


def _server_seconds(servers: Sequence[SSHD]) -> float:
    """Processor seconds of the servers, and of all their children that have ended."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for server in servers:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) / ticks
    return total


def start(directory: Path, stack: ExitStack) -> list[SSHD]:
    """Start the servers, all with one host key and one authorised key of the benchmark's own."""
    key = directory / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text()
    (directory / "home").mkdir()
    lock = threading.Lock()

    def one(number: int) -> SSHD:
        running = running_sshd(directory / str(number))
        server = running.__enter__()
        with lock:
            stack.push(running)
        server.authorize(public)
        return server

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(MACHINES)))


def prepare(directory: Path, servers: Sequence[SSHD]) -> None:
    """What each of the tools reads: a plan, an inventory, known hosts."""
    from installer.common.paths import ClusterDirectory
    from installer.health.gather import probes_for, script
    from installer.health.preflight import PREFLIGHT
    from installer.plan import planfile
    from installer.plan.topology import topology
    from installer.ssh import host_probe
    from installer.ssh.host_keys import pinned_keys

    bench = plan(servers)
    planfile.save(directory / "plan.yaml", bench)
    known = topology(bench)
    for machine, server in zip(known.machines, servers, strict=True):
        pinned_keys.pin(ClusterDirectory(directory / "bench"), machine.name, server.host_key)
    lines = [f"[127.0.0.1]:{server.port} {server.host_key}\n" for server in servers]
    (directory / "known_hosts").write_text("".join(lines))
    (directory / "bare.json").write_text(
        json.dumps(
            {
                "key": str(directory / "id_ed25519"),
                "known_hosts": str(directory / "known_hosts"),
                "user": servers[0].endpoint.user,
                "ports": [server.port for server in servers],
                "scripts": [
                    host_probe.script(_NONCE, script(machine, known, probes_for(machine, PREFLIGHT), _NONCE))
                    for machine in known.machines
                ],
            }
        )
    )
    options = f"-o UserKnownHostsFile={directory}/known_hosts"
    hosts = [
        f"m{number} ansible_host=127.0.0.1 ansible_port={server.port} ansible_user={server.endpoint.user} "
        f"ansible_ssh_private_key_file={directory}/id_ed25519 ansible_ssh_common_args='{options}'\n"
        for number, server in enumerate(servers)
    ]
    (directory / "hosts.ini").write_text("".join(hosts))
    entries = [
        (
            f"m{number}",
            {
                "ssh_hostname": "127.0.0.1",
                "ssh_port": server.port,
                "ssh_user": server.endpoint.user,
                "ssh_key": str(directory / "id_ed25519"),
                "ssh_known_hosts_file": str(directory / "known_hosts"),
            },
        )
        for number, server in enumerate(servers)
    ]
    (directory / "hosts.py").write_text(f"hosts = {entries!r}\n")
    write_playbook(directory / "probes.json", known.machines[0], known)


def write_playbook(path: Path, machine: Machine, whole: Topology) -> None:
    """A raw task for each probe, which is how Ansible asks machines that have no Python yet what it then judges."""
    from installer.health.gather import probes_for
    from installer.health.preflight import PREFLIGHT

    tasks = [
        {
            "name": probe.id,
            "action": {"module": "raw", "_raw_params": f"{{% raw %}}{probe.command(machine, whole)}{{% endraw %}}"},
            "failed_when": False,
        }
        for probe in probes_for(machine, PREFLIGHT)
    ]
    path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))


def contenders(directory: Path, others: Path) -> dict[str, tuple[list[str], Callable[[str], bool]]]:
    """By title: the command line, and whether its output says that all machines were reached."""
    module = [sys.executable, "-m", "tests.bench.ssh"]
    plan_path = str(directory / "plan.yaml")
    every = f'"machines": {MACHINES}'
    bare = json.loads((directory / "bare.json").read_text())
    script = bare["scripts"][0]
    last = script.rpartition("#: probe ")[2].split()[0]
    # As JSON: words given as such would be split at the script's quotes.
    raw = json.dumps({"_raw_params": script})
    ansible = [str(others / "ansible"), "all", "-i", f"{directory}/hosts.ini", "-f", str(AT_ONCE), "-m", "raw"]
    pyinfra = [str(others / "pyinfra"), "-y", f"{directory}/hosts.py", "exec", "--", script]

    def reached(said: str) -> bool:
        return said.count(f"{last} exit 0") == MACHINES == said.count(f"{_NONCE} end")

    playbook = [str(others / "ansible-playbook"), "-i", f"{directory}/hosts.ini", "-f", str(AT_ONCE)]
    return {
        "craton: diagnosis, facts and checks": ([*module, "craton", plan_path], lambda said: every in said),
        "bare paramiko: the same script": ([*module, "bare", plan_path], lambda said: every in said),
        "bare paramiko: true": ([*module, "true", plan_path], lambda said: every in said),
        f"ansible -m raw -f {AT_ONCE}: the same script": ([*ansible, "-a", raw], reached),
        f"ansible raw -f {AT_ONCE}: a task for each probe": (
            [*playbook, f"{directory}/probes.json"],
            lambda said: said.count("unreachable=0") == MACHINES,
        ),
        "pyinfra exec: the same script": (pyinfra, reached),
    }


def main(others: Path) -> int:
    directory = Path(tempfile.mkdtemp(prefix="craton-bench-ssh-"))
    environment = {
        **os.environ,
        "HOME": str(directory / "home"),
        "ANSIBLE_LOCAL_TEMP": str(directory / "ansible"),
    }
    for name in ("SSH_AUTH_SOCK", "ANSIBLE_CONFIG"):
        environment.pop(name, None)
    best: dict[str, Cost] = {}
    least: dict[str, float] = {}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        servers = start(directory, stack)
        prepare(directory, servers)
        for round_ in range(ROUNDS):
            for title, (argv, says) in contenders(directory, others).items():
                if round_ and title.startswith("ansible"):
                    continue  # once is enough to see that it is slower
                cost = measure(argv, servers, environment, says)
                print(f"{title:42} {cost}", flush=True)
                best[title] = min(best.get(title, cost), cost, key=lambda one: one.wall)
                least[title] = min(least.get(title, cost.cpu), cost.cpu)
    ours, loop, _, at_once, ansible, pyinfra = least.values()
    print(f"{MACHINES} machines: craton takes {ours / loop:.2f} times the processor time of the bare loop, ", end="")
    print(f"{ours / pyinfra:.2f} times pyinfra's; ansible {ansible / ours:.1f} times craton's, ", end="")
    print(f"and {at_once / ours:.1f} times where Craton's script does its asking")
    ours, loop, _, at_once, ansible, pyinfra = (cost.wall for cost in best.values())
    print(f"On the clock, craton takes {ours / loop:.2f} times the bare loop (goal {GOAL_OF_BARE}), ", end="")
    print(f"{ours / pyinfra:.2f} times pyinfra (goal 1), ", end="")
    print(f"ansible {ansible / ours:.1f} times craton (goal {GOAL_OF_ANSIBLE:g}), ", end="")
    print(f"and {at_once / ours:.1f} times where Craton's script does its asking")
    print(
        json.dumps({"name": "ssh", "value": round(ours / loop, 2), "unit": "times the bare loop", "goal": GOAL_OF_BARE})
    )
    return 0 if ours <= min(GOAL_OF_BARE * loop, pyinfra, ansible / GOAL_OF_ANSIBLE) else 1


if __name__ == "__main__":
    if sys.argv[1] in ("craton", "bare", "true"):
        one: Callable[[Path], None] = {"craton": craton, "bare": bare}.get(sys.argv[1], partial(bare, same=False))
        one(Path(sys.argv[2]))
    elif sys.argv[1] != "apart" and os.geteuid() == 0:
        # A hundred machines that are one computer would otherwise wait for its one name server, which is none of them.
        again = [sys.executable, "-m", "tests.bench.ssh", "apart", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "-m", "sh", "-c", WITHOUT_DNS, "sh", *again])
    else:
        sys.exit(main(Path(sys.argv[-1])))
