"""Container images of registries, by the OCI distribution API: found by name, and read, with every digest checked.

Nobody logs in: registries that ask for a token get asked for one by their token server, as anybody may.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Annotated
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from installer.artifacts.http import Failure, Get, Headers, Work, ask, read
from installer.common import json_reader
from installer.common.web_address import followed, origin

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LARGEST_DOCUMENT = 4 * 1024 * 1024
"""Bytes: what the distribution specification lets a registry refuse a manifest for."""
LARGEST_BLOB = 4 * 1024**3
_NAME = re.compile(
    r"(?:(?P<host>localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+(?=:\d+/))(?P<port>:\d{1,5})?/)?"
    r"(?P<repository>[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_TOKEN = re.compile(r"[\x21-\x7e]{1,32768}")
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3})(:\d+)?")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name in full, such as registry.k8s.io/pause:3.10."""

    host: str
    repository: str
    tag: str
    digest: str = ""

    @classmethod
    def parse(cls, name: str) -> Reference:
        """Short names mean Docker Hub, as everywhere. Raises ValueError."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r} isn't the name of an image")
        host, repository, digest = match["host"] or "", match["repository"], match["digest"] or ""
        if not host and "/" not in repository:
            repository = f"library/{repository}"
        tag = match["tag"] or ("" if digest else "latest")
        return cls((host or "docker.io") + (match["port"] or ""), repository, tag, digest)

    @property
    def name(self) -> str:
        """As containerd and the kubelet call it."""
        return f"{self.host}/{self.repository}" + (f"@{self.digest}" if self.digest else f":{self.tag}")


class Platform(BaseModel):
    model_config = ConfigDict(frozen=True)

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Descriptor(BaseModel):
    """What a document says of another, or of a blob (OCI image specification, descriptor.md)."""

    model_config = ConfigDict(frozen=True)

    media_type: str = Field("", alias="mediaType")
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, le=LARGEST_BLOB)]
    platform: Platform | None = None

    @property
    def sha256(self) -> str:
        return self.digest.partition(":")[2]


class _Document(BaseModel):
    """An index or a manifest."""

    media_type: str = Field("", alias="mediaType")
    manifests: tuple[Descriptor, ...] = ()
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image's manifest for one platform: `data` as the registry has it, and the blobs that it names."""

    architecture: str
    media_type: str
    data: bytes
    blobs: tuple[Descriptor, ...]

    @property
    def digest(self) -> str:
        return digest_of(self.data)


@dataclass(frozen=True, slots=True)
class Image:
    """What a name leads to, as the registry has it: an index or a manifest alone; and manifests for some platforms."""

    media_type: str
    data: bytes
    manifests: tuple[Manifest, ...]

    @property
    def digest(self) -> str:
        """The same for all platforms, and what containerd calls the image's digest."""
        return digest_of(self.data)


