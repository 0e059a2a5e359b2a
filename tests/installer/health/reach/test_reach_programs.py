"""The programs that are sent to machines run on what every Debian and Ubuntu has."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from importlib.resources import files

import pytest

from installer.health.reach.flows import Flow, Outcome
from installer.health.reach.scripts import Secret, command, listen_script, probe_script, read_probe
from tests.doubles.sshd import free_port

PROGRAMS = ("listen.pl", "probe.pl")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_uses_no_module_that_perl_base_lacks(name: str) -> None:
    text = files("assets").joinpath("reach", name).read_text(encoding="utf-8")
    modules = set(re.findall(r"^use ([A-Z]\w*(?:::\w+)*)", text, re.MULTILINE))
    listed = subprocess.run(["dpkg", "-L", "perl-base"], text=True, capture_output=True, check=True).stdout
    assert modules
    assert not [one for one in modules if f"/{one.replace('::', '/')}.pm\n" not in listed]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_nothing_but_what_it_is_for(name: str) -> None:
    path = str(files("assets").joinpath("reach", name))
    checked = subprocess.run(["perl", "-wc", path], text=True, capture_output=True)
    assert checked.stderr == f"{path} syntax OK\n"


@pytest.fixture
def listener() -> Iterator[tuple[Secret, Flow, subprocess.Popen[str]]]:
    """A listener on a loopback port, started as a machine does."""
    secret, flow = Secret.new(), _free_flow()
    with _start(listen_script(secret, "target", [flow])) as process:
        assert process.stdout
        assert process.stdout.readline() == f"{secret.ask} ready\n"
        yield secret, flow, process
        process.kill()


def _free_flow() -> Flow:
    return Flow("source", "target", "tcp", "127.0.0.1", free_port(), ("N1",))


def _start(script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        ["sh", "-c", command(20, root=False)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    process.stdin.write(script)
    process.stdin.flush()
    return process


def _probe(secret: Secret, flow: Flow) -> Outcome:
    attempts = [(flow, False)]
    with _start(probe_script(secret, attempts)) as process:
        assert process.stdout
        lines = list(process.stdout)
    tried, _ = read_probe(secret, [line.rstrip("\n") for line in lines], attempts)
    return tried[0].outcome


def test_a_probe_that_knows_the_secret_is_answered(listener: tuple[Secret, Flow, subprocess.Popen[str]]) -> None:
    secret, flow, _ = listener
    assert _probe(secret, flow) is Outcome.ANSWERED


def test_who_does_not_know_the_secret_gets_no_answer(listener: tuple[Secret, Flow, subprocess.Popen[str]]) -> None:
    _, flow, _ = listener
    assert _probe(Secret.new(), flow) is Outcome.STRANGER


def test_an_echo_is_no_answer() -> None:
    def echo(server: socket.socket) -> None:
        client, _ = server.accept()
        with client:
            client.sendall(client.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=echo, args=(server,), daemon=True).start()
        flow = Flow("source", "target", "tcp", "127.0.0.1", server.getsockname()[1], ("N1",))
        assert _probe(Secret.new(), flow) is Outcome.STRANGER


def test_where_nobody_listens_the_probe_is_refused() -> None:
    assert _probe(Secret.new(), _free_flow()) is Outcome.REFUSED
