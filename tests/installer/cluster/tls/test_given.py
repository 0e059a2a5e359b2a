"""Certificates of the user's: each kind of damage is refused with its own words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from installer.cluster.tls.given import check_authority, check_server, read_pair
from installer.common.errors import ExitCode, InstallerError
from tests.doubles.certificates import HOST, NOW, Made, make, pem

ROOT = make("Example Root", ca=True)
MIDDLE = make("Example Issuing", ROOT, ca=True)
SERVER = make(HOST, MIDDLE)
NAMESAKE = make("Example Issuing", ROOT, ca=True)
"""Of the same name as MIDDLE, with another key."""


def server(made: Made, directory: Path) -> None:
    certificate, key = made.write(directory)
    check_server(read_pair(certificate, key), HOST, "given.crt", NOW)


def authority(made: Made, directory: Path) -> None:
    certificate, key = made.write(directory)
    check_authority(read_pair(certificate, key), "given.crt", NOW)


@pytest.mark.parametrize(
    "made", [SERVER, make(issuer=MIDDLE, names=("*.example.test",)), make(), make(names=("DEMO.example.test", "x.y"))]
)
def test_a_good_certificate_is_taken(made: Made, tmp_path: Path) -> None:
    server(made, tmp_path)


@pytest.mark.parametrize("made", [ROOT, MIDDLE])
def test_a_good_authority_is_taken(made: Made, tmp_path: Path) -> None:
    authority(made, tmp_path)


WRONG: list[tuple[str, Callable[[], Made], str]] = [
    ("another name", lambda: make(names=("www.example.test", "example.test")), "www.example.test, example.test, not"),
    ("a wildcard above", lambda: make(names=("*.test",)), r"it is for \*\.test, not for demo"),
    ("no name", lambda: make(names=()), "it is for no name, not for"),
    ("expired", lambda: make(begins=timedelta(days=-90), ends=timedelta(days=-1)), "demo.example.test expired on"),
    ("too early", lambda: make(begins=timedelta(days=2)), "is not valid before"),
    ("ends soon", lambda: make(ends=timedelta(days=3)), "within 7 days"),
    ("an issuer expired", lambda: make(issuer=make("Old CA", ca=True, begins=timedelta(-9), ends=timedelta(-1))),
     "certificate of Old CA expired"),
    ("for clients", lambda: make(usage=ExtendedKeyUsageOID.CLIENT_AUTH), "serverAuth"),
    ("an authority", lambda: ROOT, "is an authority's, not a server's"),
    ("a weak key", lambda: make(key=rsa.generate_private_key(65537, 1024)), "1024 bits"),
    ("issuers in the wrong order", lambda: Made(SERVER.certificate, SERVER.key, (ROOT.certificate, MIDDLE.certificate)),
     "after demo.example.test comes Example Root, which did not issue it"),
    ("an issuer's namesake", lambda: Made(SERVER.certificate, SERVER.key, (NAMESAKE.certificate,)),
     "Example Issuing did not sign the certificate of demo"),
]  # fmt: skip


@pytest.mark.parametrize(("make_it", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_certificate_that_servers_cannot_show_is_refused(
    make_it: Callable[[], Made], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InstallerError, match=words) as caught:
        server(make_it(), tmp_path)
    assert caught.value.exit_code is ExitCode.PREFLIGHT
    assert caught.value.hint


@pytest.mark.parametrize(
    ("made", "words"),
    [(SERVER, "isn't a CA's"), (make("Silent CA", ca=True, signs=False), "keyCertSign")],
    ids=["a server", "may not sign"],
)
def test_an_authority_that_cannot_sign_is_refused(made: Made, words: str, tmp_path: Path) -> None:
    with pytest.raises(InstallerError, match=words):
        authority(made, tmp_path)


FILES: list[tuple[str, str | None, str | None, str]] = [
    ("no file", None, SERVER.key_text(), "given.crt: it cannot be read: No such file"),
    ("no certificate", "hello\n", SERVER.key_text(), "it has no certificate in PEM"),
    ("a damaged certificate", SERVER.chain().replace("M", "N", 5), SERVER.key_text(), "is damaged"),
    ("no key", SERVER.chain(), SERVER.chain(), "it has no private key in PEM"),
    ("another key", SERVER.chain(), MIDDLE.key_text(), "it is not the key of the first certificate"),
    ("a passphrase", SERVER.chain(), SERVER.key_text(b"secret"), "has a passphrase"),
    ("a damaged key", SERVER.chain(), SERVER.key_text()[:90] + "\n-----END PRIVATE KEY-----\n", "damaged or"),
    ("a kind of key", SERVER.chain(), Made(SERVER.certificate, dsa.generate_private_key(1024)).key_text(),
     "servers can't use its kind"),
    ("a large file", SERVER.chain() + " " * (1 << 20), SERVER.key_text(), "larger than 1 MiB"),
    ("the root first", pem(ROOT.certificate, SERVER.certificate), SERVER.key_text(), "not the key of the first"),
]  # fmt: skip


@pytest.mark.parametrize(("chain", "key", "words"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_files_that_hold_no_such_pair_are_refused(
    chain: str | None, key: str | None, words: str, tmp_path: Path
) -> None:
    places = tmp_path / "given.crt", tmp_path / "given.key"
    for place, text in zip(places, (chain, key), strict=True):
        if text is not None:
            place.write_text(text)
    with pytest.raises(InstallerError, match=words) as caught:
        read_pair(*map(str, places))
    assert "PRIVATE KEY-----\nM" not in str(caught.value.observed)