@dataclass
class Repository:
    """Where an image is looked for: one repository of one registry, or of a mirror that may be none."""

    address: str
    """Base address, such as https://registry.k8s.io."""
    reference: Reference
    work: Work
    mirror: bool = False
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    """By scheme and host."""

    def find(self, architectures: Sequence[str]) -> Image:
        """The image, with its manifest for each of the architectures. Raises Failure."""
        document, data = self._document(self.reference.digest or self.reference.tag)
        if document.manifests:
            manifests = tuple(self._of(document, architecture) for architecture in architectures)
        else:
            manifests = tuple(self._alone(document, data, architecture) for architecture in architectures)
        return Image(document.media_type or (INDEXES if document.manifests else _MANIFESTS)[0], data, manifests)

    def digest(self) -> str:
        """The digest of what the reference's tag names now, computed from it. Raises Failure."""
        _, data = self._document(self.reference.tag)
        return digest_of(data)

    def blob(self, descriptor: Descriptor) -> Get:
        return self._get(f"blobs/{descriptor.digest}", {})

    def _of(self, index: _Document, architecture: str) -> Manifest:
        wanted = [
            entry
            for entry in index.manifests
            if entry.platform and (entry.platform.os, entry.platform.architecture) == ("linux", architecture)
        ]
        if not wanted:
            raise Failure(f"it has no image for linux/{architecture}")
        plain = min(wanted, key=lambda entry: entry.platform is not None and entry.platform.variant not in ("", "v8"))
        return _manifest(*self._document(plain.digest), architecture)

    def _alone(self, document: _Document, data: bytes, architecture: str) -> Manifest:
        """A manifest outside any index: its configuration says what it is for."""
        manifest = _manifest(document, data, architecture)
        config = manifest.blobs[0]
        content = self._checked(config.digest, read(self.blob(config), self.work, largest=_LARGEST_DOCUMENT))
        try:
            found = Platform.model_validate_json(content)
        except ValidationError:
            raise Failure("its configuration does not say what it is for") from None
        if (found.os, found.architecture) != ("linux", architecture):
            raise Failure(f"it is an image for {found.os}/{found.architecture}, not for linux/{architecture}")
        return manifest

    def _document(self, tag: str) -> tuple[_Document, bytes]:
        data = read(
            self._get(f"manifests/{tag}", {"Accept": ", ".join((*INDEXES, *_MANIFESTS))}),
            self.work,
            largest=_LARGEST_DOCUMENT,
        )
        if tag.startswith("sha256:"):
            self._checked(tag, data)
        try:
            document = _Document.model_validate_json(data)
        except ValidationError:
            document = _Document()
        if not document.manifests and document.config is None:
            raise Failure("its answer isn't an image manifest")
        return document, data

    @staticmethod
    def _checked(digest: str, data: bytes) -> bytes:
        found = digest_of(data)
        if found != digest:
            raise Failure(f"what it has as {digest} has the digest {found}")
        return data

    def _get(self, path: str, accept: Headers) -> Get:
        url = f"{self.address}/v2/{self.reference.repository}/{path}"
        if self.mirror:  # as containerd asks a mirror
            url += "?" + urlencode({"ns": self.reference.host})
        return lambda headers: self._ask(url, {**accept, **headers})

    def _ask(self, url: str, headers: Headers) -> HTTPResponse:
        """With a token where one is asked for, be it only after a redirect; a token goes to no other host."""
        for _ in range(4):
            token = self._tokens.get(origin(url))
            try:
                return ask(url, self.work, headers, token)
            except Failure as failure:
                if failure.status != 401:
                    raise
                sent = token if origin(url) == origin(failure.url) else None
                url, refused = failure.url, failure
                if self._tokens.get(origin(url)) == sent:  # there is none, or it has run out
                    self._tokens[origin(url)] = self._token(failure)
        raise refused

    def _token(self, failure: Failure) -> str:
        """An anonymous token for what was refused (distribution specification, token authentication)."""
        challenge = _challenge(failure.challenge)
        if not challenge.get("realm"):
            raise Failure("HTTP status 401: it wants a user and a password", status=401, url=failure.url)
        try:
            realm = followed(failure.url, challenge["realm"])
        except ValueError as error:
            observed = f"it sends to a token server at {challenge['realm']}, which is {error}"
            raise Failure(observed, status=401, url=failure.url) from None
        scope = challenge.get("scope") or f"repository:{self.reference.repository}:pull"
        query = urlencode({name: challenge[name] for name in ("service",) if name in challenge} | {"scope": scope})
        server = realm + ("&" if urlsplit(realm).query else "?") + query
        where = f"its token server {realm}"
        try:
            token = _token(read(lambda headers: ask(server, self.work, headers), self.work, largest=_LARGEST_DOCUMENT))
        except Failure as failed:
            raise Failure(f"{where} ({failed.observed})", status=failed.status, hint=failed.hint) from None
        if not token:
            raise Failure(f"{where} gives no token", status=401, url=failure.url)
        return token


def repositories(reference: Reference, mirror: str | None, work: Work) -> tuple[Repository, ...]:
    """Where an image is looked for, in that order, as containerd does on machines: the mirror, its own registry."""
    host = "registry-1.docker.io" if reference.host == "docker.io" else reference.host
    scheme = "http" if _LOOPBACK.fullmatch(host) else "https"
    own = Repository(f"{scheme}://{host}", reference, work)
    return (Repository(mirror, reference, work, mirror=True), own) if mirror else (own,)


def _manifest(document: _Document, data: bytes, architecture: str) -> Manifest:
    if document.config is None:
        raise Failure("its answer isn't an image manifest")
    return Manifest(architecture, document.media_type or _MANIFESTS[0], data, (document.config, *document.layers))


def _challenge(text: str) -> dict[str, str]:
    """The parameters of a Bearer challenge; none of any other, and of one that cannot be read."""
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "bearer":
        return {}
    pairs = (item.partition("=") for item in parse_http_list(rest))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _token(answer: bytes) -> str:
    """The token in a token server's answer; empty if there is none."""
    try:
        found = json_reader.parse(answer)
        token = found.get("token") or found["access_token"]
    except (ValueError, KeyError, AttributeError):
        return ""
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""
