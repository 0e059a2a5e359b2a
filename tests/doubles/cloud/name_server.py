"""A real BIND that answers a cloud's machines for every name of its public zones, and for no other.

Each name is a zone of its own, and the root zone is empty: what is not there is known not to be there. Where the
machines can reach the internet, other names are asked of this computer's own name servers instead.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from tests.doubles.bind import OPTIONS
from tests.doubles.cloud.fabric import METADATA, RESOLVER, Fabric
from tests.doubles.namespace import within
from tests.needs import require
from tests.patience import PATIENCE, eventually

_CONFIGURATION = """\
options {{
    {options}
    listen-on port 53 {{ {addresses} }};
    {elsewhere}
}};
controls {{ }};
{zones}
"""
_ZONE = "$TTL 60\n@ IN SOA ns. hostmaster. 1 3600 600 86400 60\n@ IN NS ns.\n"
_LOOK = 2.0


class NameServer:
    """Runs in a fabric's router until it is stopped. `forwarders` are asked for names of others."""

    def __init__(self, fabric: Fabric, directory: Path, forwarders: tuple[str, ...] = ()) -> None:
        require("named")
        self._fabric, self._directory = fabric, directory
        self._forwarders = forwarders
        self._names: dict[str, tuple[str, ...]] = {}
        self._write()
        command = ("named", "-g", "-n", "1", "-c", str(directory / "named.conf"))
        self._process = fabric.start(*command, log=directory / "named.log")
        eventually(self._answers, "an answer of BIND")

    def serve(self, names: Mapping[str, tuple[str, ...]]) -> None:
        """These are all names, with their addresses; it answers so when this returns."""
        wanted = {name.lower(): tuple(sorted(addresses)) for name, addresses in names.items()}
        if wanted == self._names:
            return
        changed = {name for name in wanted.keys() | self._names.keys() if wanted.get(name) != self._names.get(name)}
        self._names = wanted
        self._write()
        self._process.send_signal(signal.SIGHUP)
        eventually(lambda: all(self.asked(name) == list(wanted.get(name, ())) for name in changed), f"BIND's {changed}")

    def asked(self, name: str, namespace: str = "") -> list[str] | None:
        """The addresses of a name, asked from a machine's namespace or the router's; None while there is no answer."""

        def ask() -> dns.message.Message:
            return dns.query.udp(dns.message.make_query(name, "A"), RESOLVER, timeout=_LOOK)

        with suppress(OSError, dns.exception.DNSException):
            answer = within(namespace or self._fabric.router, ask)
            return sorted(record.to_text() for rrset in answer.answer for record in rrset)
        return None

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._directory / "named.log").read_text()[-2000:]
        return self.asked("anything.invalid") is not None

    def _write(self) -> None:
        zones = []
        for number, (name, addresses) in enumerate(self._names.items()):
            # Files are never written over: named might read half of one.
            file = self._directory / f"{number}-{'-'.join(addresses)}.db"
            file.write_text(_ZONE + "".join(f"@ IN A {address}\n" for address in addresses))
            zones.append(f'zone "{name}" {{ type primary; file "{file}"; }};')
        if not self._forwarders:
            (self._directory / "root.db").write_text(_ZONE + "ns. IN A 127.0.0.1\n")
            zones.append(f'zone "." {{ type primary; file "{self._directory}/root.db"; }};')
        elsewhere = "recursion no;"
        if self._forwarders:
            asked = " ".join(f"{one};" for one in self._forwarders)
            elsewhere = f"allow-recursion {{ any; }}; forward only; forwarders {{ {asked} }};"
        (self._directory / "named.conf").write_text(
            _CONFIGURATION.format(
                options=OPTIONS.format(directory=self._directory),
                addresses=f"{METADATA}; {RESOLVER};",
                elsewhere=elsewhere,
                zones="\n".join(zones),
            )
        )
