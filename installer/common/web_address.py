"""Addresses of HTTP servers: read with care, and what one may lead to."""

from __future__ import annotations

import re
import string
from urllib.parse import SplitResult, quote, urljoin, urlsplit

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


def parse(url: str) -> SplitResult:
    """The parts of an http or https address without user and password. Raises ValueError, which says what is wrong."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        sound = parts.scheme in ("http", "https") and host and parts.port != 0 and url.isascii() and url.isprintable()
    except ValueError:
        sound = False
    if sound and "@" in parts.netloc:
        raise ValueError("an address with a user in it")
    # Stricter than Python's client, which would decode %-escapes and ask another host than the one judged here.
    if not sound or " " in url or not _HOST.fullmatch(parts.netloc):
        raise ValueError("no http or https address")
    return parts


def port(parts: SplitResult) -> int:
    """The port that an address means."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def origin(url: str) -> str:
    """Scheme, host and port of an address, such as https://registry.test:443."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def followed(url: str, reference: str) -> str:
    """The address that a server at `url` sends its readers on to. Raises ValueError, which says what is wrong.

    `reference` is as a header has it, and may be relative. From https nothing leads to http.
    """
    quoted = quote(reference.strip(), safe=string.punctuation, encoding="latin-1", errors="replace")
    try:
        target = urljoin(url, quoted)
    except ValueError:
        target = quoted
    parts = parse(target)
    if urlsplit(url).scheme == "https" and parts.scheme != "https":
        raise ValueError("unencrypted: anybody on the way could change what comes from there")
    return target
