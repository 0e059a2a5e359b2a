"""What web servers say, and what people write about them: addresses, answers, redirects, tokens, sums, manifests."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from installer.accounts.gcp.errors import http_refusal
from installer.artifacts import bundle, catalogue, checksum_files, http, proxies, registry
from installer.artifacts.file_download import download
from installer.artifacts.image_archive import contents
from installer.artifacts.registry import Reference, Repository
from installer.common import json_reader, no_proxy, web_address
from installer.common.deadline import Deadline
from installer.operations import account
from installer.plan.model import InstallPlan
from installer.platforms.aws import prices
from installer.platforms.clouds import pool_bundle
from installer.platforms.gcp import pool_store as gcp_pool_store
from installer.platforms.gcp import prices as gcp_prices
from tests.bench.parsers.parser import Feed, Parser, encoded, of_bytes, of_file, of_text
from tests.doubles.canned_http import Give, canned
from tests.doubles.raw_http import said

Making = Callable[[bytes], Give]
"""What each address answers, for an input."""

_URL = "https://mirror.example.test/k8s/file"
_LARGEST = 256 * 1024
_PLAN = InstallPlan(name="demo", subdomain="example.test")
_DIGEST = "sha256:" + "a1" * 32
_REFERENCE = Reference.parse("registry.k8s.io/pause:3.10")
_CONFIG = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
_BLOB = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": _DIGEST, "size": 3}
_MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "x", "config": _BLOB, "layers": [_BLOB]}).encode()
_INDEX = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": registry.INDEXES[0],
        "manifests": [{**_BLOB, "platform": {"architecture": "amd64", "os": "linux", "variant": "v8"}}],
    }
).encode()
_LAYERS = json.dumps([{"Config": "x", "RepoTags": ["registry.k8s.io/pause:3.10"], "Layers": []}]).encode()
_ENTRIES = json.dumps(
    {
        "manifests": [
            {
                "mediaType": registry.INDEXES[0],
                "digest": _DIGEST,
                "annotations": {"io.containerd.image.name": "registry.k8s.io/pause:3.10"},
            },
            {"digest": _DIGEST, "platform": {"architecture": "arm64", "os": "linux"}},
        ]
    }
).encode()
_SUM = "a1" * 32
_SUMS = (
    f"{_SUM}\n",
    f"{_SUM}  runc.amd64\n{_SUM} *runc.arm64\n",
    f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{_SUM}  runc.amd64\n-----BEGIN PGP SIGNATURE-----\nx\n",
    f"{_SUM}  images/registry.k8s.io_pause_3.10.tar\n",
)


def _work() -> http.Work:
    return http.Work(Deadline(30))


def _answered(name: str, give: Making, use: Callable[[], object], corpus: tuple[bytes, ...]) -> Parser:
    """A parser of what servers answer: `give` makes of an input what each address answers, `use` asks."""

    @contextmanager
    def feed() -> Iterator[Feed]:
        answers: list[Give] = [lambda _target: b""]

        def answer(data: bytes) -> object:
            answers[0] = give(data)
            return use()

        # What may pass is tried again after a pause, which the fuzzer has no time for.
        with canned(lambda target: answers[0](target)), patch.object(http, "_PAUSE", 1e9), patch.dict(os.environ):
            for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
                del os.environ[variable]
            yield answer

    return Parser(name, feed, corpus, (http.Failure,))


def _asked() -> object:
    return checksum_files._get(_URL, _work())


def _header(name: str, status: str = "200 OK") -> Making:
    """One header's value is the input, on a line of its own; then a body of ten bytes."""
    return lambda data: (
        lambda _target: (
            f"HTTP/1.1 {status}\r\n{name}: ".encode()
            + data.replace(b"\r", b" ").replace(b"\n", b" ")
            + b"\r\n\r\n0123456789"
        )
    )


def _redirect(data: bytes) -> Give:
    """The address asked redirects to what the input says, and whatever that is answers."""
    moved = _header("Location", "302 Found")(data)
    return lambda target: moved(target) if target == "/k8s/file" else said(b"0123456789", "Content-Length: 10")


def _challenged(data: bytes) -> Give:
    """Whoever has no token is asked for one, as the input says; every token server answers."""
    refused = _header("WWW-Authenticate", "401 Unauthorized")(data)
    return lambda target: refused(target) if target.startswith("/v2/") else said(b'{"token": "t"}')


def _token(data: bytes) -> Give:
    refused = said(
        b"", 'WWW-Authenticate: Bearer realm="https://auth.example.test/token",service="r"', status="401 Unauthorized"
    )
    return lambda target: refused if target.startswith("/v2/") else said(data)


