"""This computer's proxies are used, but for what no_proxy lists, and a failure says which way it was asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from installer.artifacts import http as web
from installer.artifacts.proxies import route
from installer.common import web_address
from installer.common.deadline import Deadline
from tests.doubles.mirror import Mirror, running_mirror

DEAD = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_PAUSE", 0.01)
    monkeypatch.setattr(web, "_LONGEST", 0.02)
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running_mirror({"file": b"data"}) as mirror:
        yield mirror


def read(url: str) -> bytes:
    work = web.Work(Deadline(30))
    return web.read(lambda headers: web.ask(url, work, headers), work, largest=100)


@pytest.mark.parametrize(
    "listed", ["127.0.0.0/8", "10.0.0.0/8, 127.0.0.0/8", "127.0.0.1", "127.0.0.1:PORT", "*", "::1,*"]
)
def test_what_no_proxy_lists_is_asked_directly(mirror: Mirror, monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    monkeypatch.setenv("http_proxy", DEAD)
    monkeypatch.setenv("no_proxy", listed.replace("PORT", str(mirror.port)))
    assert read(f"{mirror.url}/file") == b"data"


@pytest.mark.parametrize("listed", ["10.0.0.0/8", "127.0.0.1:1", ".example.com", "127.0.0.0/33", "0.0.1"])
def test_what_it_does_not_list_goes_through_the_proxy_and_the_failure_says_so(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setenv("http_proxy", DEAD)
    monkeypatch.setenv("no_proxy", listed)
    with pytest.raises(web.Failure) as caught:
        read(f"{mirror.url}/file")
    words = (
        f"127.0.0.1 is reached through the proxy 127.0.0.1:9 (http_proxy): no entry of no_proxy ({listed}) covers it"
    )
    assert caught.value.hints("look there") == f"look there; {words}"
    assert mirror.asked == []


def test_the_entry_that_kept_an_address_from_the_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.0/8")
    with pytest.raises(web.Failure) as caught:
        read("http://127.0.0.1:9/")
    assert caught.value.route == "127.0.0.1 is reached without a proxy: no_proxy lists 127.0.0.0/8"


def test_a_proxy_is_asked_for_the_whole_address(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", mirror.url.removeprefix("http://"))  # as many write it
    assert read("http://mirror.invalid/file") == b"data"
    assert [asked.proxied for asked in mirror.asked] == [True]


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("http://proxy.test:3128", "proxy.test:3128"),
        ("proxy.test", "proxy.test:80"),
        ("http://[fd00::1]:3128/", "[fd00::1]:3128"),
        ("https://proxy.test/", "proxy.test:443"),
    ],
)
def test_proxies_are_understood_as_people_write_them(monkeypatch: pytest.MonkeyPatch, value: str, host: str) -> None:
    monkeypatch.setenv("https_proxy", value)
    assert route(web_address.parse("https://a.test/")).host == host
    assert route(web_address.parse("http://a.test/")).host == ""


def test_a_proxys_password_is_sent_to_it_and_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:s%20cret@proxy.test:3128")
    found = route(web_address.parse("https://a.test/"))
    assert found.login == "Basic bWU6cyBjcmV0"
    assert "cret" not in repr(found)
    assert "cret" not in found.reason


@pytest.mark.parametrize("value", ["socks5://proxy.test:1080", "http://", "http://[", "http://proxy.test:port", "://"])
def test_what_is_no_http_proxy_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(web.Failure, match=r"http_proxy of this computer is .* isn't the address of an HTTP proxy"):
        read("http://a.test/")
