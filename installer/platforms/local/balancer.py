"""The load balancer: one more machine, on which HAProxy passes connections on to the masters (contract rule M3)."""

from __future__ import annotations

from collections.abc import Iterable

from installer.common.errors import InstallerError
from installer.plan.rules import Role
from installer.plan.topology import LoadBalancer, Machine, Topology
from installer.platforms.cloud_init import File
from installer.platforms.local.engine import Engine

_PATH = "/etc/haproxy/haproxy.cfg"
COMMANDS = (("systemctl", "enable", "haproxy"), ("systemctl", "restart", "haproxy"))
"""What its user data runs once the configuration is in its place."""

_API_PORT = 6443
_HEAD = """\
global
    fd-hard-limit 40000
    log /dev/log local0

defaults
    mode tcp
    log global
    balance leastconn
    option dontlognull
    option redispatch 1
    timeout connect 1s
    timeout check 1500ms
    timeout client 4h
    timeout server 4h
"""
_CHECKED = "default-server check inter 2s fall 2 rise 2 on-marked-down shutdown-sessions"
# As on machines that have a proxy of their own, for the same reasons: assets/node/lib/api-proxy.sh.
_API = """\
frontend port-{port}
    bind *:{port}
    use_backend ready if {{ nbsrv(ready) gt 0 }}
    use_backend alive if {{ nbsrv(alive) gt 0 }}
    default_backend any

backend ready
    option httpchk GET /readyz
    http-check expect status 200
    {checked}
{servers}
backend alive
    option httpchk GET /livez?exclude=etcd
    http-check expect rstatus .
    {checked}
{servers}
backend any
{servers}"""
_API_CHECKED = (
    "default-server check check-ssl verify none inter 1s fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions"
)
# Written next to it and moved, so that a reload never reads half of it.
_REPLACE = f"""\
set -eu
cat >{_PATH}.new
haproxy -c -q -f {_PATH}.new
mv {_PATH}.new {_PATH}
systemctl enable --quiet haproxy
systemctl reload-or-restart haproxy
"""


def configuration(balancer: LoadBalancer, topology: Topology) -> str:
    """HAProxy's configuration: each listener passes TCP connections on to the masters that answer.

    The API's to those that are ready: one that is paused, or shuts down, takes connections as well.
    """
    masters = topology.of_role(Role.MASTER)
    return "\n".join((_HEAD, *(_listener(port, behind, masters) for port, behind in balancer.listeners)))


def file(configuration: str) -> File:
    return File(_PATH, configuration)


def read(engine: Engine, name: str) -> str:
    """The configuration in force, empty if there is none or HAProxy does not run."""
    shown = engine.attempt("exec", name, "sh", "-c", f"systemctl is-active --quiet haproxy && cat {_PATH}")
    return shown.stdout if shown.status == 0 else ""


def replace(engine: Engine, name: str, configuration: str) -> None:
    """Put another configuration in force without cutting connections. Raises InstallerError if HAProxy refuses it."""
    done = engine.attempt("exec", "--interactive", name, "sh", "-c", _REPLACE, stdin=configuration.encode())
    if done.status != 0:
        raise InstallerError("configure HAProxy", done.reason, machine=name)


def _listener(port: int, behind: int, masters: Iterable[Machine]) -> str:
    servers = "".join(f"    server {master.name} {master.located}:{behind}\n" for master in masters)
    if behind == _API_PORT:
        return _API.format(port=port, servers=servers, checked=_API_CHECKED)
    return f"listen port-{port}\n    bind *:{port}\n    {_CHECKED}\n{servers}"
