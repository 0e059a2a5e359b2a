"""A zone on a server that takes updates (RFC 2136), signed with a shared key (TSIG, RFC 8945)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from installer.cluster.dns.records import OWNER, Target, Written, leads
from installer.common.errors import ExitCode, InstallerError
from installer.common.homes import expanded

if TYPE_CHECKING:
    from dns.message import Message

    from installer.plan.model import InstallPlan
    from installer.plan.sections import DNS

_SECONDS = 10.0


@dataclass(frozen=True)
class Zone:
    """Asked and changed over TCP at the zone's own server: no cache is between."""

    name: str
    server: str
    port: int
    key_name: str
    algorithm: str
    ttl: int
    owner: str
    """The cluster whose names these are."""
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, plan: InstallPlan) -> Zone:
        """Raises InstallerError if the key cannot be read."""
        dns = plan.dns
        assert dns.server, "a plan without a server is refused"
        assert dns.key_name, "a plan without a key is refused"
        zone = dns.zone or plan.subdomain
        return cls(zone, dns.server, dns.port, dns.key_name, dns.algorithm, dns.ttl, plan.name, key_of(dns))

    @property
    def service(self) -> str:
        return self.server

    def zone(self) -> str:
        return self.name

    def read(self, name: str) -> Written:
        found = frozenset((*self._found(name, "A"), *self._found(name, "CNAME")))
        owned = self.is_ours(name)
        return Written(found, owned, bool(found) and not owned)

    def addresses(self, name: str) -> tuple[str, ...]:
        """The A records of `name`, sorted; empty if there are none. Raises InstallerError."""
        return tuple(sorted(self._found(name, "A")))

    def write(self, name: str, target: Target) -> str:
        """Make `name` lead to addresses and nowhere else.

        Raises InstallerError if somebody else's records are there, or if the server refuses.
        """
        from dns.update import UpdateMessage

        if alias := self._found(name, "CNAME"):
            raise self._failed(f"{name} is an alias (CNAME) of {alias[0]}", "remove the alias, or choose another name")
        present = self.addresses(name)
        if present and not self.is_ours(name):
            raise self._failed(
                f"{name} leads to {', '.join(present)} already, and not by this cluster",
                f"remove the record if nobody needs it; Craton replaces only names with the TXT {OWNER}{self.owner}",
            )

        def change(update: UpdateMessage) -> None:
            update.replace(f"{name}.", self.ttl, "A", *sorted(leads(target)))
            update.replace(f"{name}.", self.ttl, "TXT", f'"{OWNER}{self.owner}"')

        self._update(change)
        return ""

    def in_sync(self, change: str) -> bool:  # noqa: ARG002 (the primary has taken it, and nobody is asked about others)
        return True

    def remove(self, names: Iterable[str]) -> None:
        """Remove what `write` made; nothing if it is gone, or somebody else's. Raises InstallerError."""
        from dns.update import UpdateMessage

        for name in names:

            def change(update: UpdateMessage, name: str = name) -> None:
                update.delete(f"{name}.", "A")
                update.delete(f"{name}.", "TXT", f'"{OWNER}{self.owner}"')

            if self.is_ours(name):
                self._update(change)

    def is_ours(self, name: str) -> bool:
        """Whether the name is marked as this cluster's. Raises InstallerError."""
        return f'"{OWNER}{self.owner}"' in self._found(name, "TXT")

    def negative_ttl(self) -> int | None:
        """Seconds for which others remember that a name was not there (RFC 2308); None if the zone does not say."""
        import dns.rdatatype

        answer = self._ask(self.name, "SOA")
        for rrset in answer.answer:
            if rrset.rdtype == dns.rdatatype.SOA:
                return min(int(rrset.ttl), int(rrset[0].minimum))
        return None

    def _found(self, name: str, kind: str) -> list[str]:
        import dns.rdatatype

        wanted = dns.rdatatype.from_text(kind)
        answer = self._ask(name, kind)
        return [record.to_text() for rrset in answer.answer if rrset.rdtype == wanted for record in rrset]

    def _ask(self, name: str, kind: str) -> Message:
        import dns.flags
        import dns.message
        import dns.rcode

        query = dns.message.make_query(f"{name}.", kind)
        query.flags &= ~dns.flags.RD
        answer = self._send(query)
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise self._refused(answer)
        if not answer.flags & dns.flags.AA:
            raise self._failed("it doesn't serve the zone: its answer isn't authoritative",
                               "name the zone's primary server in dns.server, and the zone in dns.zone")  # fmt: skip
        return answer

    def _update(self, change: Callable[..., None]) -> None:
        import dns.rcode
        import dns.tsig
        import dns.update

        key = dns.tsig.Key(f"{self.key_name.rstrip('.')}.", self.secret, f"{self.algorithm}.")
        update = dns.update.UpdateMessage(f"{self.name}.", keyring=key)
        change(update)
        answer = self._send(update)
        if answer.rcode() != dns.rcode.NOERROR:
            raise self._refused(answer)

    def _send(self, message: Message) -> Message:
        import dns.exception
        import dns.query
        import dns.tsig

        try:
            return dns.query.tcp(message, self.server, timeout=_SECONDS, port=self.port)
        except dns.tsig.PeerBadKey:
            raise self._failed(f"the server does not know the key {self.key_name}", "correct dns.key_name") from None
        except dns.tsig.PeerBadSignature:
            raise self._failed(f"the server has another secret for the key {self.key_name}",
                               "correct the file of dns.key_file, or dns.algorithm") from None  # fmt: skip
        except dns.tsig.PeerBadTime:
            raise self._failed("the server's clock and this computer's are too far apart", "set the clocks") from None
        except (OSError, dns.exception.DNSException, EOFError) as error:
            seen = str(error) or type(error).__name__
            raise self._failed(
                f"no answer: {seen}", "check its address, and that this computer reaches it over TCP", True
            ) from None

    def _refused(self, answer: Message) -> InstallerError:
        import dns.rcode

        said = dns.rcode.to_text(answer.rcode())
        hints = {
            "NOTAUTH": f"the server is not the primary of {self.name}, or does not know the key",
            "NOTZONE": f"the names are not in {self.name}: correct dns.zone",
            "REFUSED": f"allow the key {self.key_name} to update {self.name} (in BIND: update-policy)",
        }
        return self._failed(f"it answers {said}", hints.get(said, "the server's log says why"))

    def _failed(self, observed: str, hint: str, retryable: bool = False) -> InstallerError:
        where = f"change the zone {self.name} at {self.server} port {self.port}"
        return InstallerError(where, observed, hint=hint, exit_code=ExitCode.CLUSTER, retryable=retryable)


def key_of(dns: DNS) -> bytes:
    """The shared key: a file with its base64 alone, or BIND's `key "..." { ... };`. Raises InstallerError."""
    import re

    assert dns.key_file, "a plan without a key is refused"
    try:
        text = expanded(dns.key_file).read_text(encoding="ascii")[:4096]
    except (OSError, UnicodeDecodeError) as error:
        seen = getattr(error, "strerror", None) or "it isn't text"
        raise _bad_key(dns.key_file, f"it cannot be read: {seen}") from None
    found = re.search(r'secret\s+"([^"]*)"', text)
    try:
        secret = base64.b64decode((found[1] if found else text).strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) < 16:
        raise _bad_key(dns.key_file, "it has no base64 key of at least 128 bits")
    return secret


def _bad_key(path: str, observed: str) -> InstallerError:
    hint = "make one with tsig-keygen, mode 0600, and give the server the same"
    return InstallerError("read the DNS server's key", f"{path}: {observed}", hint=hint, exit_code=ExitCode.PREFLIGHT)
