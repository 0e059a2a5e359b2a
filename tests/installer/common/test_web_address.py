"""Addresses of HTTP servers, and where they may lead."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common.web_address import followed, parse, port
from tests.strategies import repeatable


@pytest.mark.parametrize(
    ("url", "number"),
    [("http://a.test/x", 80), ("https://a.test", 443), ("https://[fd00::1]:8443/x?y", 8443), ("http://10.0.0.1:1/", 1)],
)
def test_addresses_of_the_web_are_read(url: str, number: int) -> None:
    assert port(parse(url)) == number


@pytest.mark.parametrize(
    "url",
    [
        "", "http://", "http://[", "http://[::1", "http://[x]/", "http://]", "http:///x", "http://:80/", "http://a:0/",
        "http://a:b/", "http://a:99999/", "http://a:-1/", "http://a..b/", "http://" + "a" * 64 + ".test/", "ftp://a/",
        "file:///etc/passwd", "/etc/passwd", "//a/b", "javascript:x", "http://ü.test/", "http://a b/", "http://a/\n",
        "http://a/\x00", "http://user@a.test/", "https://user:secret@a.test/", "https://a%2Etest/",
        "https://[fd00::1](x/", "https://[fd00::1]x/", "https://(a)/",
        "https://me%40a.test/", "https://a.t%C3%A9st/", "https://[fe80::1%25eth%FF]/",
    ],
)  # fmt: skip
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(no http or https address|an address with a user in it)$"):
        parse(url)


@pytest.mark.parametrize(
    ("url", "reference", "target"),
    [
        ("https://a.test/x/y", "https://b.test/z", "https://b.test/z"),
        ("https://a.test/x/y", "z", "https://a.test/x/z"),
        ("https://a.test/x/y", "/z?q=1", "https://a.test/z?q=1"),
        ("https://a.test/x/y", "//b.test/z", "https://b.test/z"),
        ("http://a.test/x", "http://b.test/", "http://b.test/"),
        ("http://a.test/x", "https://b.test/", "https://b.test/"),
        ("https://a.test/x", " /with blank\xfc", "https://a.test/with%20blank%FC"),
    ],
)
def test_where_an_address_leads(url: str, reference: str, target: str) -> None:
    assert followed(url, reference) == target


@pytest.mark.parametrize("reference", ["http://a.test/x", "HTTP://b.test/"])
def test_nothing_leads_from_https_to_http(reference: str) -> None:
    with pytest.raises(ValueError, match="anybody on the way could change"):
        followed("https://a.test/x", reference)


@pytest.mark.parametrize(
    "reference", ["file:///etc/passwd", "ftp://a.test/", "http://[", "https://me:pw@b.test/", "data:,x"]
)
def test_nothing_leads_out_of_the_web(reference: str) -> None:
    with pytest.raises(ValueError, match="address"):
        followed("https://a.test/x", reference)


@repeatable
@given(st.text(st.characters(max_codepoint=0x2FF), max_size=60))
def test_whatever_a_server_says_is_an_address_or_refused(reference: str) -> None:
    for url in ("https://a.test/x", "http://a.test/x"):
        try:
            target = followed(url, reference)
        except ValueError:
            continue
        assert parse(target).scheme in ("https", urlsplit(url).scheme)