def _images() -> object:
    return Repository("https://registry.example.test", _REFERENCE, _work(), mirror=True).find(("amd64", "arm64"))


def _manifest(data: bytes) -> Give:
    """The image's manifest is the input; other documents have the digests that they are asked by."""
    return lambda target: said(data) if "/manifests/3.10" in target else said(_CONFIG)


def _alone(data: bytes) -> Give:
    """A manifest in no index, whose configuration is the input."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    manifest = json.dumps({"mediaType": "x", "config": {**_BLOB, "digest": digest}}).encode()
    return lambda target: said(manifest) if "/manifests/" in target else said(data)


def _downloaded() -> object:
    """A download that goes on where an earlier one stopped."""
    with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room:
        target = Path(room) / "file"
        target.with_name("file.part").write_bytes(b"0123")
        work = _work()
        download(lambda headers: http.ask(_URL, work, headers), target, _SUM, work, largest=_LARGEST)
        return target.stat()


def _address(text: str) -> object:
    parts = web_address.parse(text)
    return web_address.origin(text), web_address.port(parts), proxies.route(parts)


def _followed(text: str) -> object:
    return web_address.followed(_URL, text)


@contextmanager
def _proxied() -> Iterator[Feed]:
    """The environment's proxies are what the input says: the first line is the proxy, the second the exceptions."""
    address = web_address.parse(_URL)

    def feed(data: bytes) -> object:
        proxy, _, excepted = data.replace(b"\0", b"").decode("utf-8", "surrogateescape").partition("\n")
        os.environ["https_proxy"], os.environ["no_proxy"] = proxy, excepted
        listed = no_proxy.entries(excepted)
        judged = [(no_proxy.is_entry(entry), no_proxy.canonical(entry)) for entry in listed]
        return judged, no_proxy.matching("10.0.0.1", 443, listed), proxies.route(address)

    with patch.dict(os.environ):
        yield feed


def _sums(text: str) -> object:
    return catalogue.parse_sum(text, "runc.amd64", _URL)


def _sums_of_images(path: Path) -> object:
    (path.parent / catalogue.IMAGE_SUMS).parent.mkdir(exist_ok=True)
    (path.parent / catalogue.IMAGE_SUMS).write_bytes(path.read_bytes())
    return catalogue.read_image_sums(path.parent)


def _archive(**files: bytes) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return data.getvalue()


_IMAGES = {"manifest.json": _LAYERS, "index.json": _ENTRIES, "blobs/" + _DIGEST.replace(":", "/"): _INDEX}


def _index_of_archive(path: Path) -> object:
    """An archive of images whose index is what the fuzzer wants."""
    path.write_bytes(_archive(**{**_IMAGES, "index.json": path.read_bytes()}))
    return contents(path)


def _bundle(path: Path) -> object:
    """An archive that an earlier `craton bundle` may have made."""
    directory = path.parent / "unpacked"
    try:
        bundle._unpack(path, directory)
        return bundle._text(directory / "x")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


_PRICE = json.dumps({
    "product": {"attributes": {"instanceType": "m7i.large"}, "productFamily": "Compute Instance"},
    "terms": {"OnDemand": {"a.b": {"priceDimensions": {"a.b.c": {"unit": "Hrs", "pricePerUnit": {"USD": "0.1"}}}}}},
})  # fmt: skip
_SKU = json.dumps({
    "description": "E2 Instance Core running in Frankfurt", "category": {"usageType": "OnDemand"},
    "serviceRegions": ["europe-west3"],
    "pricingInfo": [
        {"pricingExpression": {"usageUnit": "h", "tieredRates": [{"unitPrice": {"units": "0", "nanos": 28103000}}]}}
    ],
})  # fmt: skip
_SUGGESTED = json.dumps({
    "id": 1, "found": [{"value": "eu-central-1", "detail": "Frankfurt"}], "source": "the account", "several": False
})  # fmt: skip
_GOOGLE = json.dumps({
    "error": {
        "code": 403, "message": "Required permission", "status": "PERMISSION_DENIED",
        "errors": [{"reason": "forbidden", "message": "Required 'dns.changes.create' permission"}],
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}],
    }
}).encode()  # fmt: skip


def _refusal(data: bytes) -> None:
    raise http_refusal("dns.changes.create", "shop-4711", 403, data)


def _aws_price(text: str) -> object:
    pages = SimpleNamespace(region="eu-central-1", pages=lambda *_what, **_arguments: iter((text,)))
    return prices.machines(cast(Any, pages))


