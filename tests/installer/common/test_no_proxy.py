"""What an entry of no_proxy covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common.no_proxy import entries, is_entry, matching
from tests.strategies import repeatable


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("*", "anything.test", 443),
        ("example.com", "example.com", 443),
        ("example.com", "www.example.com", 443),
        (".example.com", "www.example.com", 80),
        (".example.com", "example.com", 80),
        ("*.example.com", "a.b.example.com", 80),
        ("Example.COM", "WWW.example.com.", 80),
        ("localhost", "localhost", 80),
        ("example.com:8080", "example.com", 8080),
        ("10.1.2.3", "10.1.2.3", 80),
        ("10.1.2.3:5000", "10.1.2.3", 5000),
        ("127.0.0.0/8", "127.1.2.3", 80),
        ("10.0.0.0/8", "10.255.0.1", 443),
        ("10.0.0.7/8", "10.9.9.9", 443),
        ("172.16.0.0/255.240.0.0", "172.31.0.1", 443),
        ("::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:8080", "::1", 8080),
        ("fd00::/8", "fd12:3456::1", 80),
        ("[fd00::]/8", "fd12:3456::1", 80),
        ("fd00:0:0::1", "fd00::1", 80),
        ("10.0.0.0/8", "::ffff:10.1.1.1", 80),
    ],
)
def test_an_entry_covers_a_host(entry: str, host: str, port: int) -> None:
    assert matching(host, port, ["nobody.test", entry]) == entry
    assert is_entry(entry)


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("example.com", "notexample.com", 80),
        (".example.com", "example.com.evil.test", 80),
        ("example.com:8080", "example.com", 80),
        ("10.1.2.3:5000", "10.1.2.3", 80),
        ("10.0.0.0/8", "11.0.0.1", 80),
        ("10.0.0.0/8", "ten.test", 80),
        ("0.1.2", "10.0.1.2", 80),
        ("2.3", "10.1.2.3", 80),
        ("fd00::/8", "10.0.0.1", 80),
        ("[::1]:8080", "::1", 80),
        ("10.0.0.0/99", "10.0.0.1", 80),
        ("/", "10.0.0.1", 80),
        (".", "example.com", 80),
        ("*.", "example.com", 80),
        ("", "example.com", 80),
        ("[", "::1", 80),
    ],
)
def test_an_entry_leaves_a_host_alone(entry: str, host: str, port: int) -> None:
    assert matching(host, port, [entry]) is None


def test_commas_and_blanks_separate_entries() -> None:
    assert entries(" localhost,10.0.0.0/8 ,, .svc\t*.test\n") == ("localhost", "10.0.0.0/8", ".svc", "*.test")
    assert entries("") == ()


@pytest.mark.parametrize(
    "text", ["", "/", "10.0.0.0/99", "a b", "host:", "host:0", "host:99999", "a:b", "http://x", "x/y", "ü", "[::1", "'"]
)
def test_what_can_match_nothing_is_no_entry(text: str) -> None:
    assert not is_entry(text)


@repeatable
@given(st.text(max_size=40), st.text(max_size=40), st.integers(1, 65535))
def test_no_entry_and_no_host_is_a_surprise(entry: str, host: str, port: int) -> None:
    is_entry(entry)
    matching(host, port, [entry])
