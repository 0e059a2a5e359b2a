"""Machines as people paste them: what is read, what is refused and where, and back to text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.plan.host import Host
from installer.plan.inventories.lines import MAX_HOSTS
from installer.plan.inventory import data, parse, replaced, show
from tests.strategies import hosts, repeatable


def _read(text: str) -> list[dict[str, Any]]:
    inventory = parse(text)
    assert inventory.errors == ()
    return [data(host) for host in inventory.hosts]


READ: list[tuple[str, list[dict[str, Any]]]] = [
    ("", []),
    (" , \n# nobody\n", []),
    ("10.0.0.11", [{"address": "10.0.0.11"}]),
    ("admin@host:2222", [{"address": "host", "user": "admin", "port": 2222}]),
    ("10.0.0.1, 10.0.0.2 10.0.0.3\n10.0.0.4", [{"address": f"10.0.0.{number}"} for number in (1, 2, 3, 4)]),
    ("10.0.0.[9-11]", [{"address": f"10.0.0.{number}"} for number in (9, 10, 11)]),
    ("node[08-10].example.com", [{"address": f"node{number}.example.com"} for number in ("08", "09", "10")]),
    ("r[1-2]n[1,3]", [{"address": name} for name in ("r1n1", "r1n3", "r2n1", "r2n3")]),
    ("[2001:db8::1]:22", [{"address": "2001:db8::1", "port": 22}]),
    ("root@2001:db8::1", [{"address": "2001:db8::1", "user": "root"}]),
    ("web role=worker internal=10.0.0.4", [{"address": "web", "role": "worker", "internal": "10.0.0.4"}]),
    (
        "web[1-2] role=worker internal=10.0.0.[4-5]",
        [{"address": f"web{n}", "role": "worker", "internal": f"10.0.0.{n + 3}"} for n in (1, 2)],
    ),
    ("a jump=ops@b:22,c, d", [{"address": "a", "jump": "ops@b:22,c"}, {"address": "d"}]),
    ("a key=~/.ssh/id user=ada port=7", [{"address": "a", "key": "~/.ssh/id", "user": "ada", "port": 7}]),
    ("a key='my keys/#1', b", [{"address": "a", "key": "my keys/#1"}, {"address": "b"}]),
    ('"10.0.0.1", "10.0.0.2"', [{"address": "10.0.0.1"}, {"address": "10.0.0.2"}]),
    ("a # role=master\r\nb\r\n", [{"address": "a"}, {"address": "b"}]),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_machines_are_read_as_people_write_them(text: str, expected: list[dict[str, Any]]) -> None:
    assert _read(text) == expected


WRONG: list[tuple[str, str]] = [
    ("bad_host!", "line 1: 'bad_host!' must be an IP address, a DNS name or a Host of ~/.ssh/config"),
    ("\na role=boss", "line 2: role: Enter master, infra or worker instead of 'boss'"),
    ("10.0.0.300", "line 1: '10.0.0.300' must be an IP address"),
    ("[a:22]", "line 1: 'a:22' must be an IP address"),
    ("-oProxyCommand=x", "line 1: '-oProxyCommand=x' must be an IP address"),
    ("a:ssh", "line 1: port: Enter 1 to 65535 instead of 'ssh'"),
    ("a:70000", "line 1: port: Enter 1 to 65535 instead of 70000"),
    ("a$a@a", "line 1: user: Enter an account name"),
    ("a internal=fd00::1", "line 1: internal: Enter the IPv4 address, such as 10.0.0.11"),
    ("role=master", "line 1: role=master comes before any address"),
    ("a rack=3", "line 1: 'rack=' is not known here; known are role=, internal="),
    ("a role=infra role=master", "line 1: role is given twice"),
    ("root@a user=ada", "line 1: user is given twice"),
    ("10.0.0.[15-11]", "line 1: the range [15-11] goes down"),
    ("10.0.0.[11-", "line 1: '10.0.0.[11-' must be an IP address"),
    ("n[1-999999999999]", "stands for more than"),
    ("n[1-200][1-200]", "stands for more than"),
    ("a[1-3] internal=10.0.0.[1-2]", "line 1: internal= stands for 2 addresses, and there are 3 machines"),
    ('a key="x y', "line 1: a quote in"),
    ("@hosts.txt role=master", "line 1: a file takes no words"),
    ("@nowhere.txt", "line 1: nowhere.txt: No such file or directory"),
    ("not a host!!", "line 1: not a host!! isn't a machine: enter 10.0.0.11, admin@host:2222"),
    ("these are my machines", "line 1: these are my machines isn't a machine: enter"),
    ("10.0.0.1\n\n10.0.0.1", "line 3: 10.0.0.1 is already listed in line 1. List each machine once."),
    ("fd00::1, [fd00::1]:22", "line 1: fd00::1 is already listed in line 1"),
    ("web\nada@web:22", "line 2: web is already listed in line 1"),
    ("web, WEB", "line 1: WEB is already listed in line 1"),
    ("10.0.0.2 10.0.0.[1-3]", "line 1: 10.0.0.2 is already listed in line 1"),
    ("web internal=10.0.0.1\n10.0.0.1", "line 2: 10.0.0.1 is already listed in line 1"),
    ("10.0.0.1 web\n10.0.0.2 db web", "line 2: web is already listed in line 1"),
    ("/", "line 1: /: not a file"),
    ("/dev/zero", "line 1: /dev/zero: not a file"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_mistake_is_said_with_its_line(text: str, words: str) -> None:
    [error] = parse(text).errors
    assert words in error


def test_a_mistake_loses_none_of_the_machines_around_it() -> None:
    inventory = parse("10.0.0.1, oh! 10.0.0.2\n10.0.0.3 role=boss\n10.0.0.4")
    assert [host.address for host in inventory.hosts] == ["10.0.0.1", "10.0.0.2", "10.0.0.4"]
    assert [entry.line for entry in inventory.entries if entry.error] == [1, 2]
    assert [entry.text for entry in inventory.entries if entry.error] == ["oh!", "10.0.0.3 role=boss"]


@pytest.mark.parametrize("prefix", ["@", ""])
def test_a_file_holds_machines_in_the_same_way(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "hosts").write_text("# rack 1\n10.0.0.[1-2] role=master\r\n\nada@10.0.0.3\n")
    assert [show(one) for one in _read(f"{prefix}{tmp_path}/hosts 10.0.0.9")] == [
        "10.0.0.1 role=master",
        "10.0.0.2 role=master",
        "ada@10.0.0.3",
        "10.0.0.9",
    ]


def test_a_file_in_the_home_directory_may_be_named_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "hosts").write_text("10.0.0.1")
    assert _read("~/hosts") == [{"address": "10.0.0.1"}]


@pytest.mark.parametrize(
    ("content", "words", "machines"),
    [
        (b"10.0.0.1\noh!\n10.0.0.2 role=x", "hosts line 2: 'oh!' must be", 1),
        (b"10.0.0.1\n@other", "hosts line 2: a file within a file is not read", 1),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n", "a private key is not a list of machines", 0),
        (b"\xff\xfa", "not UTF-8 text", 0),
        (b"# " + b"x" * (1 << 20), "more than 512 KiB", 0),
    ],
)
def test_a_mistake_in_a_file_is_said_with_the_files_line(
    tmp_path: Path, content: bytes, words: str, machines: int
) -> None:
    (tmp_path / "hosts").write_bytes(content)
    inventory = parse(f"{tmp_path}/hosts")
    assert words in inventory.errors[0]
    assert "b3BlbnNz" not in inventory.errors[0]
    assert len(inventory.hosts) == machines


@repeatable
@given(st.lists(hosts(), max_size=5, unique_by=(lambda one: one.address, lambda one: one.node_address or one.address)))
def test_machines_shown_and_read_again_are_the_same_machines(some: list[Host]) -> None:
    for separator in ("\n", ", "):
        assert parse(separator.join(show(data(host)) for host in some)).hosts == tuple(some)


_PIECES = st.sampled_from(
    ["10.0.0.", "[1-3]", "[", "]", "-", "@", ":", "22", ",", " ", "\n", "#", '"', "'", "\\", "role=", "master", "jump=",
     "key=", "a", "é", "\x1b[31m", "\ud800", "=", "~", "2001:db8::1", "[" + "9" * 400 + "-1]"]
)  # fmt: skip


@repeatable
@given(st.lists(_PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_any_text_is_read_or_refused_in_words_and_every_entry_stands_where_it_says(text: str) -> None:
    inventory = parse(text)
    for entry in inventory.entries:
        assert text[entry.start : entry.end] == entry.text
        assert text[: entry.start].count("\n") == entry.line - 1
        assert entry.hosts or entry.error
    assert all(error.isprintable() for error in inventory.errors)


def test_the_longest_list_that_a_plan_takes_is_read() -> None:
    assert len(parse("10.[0-39].[0-249].1").hosts) == MAX_HOSTS


def test_one_machine_of_a_text_is_changed_and_the_rest_stays() -> None:
    text = "10.0.0.1, ada@10.0.0.2:22  # two\n\n10.0.0.[3-4] # range\noh!\n"
    host = Host(address="10.0.0.2", user="ada", port=22, role="master")
    assert replaced(text, 1, host) == text.replace("ada@10.0.0.2:22", "ada@10.0.0.2:22 role=master")
    host = Host(address="10.0.0.4", role="infra")
    assert replaced(text, 3, host) == text.replace("10.0.0.[3-4]", "10.0.0.3\n10.0.0.4 role=infra")
    assert replaced(text, 4, host) == text


def test_a_machine_beside_a_mistake_in_its_file_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("10.0.0.1\noh!")
    text = f"{tmp_path}/hosts"
    assert replaced(text, 0, Host(address="10.0.0.1", role="master")) == text
