"""Files from HTTP servers arrive whole and with the sum that was expected, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from installer.artifacts import http as web
from installer.artifacts.file_download import download
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError
from tests.doubles.mirror import Mirror, running_mirror
from tests.doubles.raw_http import answering, said
from tests.doubles.serving import serving
from tests.doubles.tls import server_context
from tests.patience import PATIENCE

DATA = bytes(range(256)) * 4000
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_PAUSE", 0.01)
    monkeypatch.setattr(web, "_LONGEST", 0.05)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running_mirror({"file": DATA}) as mirror:
        yield mirror


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "file"


def work() -> web.Work:
    return web.Work(Deadline(PATIENCE))


def getter(url: str) -> web.Get:
    return lambda headers: web.ask(url, work(), headers)


def fetch(mirror: Mirror, target: Path, sha256: str = SUM, largest: int = len(DATA)) -> None:
    download(getter(f"{mirror.url}/file"), target, sha256, work(), largest=largest)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(mirror: Mirror, target: Path) -> None:
    mirror.faults["file"] = ["cut", 503, "cut"]
    fetch(mirror, target)
    assert target.read_bytes() == DATA
    assert [asked.start for asked in mirror.asked] == [0, len(DATA) // 2, len(DATA) // 2, len(DATA) * 3 // 4]


def test_what_came_in_an_earlier_run_is_not_asked_for_again(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.part").write_bytes(DATA[:-5])
    fetch(mirror, target)
    assert target.read_bytes() == DATA
    assert [asked.start for asked in mirror.asked] == [len(DATA) - 5]


def test_all_of_it_may_have_come_before(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.part").write_bytes(DATA)
    fetch(mirror, target)
    assert target.read_bytes() == DATA


def test_the_head_of_another_file_is_thrown_away_and_the_whole_fetched_once(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.part").write_bytes(b"another file")
    fetch(mirror, target)
    assert target.read_bytes() == DATA
    assert [asked.start for asked in mirror.asked] == [12, 0]


def test_a_server_that_cannot_resume_sends_all_of_it(mirror: Mirror, target: Path) -> None:
    mirror.ranges = False
    mirror.faults["file"] = ["cut"]
    fetch(mirror, target)
    assert target.read_bytes() == DATA


def test_a_connection_that_falls_silent_counts_as_dead(
    mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_SILENCE", 0.2)
    mirror.faults["file"] = ["stall"]
    fetch(mirror, target)
    assert target.read_bytes() == DATA


def test_another_sum_leaves_nothing_behind(mirror: Mirror, target: Path) -> None:
    with pytest.raises(web.Failure, match=f"SHA-256 sum {SUM}, expected {'0' * 64}"):
        fetch(mirror, target, "0" * 64)
    assert list(target.parent.iterdir()) == []


def test_more_than_was_announced_is_not_read(mirror: Mirror, target: Path) -> None:
    with pytest.raises(web.Failure, match="larger than 1000 bytes"):
        fetch(mirror, target, largest=1000)
    with pytest.raises(web.Failure, match="larger than 1000 bytes"):
        web.read(getter(f"{mirror.url}/file"), work(), largest=1000)


def test_what_does_not_exist_is_asked_for_once(mirror: Mirror, target: Path) -> None:
    mirror.files.clear()
    with pytest.raises(web.Failure, match="HTTP status 404"):
        fetch(mirror, target)
    assert len(mirror.asked) == 1


def test_a_server_that_stays_ill_is_given_up(mirror: Mirror, target: Path) -> None:
    mirror.faults["file"] = [503] * 20
    with pytest.raises(web.Failure, match="HTTP status 503") as caught:
        fetch(mirror, target)
    assert caught.value.passing
    assert 2 < len(mirror.asked) < 10


def test_a_disk_without_room_is_named(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.part").symlink_to("/dev/full")
    with pytest.raises(InstallerError, match="No space left on device") as caught:
        fetch(mirror, target)
    assert str(target) in caught.value.operation
    assert "free some space" in caught.value.hint
    assert caught.value.exit_code is ExitCode.PREFLIGHT


def test_a_stop_keeps_what_came(mirror: Mirror, target: Path) -> None:
    wanted = work()
    wanted.received = lambda _count: wanted.stop.set()
    with pytest.raises(web.Stopped):
        download(getter(f"{mirror.url}/file"), target, SUM, wanted, largest=len(DATA))
    assert 0 < target.with_name("file.part").stat().st_size < len(DATA)


def test_nothing_is_waited_for_beyond_the_deadline(mirror: Mirror, target: Path) -> None:
    mirror.faults["file"] = [503] * 20
    with pytest.raises(web.Failure):
        download(getter(f"{mirror.url}/file"), target, SUM, web.Work(Deadline(0.0)), largest=len(DATA))
    assert mirror.asked == []


class _Redirect(BaseHTTPRequestHandler):
    to: str
    seen: list[str | None]

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        self.send_response(302)
        self.send_header("Location", self.to)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def redirected() -> Iterator[Callable[[str], tuple[str, list[str | None]]]]:
    """Gives the address of a server that redirects to `to`, and the tokens that it saw."""

    def start(to: str) -> tuple[str, list[str | None]]:
        seen: list[str | None] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Redirect,), {"to": to, "seen": seen}))
        served.enter_context(serving(server))
        return f"http://127.0.0.1:{server.server_address[1]}", seen

    with ExitStack() as served:
        yield start


def test_a_token_stays_with_the_host_that_it_is_for(
    redirected: Callable[[str], tuple[str, list[str | None]]], mirror: Mirror
) -> None:
    second, elsewhere = redirected(f"{mirror.url}/file")
    first, there = redirected(second)
    with web.ask(first, work(), {}, "secret") as answer:
        assert answer.read() == DATA
    assert there == ["Bearer secret"]
    assert elsewhere == [None]


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/file", "file:///etc/passwd"])
def test_redirects_lead_to_the_web_alone(redirected: Callable[[str], tuple[str, list[str | None]]], to: str) -> None:
    url, _ = redirected(to)
    with pytest.raises(web.Failure):
        web.ask(url, work())


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror with a certificate that this computer trusts."""
    context, authority = server_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with running_mirror({"file": DATA}, tls=context) as mirror:
        yield mirror


