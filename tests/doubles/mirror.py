"""A real HTTP server on loopback with a mirror's layout, which cuts, stalls, lies and fails when it is told to.

It is a proxy as well: a request for a whole address gets this mirror's file at its path.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import socket
import ssl
import tarfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from urllib.parse import urlsplit

from installer.artifacts.catalogue import ARCHITECTURES, Artifact, wanted
from installer.artifacts.container_images import images
from installer.plan.model import InstallPlan
from tests.doubles.serving import serving


@dataclass(frozen=True)
class Asked:
    """One request: `start` is where a range began, `proxied` whether it came as to a proxy."""

    path: str
    start: int
    proxied: bool


@dataclass
class Mirror:
    """`files` by path. `faults` of a path strike one request each, in order:

    an int is a status; `cut` sends half of what was asked for and closes; `stall` sends half and then nothing.
    `moved` says where a path is to be found instead.
    """

    files: dict[str, bytes]
    address: str = "127.0.0.1"
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    faults: dict[str, list[int | str]] = field(default_factory=lambda: defaultdict(list))
    moved: dict[str, str] = field(default_factory=dict)
    challenge: str = ""
    """What it answers instead, to everything: that a token is wanted."""
    ranges: bool = True
    tls: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}"

    def reset(self, files: Mapping[str, bytes]) -> None:
        """Have these files, forget what was asked and told, and let go of whom it keeps waiting."""
        self.over.set()
        self.over = threading.Event()
        self.files, self.ranges, self.challenge = dict(files), True, ""
        for kept in (self.asked, self.faults, self.moved):
            kept.clear()

    def requests(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]


class _Handler(BaseHTTPRequestHandler):
    mirror: Mirror
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        path, start = address.path.lstrip("/"), self._start()
        self.mirror.asked.append(Asked(path, start, bool(address.scheme)))
        fault = self.mirror.faults[path].pop(0) if self.mirror.faults[path] else None
        content = self.mirror.files.get(path)
        if self.mirror.challenge:
            return self._say(401, b"", {"WWW-Authenticate": self.mirror.challenge})
        if path in self.mirror.moved:
            return self._say(302, b"", {"Location": self.mirror.moved[path]})
        if isinstance(fault, int) or content is None:
            self._say(fault if isinstance(fault, int) else 404, b"<html>no such thing</html>\n")
        elif start and start >= len(content):
            self._say(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        elif start:
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self._say(206, content[start:], headers, fault)
        else:
            self._say(200, content, {}, fault)
        return None

    def _start(self) -> int:
        asked = self.headers.get("Range", "")
        if not self.mirror.ranges or not asked.startswith("bytes="):
            return 0
        return int(asked.removeprefix("bytes=").partition("-")[0])

    def _say(
        self, status: int, content: bytes, headers: Mapping[str, str] | None = None, fault: int | str | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault else content)
        self.wfile.flush()
        if fault == "stall":
            self.mirror.over.wait()
        if fault:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at what was asked instead."""


class _Server(ThreadingHTTPServer):
    """May listen on an address that this computer does not have yet: a bridge gets its own with its first machine."""

    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        TCPServer.server_bind(self)  # HTTPServer's own asks a name server what the address is called


_IP_FREEBIND = 15
"""From linux/in.h; Python has no name for it."""


@contextmanager
def running_mirror(
    files: Mapping[str, bytes], address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Mirror]:
    mirror = Mirror(dict(files), address, tls=tls is not None)
    handler = type("Handler", (_Handler,), {"mirror": mirror})
    server = _Server((address, 0), handler)
    mirror.port = server.server_address[1]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with serving(server):
        try:
            yield mirror
        finally:
            mirror.over.set()


@contextmanager
def folder_served(folder: Path, address: str) -> Iterator[str]:
    """A directory of `--artifacts` as a mirror, at an address of this computer; its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer((address, 0), partial(Quiet, directory=folder))
    with serving(server):
        yield f"http://{address}:{server.server_port}"


def published(plan: InstallPlan, architectures: tuple[str, ...] = ARCHITECTURES) -> dict[str, bytes]:
    """All that a plan's machines may fetch, as small scripts, with the files of sums beside them."""
    files: dict[str, bytes] = {}
    for architecture in architectures:
        for artifact in wanted(plan, architecture):
            files[artifact.path] = content(artifact, plan)
            line = sums_line(artifact, files[artifact.path])
            files[artifact.sums] = files.get(artifact.sums, b"") + line
    return files | registry_files(plan)


def registry_files(plan: InstallPlan) -> dict[str, bytes]:
    """What a registry answers that is asked which images the plan's tags are; it has nothing more of them."""
    return {manifest_path(name): index(name) for name in images(plan)}


def manifest_path(image: str) -> str:
    repository, _, tag = image.partition("/")[2].rpartition(":")
    return f"v2/{repository}/manifests/{tag}"


def index(image: str, release: int = 1) -> bytes:
    """The index of a stand-in image, for each `release` another."""
    entries = [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": f"sha256:{hashlib.sha256(f'{image} {architecture} {release}'.encode()).hexdigest()}",
            "size": 500,
            "platform": {"architecture": architecture, "os": "linux"},
        }
        for architecture in ARCHITECTURES
    ]
    document = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
    return json.dumps(document).encode()


def digest(image: str, release: int = 1) -> str:
    return f"sha256:{hashlib.sha256(index(image, release)).hexdigest()}"


def sums_line(artifact: Artifact, data: bytes) -> bytes:
    """As the publisher writes it: Kubernetes gives the sum alone."""
    found = hashlib.sha256(data).hexdigest()
    name = artifact.path.rpartition("/")[2]
    return (found if artifact.publisher == "https://dl.k8s.io" else f"{found}  {name}\n").encode()


def content(artifact: Artifact, plan: InstallPlan) -> bytes:
    """A stand-in for the artifact: an archive of scripts, or a script."""
    if artifact.name == "containerd":
        version = artifact.path.rpartition("/")[2].split("-")[1]
        says = f'[ "${{1:-}}" != --version ] || echo "containerd github.com/containerd/containerd v{version} 0"\n'
        return _archive({"bin/containerd": says, "bin/ctr": _CTR, "bin/containerd-shim-runc-v2": "exit 0\n"})
    if artifact.name == "cni-plugins":
        return _archive({"./bridge": "exit 0\n", "./loopback": "exit 0\n", "./portmap": "exit 0\n"}, "./LICENSE")
    if artifact.name == "crictl":
        return _archive({"crictl": "exit 0\n"})
    first = {"kubeadm": _REFUSES, "kubelet": _STAYS}.get(artifact.name, "")
    return script(f"{first}echo {artifact.name} {artifact.architecture} {plan.kubernetes}\n" + "# padding\n" * 200)


_CTR = """\
[ -e /run/containerd/containerd.sock ] || exit 1
case "$*" in
*"images import "*) printf '%s\\n' "$*" >>/var/lib/containerd/imported ;;
esac
"""


_REFUSES = """\
case "${1:-}" in
init | join) echo 'this kubeadm is a stand-in: it starts no Kubernetes' >&2 && exit 1 ;;
esac
"""

_STAYS = """\
case "${1:-}" in
--config=*) exec sleep infinity ;;
esac
"""


def script(body: str) -> bytes:
    return f"#!/bin/sh\n{body}".encode()


def _archive(scripts: Mapping[str, str], *plain: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in [*scripts, *plain]:
            data = script(scripts[name]) if name in scripts else b"text\n"
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755 if name in scripts else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)
