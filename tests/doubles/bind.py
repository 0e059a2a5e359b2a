"""A real BIND on loopback that keeps one zone and takes updates signed with one key."""

from __future__ import annotations

import base64
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query

from tests.needs import require
from tests.patience import PATIENCE, eventually

OPTIONS = """\
directory "{directory}"; pid-file none; session-keyfile none; managed-keys-directory "{directory}";
    listen-on-v6 {{ none; }}; allow-transfer {{ none; }}; dnssec-validation no; empty-zones-enable no;
"""
"""What every BIND of a test has among its options: it keeps to its directory, and asks nobody."""
_CONFIGURATION = """\
options {{
    {options}
    listen-on port {port} {{ 127.0.0.1; }}; recursion no;
}};
controls {{ }};
key "craton" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "stranger" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "example.test" {{
    type primary; file "example.test.db";
    update-policy {{ grant craton subdomain example.test. A TXT; }};
}};
"""
_ZONE = """\
$TTL 300
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
taken IN A 192.0.2.9
alias IN CNAME ns
"""


@dataclass(frozen=True)
class Bind:
    port: int
    secret: str
    directory: Path

    def key_file(self, text: str = "") -> str:
        path = self.directory / "tsig.key"
        path.write_text(text or self.secret)
        return str(path)

    def asked(self, name: str, kind: str = "A") -> list[str]:
        answer = dns.query.tcp(dns.message.make_query(name, kind), "127.0.0.1", timeout=PATIENCE, port=self.port)
        return sorted(record.to_text() for rrset in answer.answer for record in rrset)


@contextmanager
def running(directory: Path) -> Iterator[Bind]:
    require("named")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bind = Bind(port, base64.b64encode(secrets.token_bytes(32)).decode(), directory)
    options = OPTIONS.format(directory=directory)
    (directory / "named.conf").write_text(_CONFIGURATION.format(options=options, port=port, secret=bind.secret))
    (directory / "example.test.db").write_text(_ZONE)
    log = (directory / "named.log").open("wb")
    process = subprocess.Popen(["named", "-g", "-n", "1", "-c", str(directory / "named.conf")], stdout=log, stderr=log)
    try:

        def answers() -> bool:
            assert process.poll() is None, (directory / "named.log").read_text()[-2000:]
            try:
                return bool(bind.asked("ns.example.test"))
            except OSError:
                return False

        eventually(answers, "an answer of BIND")
        yield bind
    finally:
        process.terminate()
        process.wait(PATIENCE)
        log.close()
