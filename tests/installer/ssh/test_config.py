"""What the plan and ~/.ssh/config say of a machine together, as the real OpenSSH client reads them."""

from __future__ import annotations

import pwd
import stat
import subprocess
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh import config
from installer.ssh.host_keys import pinned_keys
from installer.ssh.host_keys.verify import jump_name

pytestmark = pytest.mark.needs("ssh")
DEFAULTS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    return tmp_path


def _configure(home: Path, text: str) -> None:
    (home / ".ssh" / "config").write_text(text)


def test_without_any_configuration_the_plans_ssh_holds(home: Path) -> None:
    found = config.endpoint(Host(address="10.0.0.11"), SSH(user="admin", port=2222))
    assert (found.address, found.port, found.user, found.jump) == ("10.0.0.11", 2222, "admin", None)
    assert found.host_key is None
    assert found.openssh is not None
    assert (found.openssh.name, found.openssh.new_keys, found.openssh.check_address) == ("10.0.0.11", "ask", False)
    assert found.credentials is not None
    assert home / ".ssh" / "id_ed25519" in found.credentials.keys
    assert found.credentials.agent == "/run/agent"
    assert not found.credentials.only


def test_the_users_configuration_comes_before_the_plans_ssh(home: Path) -> None:
    _configure(home, "Host web\n HostName 10.0.0.12\n User deploy\n Port 22\n IdentityFile ~/.ssh/%h-%r\n")
    found = config.endpoint(Host(address="web"), SSH(user="admin", port=2222, key="~/plan key"))
    assert (found.address, found.port, found.user) == ("10.0.0.12", 22, "deploy")
    assert found.credentials is not None
    assert found.credentials.keys == (home / ".ssh" / "10.0.0.12-deploy", home / "plan key")


def test_what_the_plan_says_of_the_machine_comes_before_all(home: Path) -> None:
    _configure(home, "Host 10.*\n User deploy\n Port 2222\n IdentityFile ~/.ssh/theirs\n ProxyJump theirs\n")
    host = Host(address="10.0.0.11", user="ops", port=2022, key="~/.ssh/mine", jump="mine")
    found = config.endpoint(host, SSH())
    assert (found.user, found.port) == ("ops", 2022)
    assert found.credentials is not None
    assert found.credentials.keys[0] == home / ".ssh" / "mine"
    assert found.credentials.only
    assert found.jump is not None
    assert found.jump.address == "mine"


@pytest.mark.parametrize(
    ("setting", "agent"),
    [
        ("", "/run/agent"),
        ("IdentityAgent none", None),
        ("IdentityAgent SSH_AUTH_SOCK", "/run/agent"),
        ("IdentityAgent $OTHER", "/run/other"),
        ("IdentityAgent $UNSET", None),
        ("IdentityAgent /run/mine", "/run/mine"),
    ],
)
def test_the_agent_is_the_one_that_is_configured(
    home: Path, monkeypatch: pytest.MonkeyPatch, setting: str, agent: str | None
) -> None:
    monkeypatch.setenv("OTHER", "/run/other")
    _configure(home, setting)
    found = config.endpoint(Host(address="10.0.0.11"), SSH())
    assert found.credentials is not None
    assert found.credentials.agent == agent


def test_every_option_about_keys_and_host_keys_is_taken_over(home: Path) -> None:
    _configure(
        home,
        "Include more\nHost web\n CertificateFile ~/.ssh/%r-cert.pub\n IdentitiesOnly yes\n"
        " StrictHostKeyChecking accept-new\n CheckHostIP yes\n HostKeyAlgorithms ssh-ed25519\n",
    )
    (home / ".ssh" / "more").write_text("Match host web exec true\n User matched\n")
    included = home / ".ssh" / "config"
    included.write_text(included.read_text().replace("Include more", f"Include {home}/.ssh/more"))
    found = config.endpoint(Host(address="web"), SSH())
    assert found.user == "matched"
    assert found.openssh is not None
    assert found.openssh.algorithms == ("ssh-ed25519",)
    assert (found.openssh.new_keys, found.openssh.check_address) == ("accept", True)
    assert found.credentials is not None
    assert found.credentials.certificates == (home / ".ssh" / "matched-cert.pub",)
    assert found.credentials.only


