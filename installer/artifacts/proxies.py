"""Through which proxy this computer reaches an address, as the environment says."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import Request, getproxies_environment

from installer.common import no_proxy, web_address
from installer.common.text import shown


@dataclass(frozen=True, slots=True)
class Route:
    """The way to an address: directly, or through the proxy at `host`."""

    host: str = ""
    """HOST:PORT; empty for the direct way."""
    login: str = field(default="", repr=False)
    """The value of Proxy-Authorization, or empty."""
    reason: str = ""
    """Why it is this way, for whom it fails; empty where no proxy is set."""

    def use(self, request: Request) -> None:
        """Send `request` this way."""
        if self.host:
            request.set_proxy(self.host, "http")
        if self.login:
            request.add_unredirected_header("Proxy-Authorization", self.login)


def route(address: SplitResult) -> Route:
    """The way to `address`: http_proxy or https_proxy, unless no_proxy covers it. Raises ValueError: no such proxy."""
    variables = getproxies_environment()
    value, excepted = variables.get(address.scheme, ""), no_proxy.entries(variables.get("no", ""))
    if not value:
        return Route()
    host, variable = address.hostname or "", f"{address.scheme}_proxy"
    entry = no_proxy.matching(host, web_address.port(address), excepted)
    if entry is not None:
        return Route(reason=f"{host} is reached without a proxy: no_proxy lists {shown(entry)}")
    proxy, login = _proxy(value, variable)
    listed = f"no entry of no_proxy ({shown(','.join(excepted))}) covers it" if excepted else "no_proxy is not set"
    return Route(proxy, login, f"{host} is reached through the proxy {proxy} ({variable}): {listed}")


def _proxy(value: str, variable: str) -> tuple[str, str]:
    """HOST:PORT and the login of the proxy that a variable names. Raises ValueError."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, number = parts.hostname, web_address.port(parts)
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError(f"{variable} of this computer is {shown(value)!r}, which isn't the address of an HTTP proxy")
    login = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = "Basic " + b64encode(pair.encode()).decode()
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}", login
