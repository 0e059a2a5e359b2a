"""What this computer's own programs and files say: podman and docker, /proc, resolv.conf."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from installer.platforms.local import balancer, creation, image, limits, machine, network, process, rootfs
from installer.platforms.local.engine import Engine
from tests.bench.parsers.parser import Parser, of_file, of_text

_CONTAINER = [
    {
        "Name": "/demo-master-1",
        "Config": {"Labels": {"craton.cluster": "demo", "craton.host-key": "ssh-ed25519 AAAA"}},
        "State": {"Status": "running"},
        "NetworkSettings": {
            "Ports": {"22/tcp": [{"HostIp": "127.0.0.1", "HostPort": "43210"}]},
            "Networks": {"craton-demo": {"IPAddress": "10.10.0.11"}},
        },
    }
]
_NETWORK = [
    {"name": "craton-demo", "subnets": [{"subnet": "10.10.0.0/16", "gateway": "10.10.0.1"}]},
    {"Name": "bridge", "IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}]}},
]
_ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
_RESOLV = "# a remark\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver\nsearch example.test\n"


class _Engine(Engine):
    """An engine whose program says what the fuzzer wants."""

    def __init__(self, text: str) -> None:
        super().__init__("podman")
        object.__setattr__(self, "text", text)

    def attempt(self, *_arguments: str, **_options: Any) -> process.Done:
        return process.Done(0, cast(Any, self).text, cast(Any, self).text)


def _console(text: str) -> object:
    engine = _Engine(text)
    return creation._console(engine, "m"), creation._finished(engine, "m"), balancer.read(engine, "m")


def _machines(text: str) -> object:
    engine = _Engine(text)
    return machine.find(engine, "demo-master-1"), machine.find_all(engine, "demo")


def _networks(text: str) -> object:
    return network._networks(_Engine(text))


def _routes(text: str) -> object:
    return network.routes(text), network.name_servers(text)


def _images(text: str) -> object:
    return image.stored(_Engine(text)), rootfs.mirror(text), rootfs.packages(text)


def _reason(text: str) -> object:
    return process.Done(1, text, text).reason


def _limits(path: Path) -> object:
    with patch.object(limits, "_file", lambda: path):
        return limits.raised()


PARSERS: tuple[Parser, ...] = (
    of_text("a machine's console", _console, ("status: done\n", "\n[ OK ] Started sshd\n")),
    of_text("container engine's machines", _machines, (json.dumps(_CONTAINER),)),
    of_text("container engine's networks", _networks, (json.dumps(_NETWORK),)),
    of_text("routes and name servers", _routes, (_ROUTES, _RESOLV)),
    of_text(
        "images and packages",
        _images,
        (f"{image.REPOSITORY}:a1\nx:y\n", "https://deb.example.test/debian Debian Debian main\n"),
    ),
    of_file("raised limits", _limits, (b'{"fs.inotify.max_user_instances": [128, 512]}', b"{}")),
    of_text("a program's reason", _reason, ("Error: no such container\nx\n", "x\n")),
)