@pytest.mark.parametrize(
    ("setting", "new_keys"),
    [("yes", "refuse"), ("ask", "ask"), ("accept-new", "accept"), ("no", "accept"), ("off", "accept")],
)
def test_what_becomes_of_new_keys_is_as_configured(home: Path, setting: str, new_keys: str) -> None:
    _configure(home, f"StrictHostKeyChecking {setting}\n")
    found = config.endpoint(Host(address="10.0.0.11"), SSH())
    assert found.openssh is not None
    assert found.openssh.new_keys == new_keys


@pytest.mark.parametrize(
    "configuration",
    [
        "RevokedHostKeys /k/%C\n",
        "RevokedHostKeys /k/%j\n",
        "KnownHostsCommand /k %C\n",
        'Match exec "test %h = bastion"\nMatch host 10.* exec "test -e {home}/once || ! touch {home}/once"\n'
        " UserKnownHostsFile /k/other\n",
    ],
)
def test_a_file_that_depends_on_the_way_there_is_no_guess(home: Path, configuration: str) -> None:
    _configure(home, configuration.format(home=home))
    with pytest.raises(InstallerError, match="depends on the jump host") as caught:
        config.endpoint(Host(address="10.0.0.11", jump="bastion"), SSH())
    assert "~/.ssh/config" in caught.value.hint


def test_names_of_files_need_not_be_text(home: Path) -> None:
    (home / ".ssh" / "config").write_bytes(b'IdentityFile ~/.ssh/cl\351\nCertificateFile "/keys/\377 x"\n')
    found = config.endpoint(Host(address="10.0.0.11"), SSH())
    assert found.credentials is not None
    assert bytes(found.credentials.keys[0]) == bytes(home) + b"/.ssh/cl\351"
    assert bytes(found.credentials.certificates[0]) == b"/keys/\377 x"


def test_a_chain_of_jump_hosts_is_followed_to_its_end(home: Path) -> None:
    _configure(
        home, "Host inner\n HostName 10.1.0.1\n User in\n ProxyJump ignored\nHost outer\n Port 2200\n User out\n"
    )
    ssh = SSH(user="craton", port=2022, key="~/plan", jump="outer,[10.0.0.1]:22,me@inner:2222")
    found = config.endpoint(Host(address="10.2.0.1"), ssh)
    chain = []
    hop = found.jump
    while hop is not None:
        chain.append((hop.user, hop.address, hop.port))
        assert hop.credentials is not None
        assert hop.credentials.keys == (*(home / ".ssh" / name for name in DEFAULTS), home / "plan")
        assert not hop.credentials.only
        hop = hop.jump
    assert [place[1:] for place in chain] == [("10.1.0.1", 2222), ("10.0.0.1", 22), ("outer", 2200)]
    assert (chain[0][0], chain[2][0]) == ("me", "out")
    assert "craton" not in {user for user, *_ in chain}


def test_a_jump_host_has_its_own_jump_host(home: Path) -> None:
    _configure(home, "Host inner\n ProxyJump outer\nHost 10.*\n ProxyJump inner\n")
    found = config.endpoint(Host(address="10.2.0.1"), SSH())
    assert found.jump is not None
    assert found.jump.jump is not None
    assert (found.jump.address, found.jump.jump.address, found.jump.jump.jump) == ("inner", "outer", None)


