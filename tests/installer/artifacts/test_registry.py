"""Images are found in registries by name, through token servers and redirects, and every digest is checked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from installer.artifacts import http as web
from installer.artifacts.file_download import download
from installer.artifacts.registry import Manifest, Reference, Repository, repositories
from installer.common.deadline import Deadline
from tests.doubles.mirror import running_mirror
from tests.doubles.raw_http import answering, said
from tests.doubles.registries import Front, Registry, running_front, running_registry
from tests.doubles.tls import server_context
from tests.patience import PATIENCE

BOTH = ("amd64", "arm64")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_PAUSE", 0.01)
    monkeypatch.setattr(web, "_LONGEST", 0.05)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running_registry(tmp_path) as registry:
        yield registry


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with running_front(registry) as front:
        yield front


def repository(name: str, mirror: str | None = None) -> Repository:
    return repositories(Reference.parse(name), mirror, web.Work(Deadline(PATIENCE)))[0]


def fetch(place: Repository, manifest: Manifest, directory: Path) -> None:
    for blob in manifest.blobs:
        download(place.blob(blob), directory / blob.sha256, blob.sha256, place.work, largest=blob.size)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        ("ghcr.io/flannel-io/flannel:v0.28.9", "ghcr.io/flannel-io/flannel:v0.28.9"),
        ("127.0.0.1:5000/a/b__c-d.e:T_1", "127.0.0.1:5000/a/b__c-d.e:T_1"),
        ("localhost/x", "localhost/x:latest"),
        ("host:5000/x", "host:5000/x:latest"),
        ("busybox", "docker.io/library/busybox:latest"),
        ("grafana/loki:3", "docker.io/grafana/loki:3"),
        (f"quay.io/x@sha256:{'a' * 64}", f"quay.io/x@sha256:{'a' * 64}"),
    ],
)
def test_names_of_images_are_understood_as_containerd_does(given: str, name: str) -> None:
    assert Reference.parse(given).name == name


@pytest.mark.parametrize("name", ["", "UPPER/case", "a//b", "../x", "x:", "x@sha256:12", "x:a/b", "http://x/y", "x y"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="isn't the name of an image"):
        Reference.parse(name)


def test_a_mirror_is_asked_first_and_then_the_images_own_registry() -> None:
    places = repositories(Reference.parse("busybox"), "http://mirror.test/all", web.Work(Deadline(1)))
    assert [place.address for place in places] == ["http://mirror.test/all", "https://registry-1.docker.io"]


def test_an_index_gives_the_manifest_of_each_platform(registry: Registry, tmp_path: Path) -> None:
    place = repository(registry.push("some/pause", "3.10", BOTH))
    found = place.find(BOTH).manifests
    assert [manifest.architecture for manifest in found] == list(BOTH)
    assert found[0].digest != found[1].digest
    fetch(place, found[1], tmp_path / "blobs")
    assert len(list((tmp_path / "blobs").iterdir())) == 3


def test_a_platform_that_an_image_is_not_for_is_named(registry: Registry) -> None:
    with pytest.raises(web.Failure, match="no image for linux/arm64"):
        repository(registry.push("pause", "1")).find(BOTH)


def test_a_manifest_in_no_index_is_believed_by_its_configuration(registry: Registry) -> None:
    place = repository(registry.push("pause", "1", index=False))
    assert place.find(("amd64",)).manifests[0].architecture == "amd64"
    with pytest.raises(web.Failure, match="an image for linux/amd64, not for linux/arm64"):
        place.find(("arm64",))


def test_an_image_can_be_named_by_its_digest(registry: Registry) -> None:
    digest = repository(registry.push("pause", "1")).find(("amd64",)).manifests[0].digest
    assert repository(f"{registry.host}/pause@{digest}").find(("amd64",)).manifests[0].digest == digest


def test_a_token_is_had_where_one_is_asked_for_and_goes_nowhere_else(front: Front, tmp_path: Path) -> None:
    front.upstream.push("flannel/flannel", "v1", BOTH)
    place = repository(f"{front.host}/flannel/flannel:v1")
    for manifest in place.find(BOTH).manifests:
        fetch(place, manifest, tmp_path / "blobs")
    assert len(front.paths("token")) == 1
    assert front.leaked == []


def test_a_token_that_has_run_out_is_asked_for_again(front: Front) -> None:
    front.upstream.push("pause", "1")
    place = repository(f"{front.host}/pause:1")
    place.find(("amd64",))
    front.tokens.clear()
    place.find(("amd64",))
    assert len(front.paths("token")) == 2


def test_a_registry_behind_a_redirect_is_asked_with_a_token_of_its_own(front: Front, tmp_path: Path) -> None:
    front.upstream.push("pause", "1")
    with running_front(front.upstream) as outer:
        outer.storage_port = front.port  # its blobs are at a registry that wants a token, too
        place = repository(f"{outer.host}/pause:1")
        fetch(place, place.find(("amd64",)).manifests[0], tmp_path / "blobs")
    assert len(front.paths("token")) == 1
    assert front.leaked == []


@pytest.mark.parametrize(
    ("challenge", "said"),
    [
        ('Basic realm="private"', "wants a user and a password"),
        ("", "wants a user and a password"),
        ('Bearer realm="file:///etc/passwd",service="x"', "no http or https address"),
        ('Bearer realm="http://[",service="x"', "no http or https address"),
        ('Bearer realm="http://me:pw@127.0.0.1/",service="x"', "an address with a user in it"),
        ("Bearer realm=", "wants a user and a password"),
        ('Bearer realm="', "wants a user and a password"),
        ("Bearer =,=,,", "wants a user and a password"),
        ("Bearer", "wants a user and a password"),
        ('Bearer realm="relative"', "HTTP status 401"),
        ('Bearer realm="REALM",service="another"', "HTTP status 400"),
    ],
)
def test_what_anybody_cannot_read_is_said(front: Front, challenge: str, said: str) -> None:
    front.upstream.push("pause", "1")
    front.challenge = challenge
    with pytest.raises(web.Failure, match=said):
        repository(f"{front.host}/pause:1").find(("amd64",))


def test_a_blob_that_breaks_off_goes_on_where_it_stopped(front: Front, tmp_path: Path) -> None:
    front.upstream.push("pause", "1")
    layer = front.upstream.layers("pause", "1")[0]
    front.cut[layer] = 1
    place = repository(f"{front.host}/pause:1")
    fetch(place, place.find(("amd64",)).manifests[0], tmp_path / "blobs")
    asked = [kind for kind, path in front.asked if kind.startswith("blob") and path.endswith(layer)]
    assert asked[0] == "blob whole"
    assert asked[1].startswith("blob bytes=")


@pytest.mark.parametrize("content", [b"", b"x" * 20, b"x" * 100_000])
def test_a_blob_with_another_digest_is_refused(registry: Registry, tmp_path: Path, content: bytes) -> None:
    place = repository(registry.push("pause", "1"))
    manifest = place.find(("amd64",)).manifests[0]
    registry.damage(manifest.blobs[1].digest, content)
    with pytest.raises(web.Failure):
        fetch(place, manifest, tmp_path / "blobs")
    assert not (tmp_path / "blobs" / manifest.blobs[1].sha256).exists()


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>log in here</html>",
        b"{}",
        b"[]",
        b'{"manifests": [{"digest": "../../etc/passwd", "size": 1}]}',
        b'{"manifests": [{"digest": "sha256:' + b"0" * 64 + b'", "size": -1}]}',
        b'{"config": {"digest": "sha256:' + b"0" * 64 + b'", "size": 99999999999999}, "layers": []}',
        b'{"config": {"digest": "sha256:' + b"0" * 64 + b'", "size": ' + b"9" * 10_000 + b'}, "layers": []}',
        b'{"config": {"digest": "sha256:' + b"0" * 64 + b'", "size": NaN}, "layers": []}',
        b'{"manifests": ' + b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe{}",
        b'{"mediaType": "\xff"}',
        b'{"mediaType": "\\ud800"}',
    ],
    ids=count(),
)
def test_an_answer_that_is_no_manifest_is_refused(answer: bytes) -> None:
    with running_mirror({"v2/pause/manifests/1": answer}) as mirror:
        with pytest.raises(web.Failure, match="isn't an image manifest"):
            repository("registry.test/pause:1", mirror.url).find(("amd64",))
        assert mirror.asked[0].path == "v2/pause/manifests/1"


def test_a_manifest_with_another_digest_than_it_was_asked_for_is_refused() -> None:
    digest = f"sha256:{'0' * 64}"
    with (
        running_mirror({f"v2/pause/manifests/{digest}": b"{}"}) as mirror,
        pytest.raises(web.Failure, match=f"{digest} has the digest sha256:44136f"),
    ):
        repository(f"registry.test/pause@{digest}", mirror.url).find(("amd64",))


TOKENS = [
    b"", b"[]", b"null", b"<html>", b'{"token": 1}', b'{"token": ""}', b'{"token": "a\\nb"}', b'{"token": "\\ud800"}',
    b'{"token":' + b"[" * 100_000, b'{"token": ' + b"9" * 10_000 + b"}", b'{"token": NaN}', b"\xff\xfe\x00",
    b'{"token": "' + b"x" * 100_000 + b'"}',
]  # fmt: skip


@pytest.mark.parametrize("answer", TOKENS, ids=count())
def test_an_answer_that_is_no_token_is_refused(answer: bytes) -> None:
    with answering(said(answer)) as server:
        challenge = said(b"", f'WWW-Authenticate: Bearer realm="{server}/token"', status="401 Unauthorized")
        with answering(challenge) as url, pytest.raises(web.Failure, match=r"its token server .* gives no token"):
            repository("registry.test/pause:1", url).find(("amd64",))


def test_no_token_is_asked_for_over_a_downgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, authority = server_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with running_mirror({}) as plain, running_mirror({}, tls=context) as encrypted:
        encrypted.challenge = f'Bearer realm="{plain.url}/token"'
        with pytest.raises(web.Failure, match="which is unencrypted"):
            repository("registry.test/pause:1", encrypted.url).find(("amd64",))
        assert plain.asked == []
