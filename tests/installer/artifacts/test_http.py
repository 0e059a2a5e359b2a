"""Files from HTTP servers arrive whole and with the sum that was expected, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request

import pytest

from installer.artifacts import http as web
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError
from tests.doubles.mirror import Mirror, running_mirror
from tests.patience import PATIENCE

DATA = bytes(range(256)) * 4000
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_PAUSE", 0.01)
    monkeypatch.setattr(web, "_LONGEST", 0.05)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


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
    return lambda headers: web.ask(url, headers)


def fetch(mirror: Mirror, target: Path, sha256: str = SUM, largest: int = len(DATA)) -> None:
    web.download(getter(f"{mirror.url}/file"), target, sha256, work(), largest=largest)


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
    with pytest.raises(web.Failure, match="more than 1000 bytes"):
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
    assert "free space" in caught.value.hint
    assert caught.value.exit_code is ExitCode.PREFLIGHT


def test_a_stop_keeps_what_came(mirror: Mirror, target: Path) -> None:
    wanted = work()
    wanted.received = lambda _count: wanted.stop.set()
    with pytest.raises(web.Stopped):
        web.download(getter(f"{mirror.url}/file"), target, SUM, wanted, largest=len(DATA))
    assert 0 < target.with_name("file.part").stat().st_size < len(DATA)


def test_nothing_is_waited_for_beyond_the_deadline(mirror: Mirror, target: Path) -> None:
    mirror.faults["file"] = [503] * 20
    with pytest.raises(web.Failure):
        web.download(getter(f"{mirror.url}/file"), target, SUM, web.Work(Deadline(0.0)), largest=len(DATA))
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
    servers: list[ThreadingHTTPServer] = []

    def start(to: str) -> tuple[str, list[str | None]]:
        seen: list[str | None] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Redirect,), {"to": to, "seen": seen}))
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_token_stays_with_the_host_that_it_is_for(
    redirected: Callable[[str], tuple[str, list[str | None]]], mirror: Mirror
) -> None:
    second, elsewhere = redirected(f"{mirror.url}/file")
    first, there = redirected(second)
    with web.ask(first, {}, "secret") as answer:
        assert answer.read() == DATA
    assert there == ["Bearer secret"]
    assert elsewhere == [None]


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/file", "file:///etc/passwd"])
def test_redirects_lead_to_the_web_alone(redirected: Callable[[str], tuple[str, list[str | None]]], to: str) -> None:
    url, _ = redirected(to)
    with pytest.raises(web.Failure):
        web.ask(url)


def test_no_redirect_leads_from_https_to_http() -> None:
    request = Request("https://registry.test/v2/")
    with pytest.raises(web.Failure, match="anybody on the way could change"):
        web._Redirects().redirect_request(request, None, 302, "", None, "http://other.test/")  # type: ignore[arg-type]


def test_words_of_a_server_do_not_reach_the_terminal_as_they_are(
    redirected: Callable[[str], tuple[str, list[str | None]]],
) -> None:
    url, _ = redirected("https2://x/\x1b]0;title\x07\x1b[31m")
    with pytest.raises(web.Failure) as caught:
        web.ask(url)
    assert "\x1b" not in caught.value.observed


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.test/x", "/etc/passwd"])
def test_only_the_web_is_asked(url: str) -> None:
    with pytest.raises(web.Failure, match="no http or https address"):
        web.ask(url)


def test_nobody_there_may_pass() -> None:
    def refused(_headers: web.Headers) -> HTTPResponse:
        return web.ask("http://127.0.0.1:9/")

    with pytest.raises(web.Failure, match="refused") as caught:
        web.read(refused, work(), largest=10)
    assert caught.value.passing
    assert caught.value.status == 0