@pytest.mark.parametrize(
    ("configuration", "observed"),
    [
        ("Host 10.* there\n ProxyJump back\nHost back\n ProxyJump there\n", "the jump hosts go in circles"),
        ("Host *\n ProxyCommand nc %h %p\n", "ProxyCommand is set for 10.0.0.11"),
        ("Host *\n Colour blue\n", "Bad configuration option: colour"),
    ],
)
def test_what_cannot_be_followed_is_an_error_with_a_next_action(home: Path, configuration: str, observed: str) -> None:
    _configure(home, configuration)
    with pytest.raises(InstallerError, match=observed) as caught:
        config.endpoint(Host(address="10.0.0.11"), SSH())
    assert caught.value.hint


def test_a_user_without_an_account_is_told_that_openssh_needs_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(user: int) -> pwd.struct_passwd:
        raise KeyError(user)

    _configure(home, "Host *\n Colour blue\n")  # whatever makes ssh refuse, as it does without an account
    with pytest.raises(InstallerError) as caught:
        config.endpoint(Host(address="10.0.0.11"), SSH())
    assert "config" in caught.value.hint
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(InstallerError) as caught:
        config.endpoint(Host(address="10.0.0.11"), SSH())
    assert "/etc/passwd" in caught.value.hint


def test_a_missing_ssh_is_an_error_that_names_the_package(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(InstallerError, match="there is no `ssh`") as caught:
        config.endpoint(Host(address="10.0.0.11"), SSH())
    assert "openssh-client" in caught.value.hint


@pytest.mark.parametrize("key", ["/keys/my key, 'new' \"one\" \\ #1", "é", "a=b", "$(id)", "-l root"])
def test_a_path_is_one_word_whatever_it_holds(home: Path, key: str) -> None:
    for host, ssh in ((Host(address="web", key=key), SSH()), (Host(address="web"), SSH(key=key))):
        found = config.endpoint(host, ssh)
        assert found.credentials is not None
        assert found.credentials.keys == (Path(key),)


def _says(argv: list[str]) -> dict[str, str]:
    """What OpenSSH makes of a command line; of options that stand more than once, the first."""
    said = subprocess.run([argv[0], "-T", "-G", *argv[1:]], capture_output=True, text=True, check=True).stdout
    return {name: value for name, _, value in (line.partition(" ") for line in reversed(said.splitlines()))}


def test_the_command_line_reaches_a_machine_as_craton_does(home: Path) -> None:
    _configure(home, "Host inner\n HostName 10.1.0.1\nHost web\n HostName 10.0.0.12\n User deploy\n")
    directory = ClusterDirectory(home / "clusters" / "demo")
    ssh = SSH(port=2022, key="~/.ssh/plan", jump="me@inner:2222")
    host = Host(address="web")
    found = config.endpoint(host, ssh)
    assert found.jump is not None
    unpinned = _says(config.command(host, ssh, "demo-worker-1", directory))
    assert (unpinned["hostname"], unpinned["user"], unpinned["port"]) == (found.address, found.user, str(found.port))
    assert (unpinned["identityfile"], unpinned["identitiesonly"]) == ("~/.ssh/plan", "yes")
    assert unpinned["proxyjump"] == "me@inner:2222"
    assert "hostkeyalias" not in unpinned
    pinned_keys.pin(directory, "demo-worker-1", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==")
    pinned_keys.pin(directory, jump_name(found.jump), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==")
    argv = config.command(host, ssh, "demo-worker-1", directory)
    assert argv[-1] == "web"
    pinned = _says(argv)
    assert pinned["hostkeyalias"] == "demo-worker-1"
    assert pinned["stricthostkeychecking"] == "true"
    assert pinned["userknownhostsfile"] == str(directory.known_hosts)
    configuration = Path(argv[argv.index("-F") + 1])
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    jump = _says(["ssh", "-F", str(configuration), "-l", "me", "-p", "2222", "inner"])
    assert jump["hostkeyalias"] == "jump:[10.1.0.1]:2222"
    assert jump["userknownhostsfile"] == str(directory.known_hosts)
