"""Registries of container images on loopback: Debian's docker-registry with tiny images, and a strict front before it.

The front asks for tokens and sends readers of blobs on to a storage server, as public registries do, and damages what
it is told to.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from tests.doubles.serving import serving
from tests.needs import tool
from tests.patience import PATIENCE

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIGURATION = """\
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: ROOT}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0"}
"""
_DIRECT = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Registry:
    """Its address is `host` (127.0.0.1:PORT); images there are named `host`/REPOSITORY:TAG."""

    host: str
    storage: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def push(self, repository: str, tag: str, architectures: Sequence[str] = ("amd64",), *, index: bool = True) -> str:
        """A tiny image, for each architecture another; an index of them, or one manifest alone. Its name in full."""
        entries = [self._manifest(repository, architecture, tag) for architecture in architectures]
        if index:
            document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, _attestation(entries[0])]}
            self._put(f"{repository}/manifests/{tag}", json.dumps(document).encode(), INDEX)
        else:
            data = self.get(f"{repository}/manifests/{entries[0]['digest']}", MANIFEST)
            self._put(f"{repository}/manifests/{tag}", data, MANIFEST)
        return f"{self.host}/{repository}:{tag}"

    def _manifest(self, repository: str, architecture: str, tag: str) -> dict[str, Any]:
        shared, own = layer("base", b"the same for all\n" * 2000), layer("hello", f"{architecture} {tag}\n".encode())
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(gzip.decompress(data)) for data in (shared, own)]},
        }
        blobs = [json.dumps(config).encode(), shared, own]
        kinds = ["application/vnd.oci.image.config.v1+json", *["application/vnd.oci.image.layer.v1.tar+gzip"] * 2]
        descriptors = [
            {"mediaType": kind, "digest": self._push_blob(repository, data), "size": len(data)}
            for kind, data in zip(kinds, blobs, strict=True)
        ]
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
        data = json.dumps(document).encode()
        self._put(f"{repository}/manifests/{digest_of(data)}", data, MANIFEST)
        platform = {"architecture": architecture, "os": "linux"}
        return {"mediaType": MANIFEST, "digest": digest_of(data), "size": len(data), "platform": platform}

    def get(self, path: str, accept: str) -> bytes:
        with _DIRECT.open(Request(f"{self.url}/v2/{path}", headers={"Accept": accept})) as answer:
            data: bytes = answer.read()
        return data

    def layers(self, repository: str, tag: str, architecture: str = "amd64") -> list[str]:
        """Digests of an image's layers."""
        index = json.loads(self.get(f"{repository}/manifests/{tag}", INDEX))
        digest = next(e["digest"] for e in index["manifests"] if e["platform"]["architecture"] == architecture)
        manifest = json.loads(self.get(f"{repository}/manifests/{digest}", MANIFEST))
        return [entry["digest"] for entry in manifest["layers"]]

    def damage(self, digest: str, content: bytes) -> None:
        """Put other content on its disk, as a failing one would."""
        name = digest.removeprefix("sha256:")
        (self.storage / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data").write_bytes(content)

    def _push_blob(self, repository: str, data: bytes) -> str:
        with _DIRECT.open(Request(f"{self.url}/v2/{repository}/blobs/uploads/", b"", method="POST")) as answer:
            place = answer.headers["Location"]
        digest = digest_of(data)
        headers = {"Content-Type": "application/octet-stream"}
        _DIRECT.open(Request(f"{place}&digest={digest}", data, headers, method="PUT")).close()
        return digest

    def _put(self, path: str, data: bytes, kind: str) -> None:
        _DIRECT.open(Request(f"{self.url}/v2/{path}", data, {"Content-Type": kind}, method="PUT")).close()


def _attestation(entry: dict[str, Any]) -> dict[str, Any]:
    """What builders add to an index for no platform."""
    return {**entry, "platform": {"architecture": "unknown", "os": "unknown"}}


def layer(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextmanager
def running_registry(directory: Path) -> Iterator[Registry]:
    """Debian's docker-registry with its files in `directory`."""
    program = tool("docker-registry")
    configuration = directory / "registry.yml"
    configuration.write_text(_CONFIGURATION.replace("ROOT", str(directory / "storage")))
    process = subprocess.Popen(
        [program, "serve", str(configuration)],
        env={"OTEL_TRACES_EXPORTER": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"listening on (127\.0\.0\.1:\d+)", line):
                break
        else:
            raise AssertionError("docker-registry ended at once")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield Registry(found[1], directory / "storage")
    finally:
        process.terminate()
        process.wait(PATIENCE)


@dataclass
class Front:
    """A strict server before a registry. What it was asked stands in `asked`: (kind, path and query).

    `cut` holds digests of blobs of which half comes, once each; `leaked` what came to the storage with a token.
    """

    upstream: Registry
    port: int = 0
    storage_port: int = 0
    challenge: str = 'Bearer realm="REALM",service="tests, all",scope="repository:NAME:pull"'
    asked: list[tuple[str, str]] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    leaked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def paths(self, kind: str) -> list[str]:
        return [path for found, path in self.asked if found == kind]


class _Handler(BaseHTTPRequestHandler):
    front: Front
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at what was asked instead."""

    def say(self, status: int, data: bytes = b"", cut: int = 0, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) - cut])
        self.wfile.flush()
        self.close_connection = self.close_connection or cut > 0

    def upstream(self) -> tuple[int, bytes, dict[str, str]]:
        wanted = {name: self.headers[name] for name in ("Accept", "Range") if name in self.headers}
        try:
            with _DIRECT.open(Request(self.front.upstream.url + self.path, headers=wanted)) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except HTTPError as error:
            with error:
                return error.code, error.read(), dict(error.headers)


class _Guard(_Handler):
    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/token":
            return self._token(parse_qs(address.query))
        repository = address.path.removeprefix("/v2/").rpartition("/")[0].rpartition("/")[0]
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.front.asked.append(("refused" if token not in self.front.tokens else "allowed", self.path))
        if token not in self.front.tokens or not token.startswith(f"{repository}@"):
            realm = f"http://{self.front.host}/token"
            challenge = self.front.challenge.replace("REALM", realm).replace("NAME", repository)
            return self.say(401, WWW_Authenticate=challenge)
        if "/blobs/" in address.path:
            return self.say(307, Location=f"http://127.0.0.1:{self.front.storage_port}{self.path}")
        status, data, headers = self.upstream()
        return self.say(status, data, Content_Type=headers.get("Content-Type", ""))

    def _token(self, query: dict[str, list[str]]) -> None:
        self.front.asked.append(("token", self.path))
        scope = re.fullmatch(r"repository:(.+):pull", query.get("scope", [""])[0])
        if scope is None or query.get("service") != ["tests, all"]:
            return self.say(400)
        token = f"{scope[1]}@{len(self.front.tokens)}"
        self.front.tokens.add(token)
        return self.say(200, json.dumps({"access_token": token, "expires_in": 60}).encode())


class _Storage(_Handler):
    def do_GET(self) -> None:
        self.front.asked.append((f"blob {self.headers.get('Range', 'whole')}", self.path))
        if "Authorization" in self.headers:
            self.front.leaked.append(self.path)
        status, data, headers = self.upstream()
        digest = urlsplit(self.path).path.rpartition("/")[2]
        cut = len(data) // 2 if self.front.cut[digest] > 0 else 0
        self.front.cut[digest] -= 1
        ranges = {"Content_Range": headers["Content-Range"]} if "Content-Range" in headers else {}
        self.say(status, data, cut, **ranges)


@contextmanager
def running_front(upstream: Registry) -> Iterator[Front]:
    front = Front(upstream)
    servers = [_server(_Guard, front), _server(_Storage, front)]
    front.port, front.storage_port = (server.server_address[1] for server in servers)
    with serving(servers[0]), serving(servers[1]):
        yield front


def _server(handler: type[_Handler], front: Front) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"front": front}))
    server.daemon_threads = True
    return server