def _google_price(text: str) -> object:
    try:
        sku = json_reader.parse(text)
    except ValueError:
        return None  # as Google's library refuses it
    listed = SimpleNamespace(region="europe-west3", ask=lambda *_what, **_arguments: {"skus": [sku]})
    return gcp_prices.read(cast(Any, listed))


PARSERS: tuple[Parser, ...] = (
    _answered(
        "HTTP answer",
        lambda data: lambda _target: data,
        _asked,
        (
            said(b"0123456789", "Content-Length: 10"),
            said(b"a\r\n0123456789\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
            said(b"", "Location: https://other.example.test/x", status="301 Moved Permanently"),
            said(b"", 'WWW-Authenticate: Bearer realm="x"', status="401 Unauthorized"),
            said(b"x", "Content-Encoding: gzip"),
            said(b"", status="404 Not Found"),
            said(b"\xef\xbb\xbf" + _SUMS[0].encode()),
        ),
    ),
    _answered("Content-Length", _header("Content-Length"), _asked, (b"10", b"9", b"10, 10", b"abc", b"1" * 30)),
    _answered("Content-Encoding", _header("Content-Encoding"), _asked, (b"identity", b"gzip", b"")),
    _answered(
        "Content-Range",
        _header("Content-Range", "206 Partial Content"),
        _downloaded,
        (b"bytes 4-13/14", b"bytes 0-9/14", b""),
    ),
    _answered(
        "redirect",
        _redirect,
        _asked,
        encoded(
            "https://other.example.test/x",
            "/k8s/other?a=b#c",
            "//other.example.test:8443/x",
            "http://other.example.test/",
            "https://user:word@other.example.test/",
            "https://[2001:db8::1]:443/x",
            "https://grün.example.test/ü",
        ),
    ),
    _answered(
        "challenge of a registry",
        _challenged,
        _images,
        (
            b'Bearer realm="https://auth.example.test/token",service="registry",scope="repository:pause:pull"',
            b'Bearer realm="/token?a=b"',
            b'Basic realm="x"',
        ),
    ),
    _answered(
        "answer of a token server", _token, _images, (b'{"token": "abc"}', b'{"access_token": "abc", "expires_in": 60}')
    ),
    _answered("manifest of an image", _manifest, _images, (_INDEX, _MANIFEST)),
    _answered("configuration of an image", _alone, _images, (_CONFIG,)),
    of_text("web address", _address, (_URL, "http://[2001:db8::1]:8080/x?y#z", "https://a_b.test:443"), ValueError),
    of_text("Location", _followed, (_URL, "../x", "//other.example.test/x", "?a"), ValueError),
    Parser(
        "proxies",
        _proxied,
        encoded(
            "http://user:word@proxy.example.test:3128\n172.16.0.0/12",
            "http://proxy.example.test:3128\n10.0.0.0/8,.example.test, *.a.test,[fd00::1]:443",
            "proxy:3128\nmirror.example.test:443",
            "socks5://x\n*",
        ),
        (ValueError,),
    ),
    of_text("files of sums", _sums, _SUMS),
    of_file("sums of images", _sums_of_images, encoded(_SUMS[3])),
    of_file("sums in a directory", lambda path: checksum_files.read_directory({"x": str(path)}), encoded(*_SUMS)),
    of_text(
        "name of an image",
        lambda text: Reference.parse(text).name,
        (_REFERENCE.name, f"a/b@{_DIGEST}", "x"),
        ValueError,
    ),
    of_file("archive of images", contents, (_archive(**_IMAGES),)),
    of_file("index of an archive of images", _index_of_archive, (_ENTRIES,)),
    of_file("bundle", _bundle, (_archive(**{f"b/{name}": data for name, data in _IMAGES.items()} | {"b/x": b""}),)),
    of_bytes("a refusal of Google Cloud", _refusal, (_GOOGLE,)),
    of_text("an entry of AWS's price list", _aws_price, (_PRICE,)),
    of_text("the secret of a worker pool", pool_bundle.parse, ('{"bundle": "a", "token": "b", "ca_hash": "c"}',)),
    of_text(
        "a version of a secret in Google Cloud",
        gcp_pool_store.held_in,
        ("eyJidW5kbGUiOiAiYSIsICJ0b2tlbiI6ICJiIiwgImNhX2hhc2giOiAiYyJ9",),
    ),
    of_text("an entry of Google's catalogue of prices", _google_price, (_SKU,)),
    of_text("what the process says that asks accounts", account.read, (_SUGGESTED,)),
    of_bytes("JSON", json_reader.parse, (_INDEX, b'{"a": [1, 2.5e3, null, true, "\\u00fc"]}'), ValueError),
)
