"""OpenSSH's known_hosts format, line by line."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.ssh.host_keys import known_hosts
from installer.ssh.host_keys.known_hosts import Marker

BLOB = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32).decode()
KEY = f"ssh-ed25519 {BLOB}"


@pytest.mark.parametrize(
    ("hosts", "host", "named"),
    [
        ("node", "node", True),
        ("node", "NODE", True),
        ("Node", "node", True),
        ("node", "node1", False),
        ("other,node", "node", True),
        ("[node]:2222", "[node]:2222", True),
        ("[node]:2222", "node", False),
        ("node", "[node]:2222", False),
        ("[2001:db8::1]:22", "[2001:db8::1]:22", True),
        ("*.example.com", "node.example.com", True),
        ("*.example.com", "example.com", False),
        ("10.0.0.?", "10.0.0.7", True),
        ("10.0.0.?", "10.0.0.77", False),
        ("*", "[node]:2222", True),
        ("[n]ode", "node", False),
        ("*.example.com,!bad.example.com", "bad.example.com", False),
        ("!bad.example.com,*.example.com", "bad.example.com", False),
        ("*.example.com,!bad.example.com", "good.example.com", True),
        ("!bad.example.com", "good.example.com", False),
        ("***************x", "y" * 200, False),
        ("|1|not-base64!|at-all", "node", False),
        ("|1|AAAA", "node", False),
    ],
)
def test_a_line_names_the_hosts_that_openssh_says(hosts: str, host: str, named: bool) -> None:
    line = known_hosts.parse(f"{hosts} {KEY}")
    assert line is not None
    assert line.names(host) is named


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        f"# node {KEY}",
        "node",
        "node ssh-ed25519",
        "node ssh-ed25519 not-base64!",
        f"node ssh-rsa {BLOB}",
        "node 2048 65537 1234567890",
        f"@unheard-of node {KEY}",
        f"@revoked {KEY}",
        "@cert-authority",
        "\x00\x1b[2J",
    ],
)
def test_comments_and_broken_lines_are_passed_over(text: str) -> None:
    assert known_hosts.parse(text) is None


def test_markers_comments_and_spaces_are_read(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(
        f"# mine\n\n  node\t{KEY} a comment of words\r\n@cert-authority *.lan {KEY}\n@revoked * {KEY}\n".encode()
        + b"n\xffde nonsense\n"
    )
    lines = known_hosts.read(path)
    assert [(line.marker, line.hosts, line.key) for line in lines] == [
        (Marker.KEY, "node", KEY),
        (Marker.AUTHORITY, "*.lan", KEY),
        (Marker.REVOKED, "*", KEY),
    ]
    assert [line.where for line in lines] == [f"{path} line {number}" for number in (3, 4, 5)]


@pytest.mark.needs("ssh-keygen")
def test_names_that_ssh_keygen_hashed_are_found(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"node.example.com {KEY}\n[10.0.0.7]:2222 {KEY}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", str(path)], check=True, capture_output=True)
    text = path.read_text()
    assert text.count("|1|") == 2
    assert "example" not in text
    first, second = known_hosts.read(path)
    assert first.names("node.example.com")
    assert first.names("Node.Example.COM")
    assert not first.names("node")
    assert second.names("[10.0.0.7]:2222")
    assert not second.names("10.0.0.7")


@pytest.mark.needs("ssh-keygen")
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_every_type_of_key_that_ssh_keygen_makes_is_one(tmp_path: Path, kind: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-f", str(tmp_path / "key")], check=True)
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    line = known_hosts.parse(f"node {public} comment")
    assert line is not None
    assert line.key == public


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert known_hosts.read(tmp_path / "none") == ()


def test_a_file_that_cannot_be_read_is_an_error_and_never_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(InstallerError, match="cannot be read: Is a directory") as caught:
        known_hosts.read(tmp_path)
    assert caught.value.hint


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"node {KEY}\n")
    assert len(known_hosts.read(path)) == 1
    path.write_text(f"node {KEY}\nother {KEY}\n")
    assert len(known_hosts.read(path)) == 2
