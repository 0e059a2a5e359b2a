"""Reading what preflight's scripts print: lines `KIND REST`. Nothing but Unreadable is ever raised."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from installer.health.parsing import brief
from installer.steps.evidence import Evidence, Probe, Unreadable


class Records:
    """The lines of one probe, by kind."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rests: dict[str, list[str]] = {}
        for line in text.splitlines():
            kind, _, rest = line.strip().partition(" ")
            self._rests.setdefault(kind, []).append(rest.strip())

    def all(self, kind: str) -> list[str]:
        """The rest of each line that begins with `kind`."""
        return self._rests.get(kind, [])

    def rows(self, kind: str, fields: int) -> list[list[str]]:
        """Lines of `kind` with at least `fields` words; the last one holds the rest."""
        split = (rest.split(maxsplit=fields - 1) for rest in self.all(kind))
        return [words for words in split if len(words) == fields]

    def get(self, kind: str) -> str:
        """The rest of the first line that begins with `kind`, or nothing."""
        return next(iter(self.all(kind)), "")

    def need(self, kind: str, what: str) -> str:
        """The rest of the first line that begins with `kind`. Raises Unreadable if there is none."""
        found = self.get(kind)
        if not found:
            raise Unreadable(f"the machine didn't say {what}: {brief(self._text)}")
        return found


def records(evidence: Evidence, probe: Probe) -> Records:
    """What `probe` printed. Raises Unreadable."""
    return _read(evidence.output(probe.id))


@lru_cache(maxsize=256)
def _read(text: str) -> Records:
    """Many checks read what one probe printed."""
    return Records(text)


def address(text: str) -> IPv4Address | None:
    """An IPv4 address, with a prefix length behind it or not; else None."""
    try:
        return IPv4Address(text.partition("/")[0])
    except AddressValueError:
        return None


def network(text: str) -> IPv4Network | None:
    """An IPv4 network in CIDR notation, or an address; else None."""
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        return None


def listed(words: list[str], shown: int = 4) -> str:
    """`words` for a sentence; only the first ones of many."""
    more = f" and {len(words) - shown} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more


def size(amount: float) -> str:
    """Bytes as a person reads them."""
    return f"{amount / 1024**3:.1f} GiB" if amount >= 1024**3 else f"{amount / 1024**2:.0f} MiB"