def test_no_redirect_leads_from_https_to_http(encrypted: Mirror, mirror: Mirror, target: Path) -> None:
    encrypted.moved["file"] = f"{mirror.url}/file"
    with pytest.raises(web.Failure, match=f"it redirects to {mirror.url}/file, which is unencrypted"):
        fetch(encrypted, target)
    with pytest.raises(web.Failure, match="which is unencrypted"):
        web.read(getter(f"{encrypted.url}/file"), work(), largest=len(DATA))
    assert mirror.asked == []


def test_no_redirect_leads_to_http_by_way_of_https(encrypted: Mirror, mirror: Mirror, target: Path) -> None:
    mirror.moved["file"] = f"{encrypted.url}/moved"
    encrypted.moved["moved"] = f"{mirror.url}/again"
    with pytest.raises(web.Failure, match="which is unencrypted"):
        fetch(mirror, target)


def test_redirects_lead_to_https_and_from_there_to_https(encrypted: Mirror, mirror: Mirror, target: Path) -> None:
    mirror.moved["file"] = f"{encrypted.url}/moved"
    encrypted.moved["moved"] = "/file"
    fetch(mirror, target)
    assert target.read_bytes() == DATA


def test_redirects_without_end_are_given_up(mirror: Mirror) -> None:
    mirror.moved["file"] = "/file"
    with pytest.raises(web.Failure, match="more than 10 times"):
        web.ask(f"{mirror.url}/file", work())


def test_a_certificate_that_is_not_trusted_is_said(tmp_path: Path) -> None:
    context, _ = server_context(tmp_path)
    with (
        running_mirror({}, tls=context) as stranger,
        pytest.raises(web.Failure, match="certificate is not trusted") as caught,
    ):
        web.ask(f"{stranger.url}/file", work())
    assert "SSL_CERT_FILE" in caught.value.hint


