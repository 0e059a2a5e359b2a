"""OpenSSH is asked once about hosts of which it says the same, and about each where its configuration differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh import config, config_answer
from installer.ssh.config_answers import Answers

pytestmark = pytest.mark.needs("ssh")
HOSTS = [Host(address=f"10.0.0.{number}", port=2200 + number, user=f"ops{number}") for number in range(1, 6)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names about which `ssh -G` was asked."""
    names: list[str] = []
    run = config_answer._run

    def running(name: str, *given: object) -> object:
        names.append(name)
        return run(name, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(config_answer, "_run", running)
    return names


def agree(hosts: list[Host], ssh: SSH) -> None:
    """Each host is reached as it is where OpenSSH is asked about it alone."""
    answers = Answers()
    assert [config.endpoint(host, ssh, answers) for host in hosts] == [config.endpoint(host, ssh) for host in hosts]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "User deploy\nHostKeyAlgorithms ssh-ed25519\nIdentityFile ~/.ssh/%h-%r-%p\n",
        "Host *\n Port 2222\nhost=*\n StrictHostKeyChecking yes\n",
        "Include {home}/.ssh/more\nHashKnownHosts no\n",
    ],
    ids=["none", "for all", "by a pattern for all", "in another file"],
)
def test_hosts_share_an_answer_where_nothing_is_said_of_one(home: Path, asked: list[str], text: str) -> None:
    (home / ".ssh" / "config").write_text(text.replace("{home}", str(home)))
    (home / ".ssh" / "more").write_text("IdentityFile ~/.ssh/%n\nIdentitiesOnly yes\n")
    answers = Answers()
    found = [config.endpoint(host, SSH(user="admin"), answers) for host in HOSTS]
    assert len(asked) == 2
    assert [(each.address, each.port, each.user) for each in found] == [(h.address, h.port, h.user) for h in HOSTS]
    for ssh in (SSH(), SSH(user="admin", key="~/my key", port=2022)):
        agree(HOSTS, ssh)
        agree([Host(address="10.0.0.8"), Host(address="10.0.0.9"), Host(address="web"), *HOSTS], ssh)


def test_a_name_that_is_part_of_other_words_of_the_configuration_changes_none_of_them(
    home: Path, asked: list[str]
) -> None:
    (home / ".ssh" / "config").write_text("IdentitiesOnly no\n")
    hosts = [Host(address=name) for name in ("host", "match", "e", "key", "ssh", "originalhost", "10.0.0.1")]
    ssh = SSH(user="root", key="~/host.key")
    answers = Answers()
    for host in hosts:
        config.endpoint(host, ssh, answers)
    assert len(asked) == 2
    agree(hosts, ssh)


@pytest.mark.parametrize(
    "text",
    [
        "Host 10.0.0.2\n User deploy\n",
        "Host * !10.0.0.2\n User deploy\n",
        "User deploy\nMATCH  user ops3\n Port 22\n IdentityFile ~/.ssh/three\n",
        "HostName 10.1.0.1\n",
        "HostName %h.example.test\n",
        "CanonicalizeHostname yes\nCanonicalDomains example.test\n",
        "Include {home}/.ssh/more\n",
        "UserKnownHostsFile ~/.ssh/%h\n",
        "\tInclude parts/%h\n",
    ],
)
def test_hosts_that_the_configuration_tells_apart_are_asked_about_one_by_one(
    home: Path, asked: list[str], text: str
) -> None:
    (home / ".ssh" / "config").write_text(text.replace("{home}", str(home)))
    (home / ".ssh" / "more").write_text('  "host" 10.0.0.2\n User deploy\n')
    answers = Answers()
    for host in HOSTS:
        config.endpoint(host, SSH(), answers)
    assert {host.address for host in HOSTS} <= set(asked)
    agree(HOSTS, SSH())


def test_a_refusal_is_told_without_what_openssh_says_of_its_files(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Nonsense yes\n")
    with pytest.raises(Exception, match="Bad configuration option: nonsense"):
        config.endpoint(HOSTS[0], SSH(), Answers())
