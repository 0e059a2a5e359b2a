"""The script that gathers evidence, run by a real shell and over real SSH."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.common.sanitise import MAX_LINE
from installer.health import gather
from installer.health.catalogue import CHECKS
from installer.health.check import Check, Subject, Verdict
from installer.health.checks.cluster import NODES
from installer.health.checks.network import FIREWALL
from installer.health.probing import asset
from installer.health.reach import pairs
from installer.plan.rules import Level
from installer.plan.topology import Machine, Topology
from installer.ssh.connection import Result, Running
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.evidence import Evidence, Probe, Probed, Unreadable
from tests.doubles.serving import serving
from tests.doubles.sshd import running_sshd
from tests.installer.health import healthy
from tests.patience import FOREVER, PATIENCE

MASTER = healthy.TOPOLOGY.first_master
WORKER = healthy.TOPOLOGY.machine("demo-worker-1")
NONCE = "0123456789abcdef"
SHELLS = [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in ("sh", "bash", "dash", "busybox")]


def asking(*quick: str, **commands: str) -> list[Check]:
    """A check whose probes run `commands`; those named in `quick` are. What never ends by itself has two seconds."""

    def saying(command: str) -> Callable[[Machine, Topology], str]:
        return lambda _machine, _topology: command

    def seconds(command: str) -> int:
        return 2 if str(FOREVER) in command or command == "yes" else int(PATIENCE)

    asked = tuple(Probe(id, saying(text), seconds=seconds(text), quick=id in quick) for id, text in commands.items())
    return [Check("test", "test", Level.NEEDED, lambda _subject: (Verdict.PASS, "", ""), asked)]


def run(checks: list[Check], shell: str = "sh") -> dict[str, Probed]:
    text = gather.script(WORKER, healthy.TOPOLOGY, gather.probes_for(WORKER, checks), NONCE)
    argv = [shell, *(["sh"] if shell == "busybox" else []), "-s"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stderr == ""
    return dict(gather.parse(done.stdout, NONCE))


@pytest.mark.parametrize("shell", SHELLS)
def test_each_probe_has_its_output_and_status(shell: str) -> None:
    found = run(asking(one="echo a; echo b >&2; exit 3", two="printf 'no newline'", three="true"), shell)
    assert found == {"one": Probed(3, "a\nb"), "two": Probed(0, "no newline"), "three": Probed(0, "")}


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ("no-such-command-at-all", 127, "not found"),
        ("exit 77", 77, ""),
        ("if", 2, "yntax error"),
        ("kill -9 $$", 137, ""),
        ("cat; read -r line; echo \"got '$line'\"", 0, "got ''"),
        (f"sleep {FOREVER}", 124, ""),
        (f"trap '' TERM; sleep {FOREVER}", 137, ""),
        (f"echo before; sleep {FOREVER} & wait", 124, "before"),
        (f"echo '=== {'f' * 16} next'; echo '=== next exit 0'", 0, "=== next"),
        ("exec 1>&- 2>&-; exit 5", 5, ""),
    ],
)
def test_no_probe_keeps_the_next_one_from_running(command: str, status: int, output: str) -> None:
    found = run(asking(first=command, next="echo here"))
    assert output in found["first"].output
    assert found["first"].status == status
    assert found["next"] == Probed(0, "here")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_quick_probe_is_as_alone_as_any(shell: str) -> None:
    asked = {
        "one": 'echo "it\'s"; name=left; cd /; echo b >&2; exit 3',
        "two": "printf 'no newline'; echo \"$name\"",
        "hung": f"sleep {FOREVER}",
        "three": "cat",
        "flood": "yes",
        "broken": "if",
        "four": "head -c 300000 /dev/zero | tr '\\0' x",
        "five": 'set -- a b\necho "$#"',
    }
    found = run(asking("one", "two", "three", "broken", "four", "five", **asked), shell)
    assert found["one"] == Probed(3, "it's\nb")
    assert found["two"] == Probed(0, "no newline")
    assert found["hung"].status == 124
    assert found["three"] == Probed(0, "")
    assert "yntax error" in found["broken"].output
    limit = 65536 + 1024 * len(healthy.TOPOLOGY.machines)
    assert found["four"] == Probed(0, "x" * limit)
    assert len(found["flood"].output) <= limit
    assert found["five"] == Probed(0, "2")


def test_nothing_is_quick_where_file_systems_may_be_others(tmp_path: Path) -> None:
    (tmp_path / "nfs").mkdir()
    checks = asking("dead", "next", dead=f"echo before; sleep {FOREVER}", next="echo here")
    text = gather.script(WORKER, healthy.TOPOLOGY, gather.probes_for(WORKER, checks), NONCE)
    text = text.replace("/sys/module/", f"{tmp_path}/")
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, timeout=PATIENCE)
    found = gather.parse(done.stdout, NONCE)
    assert found == {"dead": Probed(124, "before"), "next": Probed(0, "here")}


def test_output_is_bounded() -> None:
    found = run(asking(endless="yes", next="echo here"))
    assert len(found["endless"].output) <= 65536 + 1024 * len(healthy.TOPOLOGY.machines)
    assert found["next"] == Probed(0, "here")


@pytest.mark.parametrize("status", [124, 137, 126, 127])
def test_a_probe_that_did_not_run_or_end_says_nothing(status: int) -> None:
    evidence = Evidence("m", {"clock": Probed(status, "something")}, "", 0, 0)
    with pytest.raises(Unreadable):
        evidence.output("clock")


@pytest.mark.parametrize("machine", healthy.TOPOLOGY.machines)
def test_the_script_tells_a_stand_in_what_is_asked(machine: Machine) -> None:
    lines = gather.script(machine, healthy.TOPOLOGY, gather.probes_for(machine, CHECKS), NONCE).splitlines()
    assert lines[0] == f"#: nonce {NONCE}"
    asked = [line.removeprefix("#: probe ") for line in lines if line.startswith("#: probe ")]
    assert sorted(asked) == sorted(healthy.outputs(machine))
    assert asked[0] == "clock"
    flows = {(target.protocol, target.address, target.port) for target in pairs.targets(machine, healthy.TOPOLOGY)}
    told = [tuple(line.split()[2:]) for line in lines if line.startswith("# target ")]
    assert sorted(told) == sorted((protocol, address, str(port)) for protocol, address, port in flows)


@pytest.mark.needs("shellcheck")
@pytest.mark.parametrize("machine", [MASTER, WORKER])
def test_the_script_has_no_faults_that_shellcheck_knows(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "gather.sh"
    path.write_text(gather.script(machine, healthy.TOPOLOGY, gather.probes_for(machine, CHECKS), NONCE))
    assets = [str(found) for found in (Path(__file__).parents[3] / "assets" / "health").glob("*.sh")]
    done = subprocess.run(["shellcheck", "-s", "sh", str(path), *assets], capture_output=True, text=True)
    assert done.stdout == ""


def test_this_computer_can_be_asked_about_itself() -> None:
    wanted = {"clock", "hostname", "memory", "disk", "swap", "kernel"}
    asked_at = time.time()
    found = run([check for check in CHECKS if check.id in wanted])
    evidence = Evidence(WORKER.name, found, healthy.HOST_KEY, asked_at, time.time())
    subject = Subject(WORKER, healthy.PLAN, healthy.TOPOLOGY, evidence, {WORKER.name: evidence})
    findings = {check.id: check.examine(subject) for check in CHECKS if check.id in wanted}
    assert {id for id, finding in findings.items() if finding.verdict is Verdict.UNKNOWN} == set(), findings
    assert findings["clock"].verdict is Verdict.PASS
    assert os.uname().nodename in findings["hostname"].seen


NODE = {
    "metadata": {"name": "demo-worker-1", "labels": {"b": "", "node-role.kubernetes.io/node": "true"}},
    "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}, {"key": "a", "value": "v", "effect": "NoExecute"}]},
    "status": {
        "nodeInfo": {"kubeletVersion": "v1.36.2"},
        "conditions": [{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
    },
}
BARE = {"metadata": {"name": "bare"}, "spec": {}, "status": {"nodeInfo": {"kubeletVersion": ""}}}


@pytest.mark.needs("kubectl")
def test_nodes_are_told_one_a_line(tmp_path: Path, api_server: str) -> None:
    config = tmp_path / "admin.conf"
    config.write_text(
        "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://another.invalid'}}]\n"
        "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n"
    )
    command = f"server={api_server}\n" + asset("nodes.sh").replace("/etc/kubernetes/admin.conf", str(config))
    environment = {**os.environ, "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE, env=environment)
    assert done.stdout.splitlines() == [
        "demo-worker-1 True v1.36.2 b=,node-role.kubernetes.io/node=true k=:NoSchedule,a=v:NoExecute",
        "bare   - -",
    ], done.stderr


def test_nodes_are_asked_of_the_machines_own_api_server() -> None:
    assert NODES.command(MASTER, healthy.TOPOLOGY).startswith("server=https://10.10.0.11:6443\n")


def test_a_long_table_of_the_firewall_comes_in_lines_that_nobody_cuts(tmp_path: Path) -> None:
    table = json.dumps({"nftables": [{"rule": {"comment": f"craton:M{number}"}} for number in range(500)]})
    (tmp_path / "table").write_text(table)
    (tmp_path / "nft").write_text(f"#!/bin/sh\necho '# Warning: not all is told' >&2\ncat {tmp_path}/table\n")
    (tmp_path / "nft").chmod(0o755)
    command = FIREWALL.command(MASTER, healthy.TOPOLOGY).replace("/etc/craton/firewall.nft", str(tmp_path))
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", f"{{ {command}; }} 2>&1"], capture_output=True, text=True, env=environment)
    assert max(map(len, done.stdout.splitlines())) < MAX_LINE < len(table)
    assert json.loads(done.stdout) == json.loads(table)


@pytest.fixture
def api_server() -> Iterator[str]:
    documents = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": {
            "kind": "APIResourceList",
            "groupVersion": "v1",
            "resources": [
                {"name": "nodes", "singularName": "node", "namespaced": False, "kind": "Node", "verbs": ["get", "list"]}
            ],
        },
        "/api/v1/nodes": {
            "kind": "NodeList",
            "apiVersion": "v1",
            "metadata": {},
            "items": [{"kind": "Node", "apiVersion": "v1", **node} for node in (NODE, BARE)],
        },
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = documents.get(self.path.partition("?")[0])
            body = json.dumps(found or {}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Tests say what went wrong; the server need not."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


class Shell:
    """A connection whose far end is a shell on this computer, or only words."""

    host_key = healthy.HOST_KEY
    user = "craton"

    def __init__(self, answer: Callable[[str], Result]) -> None:
        self._answer = answer

    def run(
        self,
        command: str,
        *,
        stdin: str | BinaryIO = "",
        deadline: float,
        on_line: Callable[[str], None] | None = None,
        secret: bool = False,
    ) -> Result:
        assert command == "sudo -n sh -s"
        assert isinstance(stdin, str)
        result = self._answer(stdin)
        for line in result.stdout.splitlines():
            if on_line:
                on_line(line)
        return result

    def start(self, command: str, *, stdin: str = "") -> AbstractContextManager[Running]:
        raise NotImplementedError

    def close(self) -> None: ...


def test_a_user_without_sudo_is_told_so() -> None:
    refused = Shell(lambda _script: Result(1, "", "sudo: a password is required\n"))
    with pytest.raises(InstallerError, match=r"demo-worker-1.*a password is required") as caught:
        gather.gather(refused, WORKER, healthy.TOPOLOGY)
    assert "sudo" in caught.value.hint


def test_evidence_holds_what_a_stand_in_answers() -> None:
    def answer(script: str) -> Result:
        nonce = script.split()[2]
        sections = [line.split()[-1] for line in script.splitlines() if line.startswith("#: probe ")]
        outputs = healthy.outputs(WORKER)
        return Result(0, "".join(f"=== {nonce} {id}\n{outputs[id]}\n=== {nonce} {id} exit 0\n" for id in sections), "")

    found = gather.gather(Shell(answer), WORKER, healthy.TOPOLOGY)
    assert {id: probed.output for id, probed in found.probes.items()} == healthy.outputs(WORKER)
    assert found.clock_at is not None
    assert found.asked_at <= found.clock_at <= found.answered_at
    assert found.host_key == healthy.HOST_KEY


def test_evidence_comes_back_over_real_ssh(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    sudo = programs / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n')
    sudo.chmod(0o755)
    directory = ClusterDirectory(tmp_path / "clusters" / "demo")
    checks = [check for check in CHECKS if check.id in ("clock", "hostname", "memory", "disk", "swap", "kernel")]
    with running_sshd(tmp_path / "sshd", f"SetEnv PATH={programs}:/usr/bin:/bin") as server:
        server.authorize(ensure_key(directory))
        connections = SSHConnections(lambda _machine: server.endpoint, directory)
        try:
            connection = connections.get(MASTER.name, PATIENCE)
            found = gather.gather(connection, MASTER, healthy.TOPOLOGY, 60, checks)
        finally:
            connections.close()
    assert found.host_key == server.host_key
    assert found.probes["hostname"] == Probed(0, os.uname().nodename)
    assert abs(float(found.probes["clock"].output) - time.time()) < 60
    assert found.clock_at is not None
    assert {id: probed.status for id, probed in found.probes.items() if id in ("memory", "disk", "swap")} == {
        "memory": 0,
        "disk": 0,
        "swap": 0,
    }