GARBAGE = [
    "http://[", "http://[::1", "http://a:99999/", "http://", "//", "http://user:secret@127.0.0.1/", "gopher://x/",
    "http://" + "a" * 70 + ".test/", "file:///etc/passwd", "javascript:alert(1)", "http://a..b/", "\xff\xfe",
]  # fmt: skip


@pytest.mark.parametrize("to", GARBAGE)
def test_a_redirect_to_nowhere_is_a_failure(to: str) -> None:
    with answering(said(b"", f"Location: {to}", status="302 Found")) as url, pytest.raises(web.Failure) as caught:
        web.read(getter(url), work(), largest=10)
    assert caught.value.observed
    assert "secret" not in caught.value.observed


@pytest.mark.parametrize(
    "answer",
    [
        said(b"12345", "Content-Length: abc"),
        said(b"12345", "Content-Length: -5"),
        said(b"12345", "Content-Length: +5"),
        said(b"12345", "Content-Length: 5_0"),
        said(b"12345", "Content-Length: 0x5"),
        said(b"12345", "Content-Length: 5, 7"),
        said(b"12345", "Content-Length: 5", "Content-Length: 6"),
        said(b"12345", "Content-Length: 9"),
        said(b"12345", "Content-Length: 99999999999999999"),
        said(b"12345", "Content-Length: " + "9" * 10_000),
        said(b"12345", "Content-Length: 1e3"),
        said(b"12345", "Content-Encoding: gzip"),
        said(b"12345", "Content-Encoding: br, gzip"),
        said(b"12345", "Content-Length: 5", status="206 Partial Content"),
        said(b"12345", status="203 Non-Authoritative"),
        said(b"zzz\r\n12345", "Transfer-Encoding: chunked"),
        said(b"9\r\n12345", "Transfer-Encoding: chunked"),
        said(b"-5\r\n12345", "Transfer-Encoding: chunked"),
        said(b"", status="302 Found"),
        said(b"", status="304 Not Modified"),
        said(b"", status="999 \x1b]0;title\x07"),
        said(b"", *[f"X-{n}: x" for n in range(200)]),
        said(b"", "X: " + "x" * 70_000),
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x1b[2Jnot http\r\n\r\n",
        b"\x00" * 1000,
        b"",
    ],
    ids=count(),
)
def test_an_answer_that_makes_no_sense_is_a_failure(answer: bytes, target: Path) -> None:
    with answering(answer) as url:
        with pytest.raises(web.Failure) as caught:
            web.read(getter(url), work(), largest=1000)
        with pytest.raises(web.Failure):
            download(getter(url), target, "0" * 64, work(), largest=1000)
    assert caught.value.observed.isprintable()
    assert len(caught.value.observed) < 600
    assert not caught.value.absent
    assert not target.exists()


def test_lengths_are_optional_and_may_be_said_twice() -> None:
    for headers in ([], ["Content-Length: 5", "Content-Length: 5"], ["Content-Encoding: identity"]):
        with answering(said(b"12345", *headers)) as url:
            assert web.read(getter(url), work(), largest=5) == b"12345"


def test_a_server_without_end_is_left_at_the_limit() -> None:
    with answering(said(b"x" * 5_000_000)) as url, pytest.raises(web.Failure, match="larger than 1000 bytes"):
        web.read(getter(url), work(), largest=1000)


def test_words_of_a_server_do_not_reach_the_terminal_as_they_are(
    redirected: Callable[[str], tuple[str, list[str | None]]],
) -> None:
    url, _ = redirected("https2://x/\x1b]0;title\x07\x1b[31m")
    with pytest.raises(web.Failure) as caught:
        web.ask(url, work())
    assert "\x1b" not in caught.value.observed


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.test/x", "/etc/passwd"])
def test_only_the_web_is_asked(url: str) -> None:
    with pytest.raises(web.Failure, match="no http or https address"):
        web.ask(url, work())


def test_nobody_there_may_pass() -> None:
    def refused(_headers: web.Headers) -> HTTPResponse:
        return web.ask("http://127.0.0.1:9/", work())

    with pytest.raises(web.Failure, match="refused") as caught:
        web.read(refused, work(), largest=10)
    assert caught.value.passing
    assert caught.value.status == 0
