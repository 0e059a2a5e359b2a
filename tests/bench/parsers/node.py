"""What craton-node and nft say on machines."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from installer.cluster import join, kubeadm
from installer.cluster.masters import Condition
from installer.common.paths import ClusterDirectory
from installer.node import firewall, machine_certificates, nftables, program
from installer.node.claim import publish_removed
from installer.node.download import _Download
from installer.node.firewall import _Firewall
from installer.node.steps import Prepare
from installer.node.upload import _Upload
from installer.operations import machine_logs
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.ssh.connection import Result
from installer.steps.step import Context
from installer.steps.world import World
from tests.bench.parsers.parser import Parser, of_text
from tests.doubles.certificates import make

PLAN = InstallPlan.model_validate(
    {"name": "demo", "subdomain": "example.test", "masters": 1, "artifacts": {"sums": {"images/a.tar": "a1" * 32}}}
)
_STATUS = "prepared=v1.36.2\nconfiguration=a1\nkubelet=active\nprogram=built-in\nclaim=demo/demo-master-1\naddons=a,b\n"
_CONDITION = """\
member=demo
begun=
kubelet=ok
manifests=etcd,kube-apiserver
running=etcd
api=ok
version=v1.36.2
busy=no
"""
_INVITATION = "token=abcdef.0123456789abcdef\nca_hash=sha256:a1\ncertificate_key=b2\nencryption_key=c3=\n"
_TABLE = """{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "craton"}},
{"chain": {"family": "inet", "table": "craton", "name": "output", "policy": "accept"}},
{"chain": {"family": "inet", "table": "craton", "name": "input", "policy": "drop"}},
{"rule": {"chain": "input", "comment": "craton:F1", "expr": [
{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@masters"}},
{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"range": [2379, 2380]}}},
{"accept": null}]}},
{"rule": {"chain": "input", "comment": "craton:F2", "expr": [
{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 6443}},
{"accept": null}]}}]}"""
_CERTIFICATES = (
    f"#certificate /etc/kubernetes/pki/apiserver.crt\n{make().chain()}"
    f"#certificate /etc/kubernetes/admin.conf\nbase64 {base64.b64encode(make().chain().encode()).decode()}\n"
)
_SHOWN = f"file=a1\ntable=kept\nunit=enabled\nrules={_TABLE}"
_PAYLOAD = "#file kubeadm.yaml\na: 1\n#file encryption.yaml\nb: 2\n"
_STAGES = "stage 1 3 kernel modules\nsome words\nstage 3 3 kubelet\nremoved file /etc/x\nleft package y it was there\n"
_GATHERED = "#file versions.txt\nDebian 13\n#file kubelet.log\nlines\n#file ../../etc/passwd\nx\n"


def context(answer: Callable[[str], Result]) -> Context:
    """A step's context on a machine that answers every command so."""

    def run(command: str, *, on_line: Callable[[str], None] | None = None, **_options: object) -> Result:
        result = answer(command)
        for line in result.stdout.splitlines():
            if on_line:
                on_line(line)
        return result

    machine = SimpleNamespace(user="root", run=run, close=lambda: None)
    directory = ClusterDirectory(Path("/nonexistent/demo"))
    platform = SimpleNamespace(
        located=lambda shape: shape,
        console=lambda _machine: _GATHERED,
        copy_in=lambda _machine, _files, _deadline: None,
    )
    connections = SimpleNamespace(get=lambda _name, _deadline: machine, fresh=lambda _name, _deadline: machine)
    world = World(PLAN, topology(PLAN), directory, cast(Any, platform), cast(Any, connections))
    world.artifacts = Path("/nonexistent")
    nothing = SimpleNamespace(
        world=world,
        check_stop=lambda: None,
        remaining=lambda: 30.0,
        log=str,
        stage=lambda n, of, title: n + of,
        publish=lambda topic, data: None,
    )
    return cast(Context, nothing)


def saying(text: str, status: int = 0) -> Context:
    return context(lambda _command: Result(status, text, text))


def _run(text: str) -> object:
    program.run_program(saying(text), "demo-master-1", "prepare")
    return program.run_program(saying(text, 1), "demo-master-1", "prepare")


def _condition(text: str) -> object:
    seen = Condition.of(program.read_fields(text))
    return seen.is_up(Role.MASTER), seen.trouble(Role.MASTER)


def _status(text: str) -> object:
    return Prepare(PLAN, "demo-master-1").observe(saying(text))


def _needed(text: str) -> None:
    """A machine that asks for files of this computer gets those of the plan alone."""
    Prepare(PLAN, "demo-master-1")._upload(saying(text), Path("/nonexistent"), "")


def _download(text: str) -> object:
    return _Download(saying(text), "demo-master-1", "/var/lib/x")._chunk(0)


def _upload(text: str) -> None:
    """What the machine says it has of a file; one that does not say is given up on."""
    _uploaded(saying(text))


def _not_taken(text: str) -> None:
    """Why the machine takes no file."""
    _uploaded(saying(text, 1))


def _uploaded(ctx: Context) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(1000))
        _Upload(ctx, "demo-master-1", "/var/lib/x", "a1", 0o600).run(file)


def _sections(text: str) -> object:
    return machine_logs._of(saying(text).world, "demo-master-1"), machine_logs._of(saying(text, 1).world, "m")


def _entrance(text: str) -> object:
    return _Firewall("demo-master-1")._rules(saying(text))


def _confirmed(text: str) -> None:
    _Firewall("demo-master-1")._confirm(saying(text, 1), "token")


def _undone(text: str) -> None:
    publish_removed(saying(text), "demo-master-1", "undo", text)


PARSERS: tuple[Parser, ...] = (
    of_text("stages and words of craton-node", _run, (_STAGES,)),
    of_text("status", _status, (_STATUS,)),
    of_text("condition", _condition, (_CONDITION,)),
    of_text("certificates of a machine", machine_certificates.read, (_CERTIFICATES,), ValueError),
    of_text("invitation", lambda text: join._invitation(saying(text), "demo-master-1"), (_INVITATION,)),
    of_text("what a machine needs", _needed, ("images/a.tar\n",)),
    of_text("payload", kubeadm.read_payload, (_PAYLOAD,), ValueError),
    of_text("download", _download, (base64.encodebytes(bytes(range(256))).decode(),)),
    of_text("upload", _upload, ("0\n", "whole\n", "1000\n")),
    of_text("reasons for no upload", _not_taken, ("tee: x: No space left on device\n", "sudo: a password is required")),
    of_text("things undone", _undone, ("removed file /etc/x\nleft package y it was there\nother\n",)),
    of_text("reasons for no firewall", _confirmed, ("no such token\n",)),
    of_text("sections of gather", _sections, (_GATHERED,)),
    of_text("SSH_CONNECTION", _entrance, ("10.0.0.1 54321 10.0.0.2 22", "::ffff:10.0.0.1 1 fe80::1%eth0 22")),
    of_text("firewall show", firewall.read_show, (_SHOWN,)),
    of_text("nft's table", nftables.parse, (_TABLE, ""), ValueError),
)
