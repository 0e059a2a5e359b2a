"""Craton trusts a host key where OpenSSH does: each case runs through real `ssh` and through Craton."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh import config
from installer.ssh.host_keys import verify
from installer.ssh.host_keys.verify import UnknownHostKey
from installer.ssh.keys.identities import keyring
from installer.ssh.transport.dial import dial
from tests.doubles.host_keys import CertifiedServer, certified_server
from tests.installer.ssh.host_keys.cases import KINDS, SERVERS, Case, certificates, commands, lines, settings
from tests.installer.ssh.host_keys.file_cases import files, revocations
from tests.patience import PATIENCE

pytestmark = pytest.mark.needs("ssh", "sshd", "ssh-keygen")
MACHINE = "demo-worker-1"

HASHED = ("the known key", "the host known without its port", "a changed key", "a revoked key")

CASES = [
    *lines(),
    *(replace(case, name=f"{case.name}, hashed", hashed=True) for case in lines() if case.name in HASHED),
    *certificates(),
    *files(),
    *revocations(),
    *commands(),
    *settings(),
]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], CertifiedServer]]:
    running: dict[str, CertifiedServer] = {}
    with ExitStack() as stack:

        def start(name: str) -> CertifiedServer:
            if name not in running:
                directory = tmp_path_factory.mktemp("server") / "server"
                running[name] = stack.enter_context(certified_server(directory, *SERVERS[name], **KINDS.get(name, {})))
            return running[name]

        yield start


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_craton_trusts_a_host_key_where_openssh_does(
    case: Case,
    serve: Callable[[str], CertifiedServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(case.server)
    write(case, server, tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value.format(home=tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    met = meet(server)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    accepted = met is None or (isinstance(met, UnknownHostKey) and met.agreed)
    assert accepted is server.openssh_accepts(tmp_path), met
    if met is not None:
        assert met.hint
        assert met.machine == MACHINE
    if case.settled:
        assert accepted if case.refusal is None else type(met) is case.refusal, met


def write(case: Case, server: CertifiedServer, home: Path) -> None:
    """Write the files of a case."""
    tilde = f"~/{os.path.relpath(home, pwd.getpwuid(os.getuid()).pw_dir)}"
    words = {**server.words(), "home": str(home), "tilde": tilde}
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "config").write_bytes(os.fsencode(case.config.format(**words)))
    texts = {"known": case.known, **case.files} if case.known else case.files
    for name, text in texts.items():
        path = home / name.format(**words)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(**words))
    if case.prepare:
        case.prepare(home, server)
    if case.hashed:
        subprocess.run(["ssh-keygen", "-H", "-f", str(home / "known")], check=True, capture_output=True)
        (home / "known.old").unlink()
        assert "|1|" in (home / "known").read_text()


def meet(server: CertifiedServer) -> InstallerError | None:
    """What Craton says of the server's host key; None if it logs in."""
    host = Host(address="127.0.0.1", port=server.port, key=str(server.client), user=server.words()["user"])
    endpoint = config.endpoint(host, SSH())
    try:
        dial(MACHINE, endpoint, verify.host_keys(endpoint), keyring(endpoint), Deadline(PATIENCE)).close()
    except InstallerError as error:
        if error.operation == "check host key":
            return error
        raise
    return None
