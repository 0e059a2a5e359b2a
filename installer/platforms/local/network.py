"""One bridge network per cluster with the addresses that the plan gives; a clash with what is here is said before."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from installer.common.errors import ExitCode, InstallerError
from installer.platforms.local import names
from installer.platforms.local.engine import Engine

_RESERVATIONS = Path("/var/lib/cni/networks")
"""Where podman's CNI plugins keep who has which address; they leave it there when a network is removed."""
_ROUTES = Path("/proc/net/route")
_CANDIDATES = (
    *(IPv4Network(f"10.{second}.0.0/16") for second in range(10, 256)),
    *(IPv4Network(f"172.{second}.0.0/16") for second in range(16, 32)),
)
"""Private networks (RFC 1918) to suggest instead of one that is taken."""


def ensure(engine: Engine, cluster: str, subnet: IPv4Network) -> None:
    """Make the cluster's network. Raises InstallerError if addresses clash with what is here."""
    if seen := clash(engine, cluster, subnet):
        raise clash_error(engine, cluster, subnet, seen)
    label = f"{names.CLUSTER}={cluster}"
    engine.call("network", "create", "--label", label, "--subnet", str(subnet), names.network(cluster))


def remove(engine: Engine, cluster: str) -> None:
    """Remove the cluster's network; no error if there is none."""
    name = names.network(cluster)
    if engine.exists("network", name):
        engine.call("network", "rm", name)
    shutil.rmtree(_RESERVATIONS / name, ignore_errors=True)


def reserved(cluster: str) -> bool:
    """Whether podman still keeps addresses of the cluster's network, which may be gone."""
    return (_RESERVATIONS / names.network(cluster)).exists()


def free(network: str, address: IPv4Address) -> None:
    """Release the reservation of an address whose machine is gone: podman keeps it if it was killed meanwhile."""
    (_RESERVATIONS / network / str(address)).unlink(missing_ok=True)


def found(engine: Engine, cluster: str) -> tuple[IPv4Network, ...] | None:
    """The subnets of the cluster's network, or None if there is no network."""
    documents = engine.inspect("network", names.network(cluster))
    return _subnets(engine, documents[0]) if documents else None


def clash(engine: Engine, cluster: str, subnet: IPv4Network) -> str:
    """What on this computer has addresses in `subnet`, other than the cluster's own network; empty if nothing."""
    own = found(engine, cluster) or ()
    for name, taken in _networks(engine):
        if taken.overlaps(subnet) and name != names.network(cluster):
            return f"the {engine.name} network {name} has {taken}"
    for device, taken in routes(_read_routes()):
        if taken.overlaps(subnet) and taken not in own:
            return f"{device} leads to {taken}"
    return ""


def clash_error(engine: Engine, cluster: str, subnet: IPv4Network, seen: str) -> InstallerError:
    """The error for a clash, with a network of the same size that is free."""
    others = [taken for name, taken in _networks(engine) if name != names.network(cluster)]
    free = suggestion((*others, *(taken for _, taken in routes(_read_routes()))), subnet.prefixlen)
    return InstallerError(
        "make the machines' network",
        f"{subnet} is in use on this computer: {seen}",
        hint=f"set networks.machines in the plan to a free one, such as {free}",
        exit_code=ExitCode.PREFLIGHT,
    )


def suggestion(taken: Collection[IPv4Network], prefix: int) -> IPv4Network | None:
    """A private network of that prefix length, at most a /16, that overlaps none of `taken`."""
    for candidate in _CANDIDATES:
        if not any(candidate.overlaps(network) for network in taken):
            return IPv4Network((candidate.network_address, max(prefix, candidate.prefixlen)))
    return None


def routes(table: str) -> list[tuple[str, IPv4Network]]:
    """Device and destination of every route but the default one, from the text of /proc/net/route."""
    read = []
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[1] != "00000000":
            with suppress(ValueError):  # a line that the kernel did not write
                read.append((words[0], IPv4Network((_address(words[1]), str(_address(words[7]))))))
    return read


def name_servers(*texts: str) -> tuple[str, ...]:
    """IPv4 name servers in the first of these resolv.conf files that has one that other machines can ask."""
    for text in texts:
        entries = (line.split()[1] for line in text.splitlines() if line.startswith("nameserver ") and line.split()[1:])
        if found := tuple(entry for entry in entries if ":" not in entry and not entry.startswith("127.")):
            return found
    return ()


def host_name_servers() -> tuple[str, ...]:
    """The name servers that this computer asks, also behind a local cache of systemd-resolved's."""
    paths = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
    return name_servers(*(path.read_text(errors="replace") for path in paths if path.is_file()))


def _address(word: str) -> IPv4Address:
    """The kernel prints addresses as the number that they are in memory."""
    return IPv4Address(bytes.fromhex(word)[::-1])


def _read_routes() -> str:
    try:
        return _ROUTES.read_text(errors="replace")
    except OSError:
        return ""  # no Linux: docker runs in a virtual machine there, and its own networks are all that can clash


def _networks(engine: Engine) -> list[tuple[str, IPv4Network]]:
    listed = engine.call("network", "ls", "--quiet").split()
    documents = engine.inspect("network", *listed)
    return [(str(_field(document, "name")), subnet) for document in documents for subnet in _subnets(engine, document)]


def _subnets(engine: Engine, document: dict[str, Any]) -> tuple[IPv4Network, ...]:
    """Raises InstallerError if it is no network's document."""
    try:
        return tuple(_read_subnets(document))
    except (TypeError, AttributeError, ValueError) as error:
        raise engine.unreadable("network", f"{type(error).__name__}: {error}") from None


def _read_subnets(document: dict[str, Any]) -> Iterator[IPv4Network]:
    """podman and docker say it in words of their own."""
    entries = document.get("subnets") or (document.get("IPAM") or {}).get("Config") or ()
    for entry in entries:
        text = str(_field(entry, "subnet"))
        if ":" not in text:
            yield IPv4Network(text)


def _field(document: dict[str, Any], name: str) -> Any:
    return document.get(name, document.get(name.capitalize()))
