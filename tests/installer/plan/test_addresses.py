"""Addresses, networks and account names of plans: which are taken, in which spelling, and why others are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from installer.plan import validation
from installer.plan.host import Host
from installer.plan.inventory import parse
from installer.plan.model import InstallPlan
from installer.plan.sections import SSH
from installer.plan.validation import validate
from installer.ssh import config

OWN = {"name": "demo", "subdomain": "example.test", "platform": "machines", "masters": 1, "workers": 1}


def mistake(field: str, value: object) -> str:
    found = validation.field_mistake(field, value)
    return found.text if found else ""


@pytest.mark.parametrize("field", ["networks.machines", "networks.pods", "networks.services"])
@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("127.0.0.0/8", "127.0.0.0/8 is loopback"),
        ("127.64.0.0/12", "127.0.0.0/8 is loopback"),
        ("126.0.0.0/7", "127.0.0.0/8 is loopback"),
        ("169.254.0.0/16", "169.254.0.0/16 is link-local"),
        ("169.254.128.0/20", "169.254.0.0/16 is link-local"),
        ("224.0.0.0/12", "224.0.0.0/4 is multicast"),
        ("239.16.0.0/12", "224.0.0.0/4 is multicast"),
        ("240.0.0.0/12", "240.0.0.0/4 is reserved"),
        ("255.255.255.255/32", "240.0.0.0/4 is reserved"),
        ("0.0.0.0/8", "0.0.0.0/8 has no hosts"),
        ("0.0.0.0/0", "0.0.0.0/8 has no hosts"),
        ("0.16.0.0/12", "0.0.0.0/8 has no hosts"),
        ("10.0.0.0/16", ""),
        ("100.64.0.0/16", ""),
        ("172.16.0.0/12", ""),
        ("192.168.0.0/16", ""),
        ("198.18.0.0/16", ""),
        ("203.0.112.0/22", ""),
        ("11.0.0.0/12", ""),
    ],
)
def test_networks_that_nothing_of_a_cluster_can_be_in_are_refused(field: str, network: str, reason: str) -> None:
    said = mistake(field, network)
    assert reason in said
    assert bool(said) is bool(reason)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("0.0.0.0/0", ""),
        ("127.0.0.0/8", ""),
        ("127.0.0.1/32", ""),
        ("10.0.0.0/8", ""),
        ("169.254.0.0/16", ""),
        ("0.0.0.0/8", "0.0.0.0/8 has no hosts"),
        ("0.0.0.0/32", "0.0.0.0/8 has no hosts"),
        ("224.0.0.0/4", "224.0.0.0/4 is multicast"),
        ("255.255.255.255/32", "240.0.0.0/4 is reserved"),
    ],
)
def test_people_may_be_wherever_a_computer_can_be(network: str, reason: str) -> None:
    said = mistake("networks.user", network)
    assert reason in said
    assert bool(said) is bool(reason)


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("10.0.0.11", "10.0.0.11"),
        ("::ffff:10.0.0.11", "10.0.0.11"),
        ("::FFFF:0a00:000b", "10.0.0.11"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:0db8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("FE80::1%enp3s0.100", "fe80::1%enp3s0.100"),
        ("fd00::1", "fd00::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("169.254.7.7", "169.254.7.7"),
        ("node-1.example.com", "node-1.example.com"),
    ],
)
def test_an_address_is_taken_in_any_spelling(address: str, taken: str) -> None:
    assert Host(address=address).address == taken
    [host] = parse(f"ada@[{address}]:2222" if ":" in address else f"ada@{address}:2222").hosts
    assert (host.address, host.port, host.user) == (taken, 2222, "ada")
    assert parse(address).hosts == (Host(address=taken),)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("fe80::1", "fe80::1 is link-local: add this computer's interface, such as fe80::1%eth0"),
        ("2001:db8::1%eth0", "only a link-local address has an interface"),
        ("fe80::1%eth0;id", "only a link-local address has an interface"),
        ("::", "no address of a machine"),
        ("ff02::1", "is multicast"),
        ("ff02::1%eth0", "is multicast"),
        ("::ffff:0.0.0.0", "0.0.0.0/8 has no hosts"),
        ("::ffff:224.0.0.1", "224.0.0.0/4 is multicast"),
        ("0.0.0.0", "0.0.0.0/8 has no hosts"),
        ("0.1.2.3", "0.0.0.0/8 has no hosts"),
        ("224.0.0.251", "224.0.0.0/4 is multicast"),
        ("240.0.0.1", "240.0.0.0/4 is reserved"),
        ("255.255.255.255", "240.0.0.0/4 is reserved"),
        ("10.0.0.011", "must be an IP address"),
        ("fe80:::1", "must be an IP address"),
    ],
)
def test_an_address_without_a_machine_is_refused_for_the_right_reason(address: str, reason: str) -> None:
    [error] = parse(address).errors
    assert reason in error


@pytest.mark.parametrize(
    ("internal", "reason"),
    [
        ("127.0.0.1", "127.0.0.0/8 is loopback"),
        ("169.254.1.1", "169.254.0.0/16 is link-local"),
        ("224.0.0.1", "224.0.0.0/4 is multicast"),
        ("0.0.0.0", "0.0.0.0/8 has no hosts"),
        ("255.255.255.255", "240.0.0.0/4 is reserved"),
        ("::ffff:127.0.0.1", "127.0.0.0/8 is loopback"),
        ("2001:db8::1", "the IPv4 address"),
        ("fe80::1%eth0", "the IPv4 address"),
    ],
)
def test_an_internal_address_is_one_that_other_machines_reach(internal: str, reason: str) -> None:
    assert reason in parse(f"web internal={internal}").errors[0]
    [host] = parse("web internal=::ffff:10.0.0.4").hosts
    assert str(host.internal) == "10.0.0.4"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "169.254.7.7"])
def test_an_address_that_only_this_computer_reaches_needs_another_for_the_cluster(address: str) -> None:
    def found(**first: str) -> InstallPlan | tuple[validation.Mistake, ...]:
        inventory = [{"address": address, **first}, {"address": "10.0.0.12"}, {"address": "10.0.0.13"}]
        return validate({**OWN, "machines": {"inventory": inventory}})

    refused = found()
    assert isinstance(refused, tuple)
    assert refused[0].field == ("machines", "inventory", 0, "internal")
    assert address in refused[0].text
    assert "Add internal=ADDRESS" in refused[0].text
    assert isinstance(found(internal="10.0.0.11"), InstallPlan)


ACCOUNTS = [
    "admin", "root", "first.last", "Administrator", "user@realm", "user@corp.example.com", r"DOMAIN\user", "DOM+user",
    r"DOMAIN\first.last", "j.doe-42", "_svc", "müller", "0day", "x" * 255,
]  # fmt: skip
NO_ACCOUNTS = [
    "", " ", "a b", "-oProxyCommand=x", "a;id", "a'b", 'a"b', "a$b", "`id`", "a%h", "a/b", "a:b", "a,b", "a#b",
    "@realm",
    "user@", "DOMAIN\\", r"DOMAIN\\user", "a\nb", "a\x1b[2J", "~", "*", "x" * 256, "a\u200bb",
]  # fmt: skip


@pytest.mark.parametrize("account", ACCOUNTS)
def test_accounts_of_directory_services_are_taken(account: str) -> None:
    plan = validate(
        {**OWN, "ssh": {"user": account}, "machines": {"inventory": [{"address": f"10.0.0.{n}"} for n in (1, 2, 3)]}}
    )
    assert isinstance(plan, InstallPlan), plan
    [host] = parse(f"{account}@web:22 internal=10.0.0.4").hosts
    assert (host.user, host.address, host.port) == (account, "web", 22)
    assert parse(f"web user={account}").hosts[0].user == account


@pytest.mark.parametrize("account", NO_ACCOUNTS)
def test_what_no_account_is_called_is_refused(account: str) -> None:
    assert "Enter an account name, such as admin, first.last, user@realm or DOMAIN" in mistake("ssh.user", account)


@pytest.mark.parametrize("account", [name for name in ACCOUNTS if len(name) < 255])
def test_openssh_logs_in_with_the_account_that_the_plan_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for host, ssh in ((Host(address="web", user=account), SSH()), (Host(address="web"), SSH(user=account))):
        assert config.endpoint(host, ssh).user == account
    if "\\" not in account and account.isascii():
        jump = config.endpoint(Host(address="web", jump=f"{account}@bastion:2222"), SSH()).jump
        assert jump is not None
        assert (jump.user, jump.address, jump.port) == (account, "bastion", 2222)


@pytest.mark.parametrize("platform", ["local", "rehearsal"])
def test_an_account_that_craton_makes_is_one_that_linux_takes(platform: str) -> None:
    found = validate({"name": "demo", "subdomain": "example.test", "platform": platform, "ssh": {"user": "first.last"}})
    assert isinstance(found, tuple)
    assert found[0].field == ("ssh", "user")
    assert "Craton creates this account" in found[0].text
    with_linux = validate({"name": "demo", "subdomain": "example.test", "platform": platform, "ssh": {"user": "ada"}})
    assert isinstance(with_linux, InstallPlan)


BOM = "\ufeff"


@pytest.mark.parametrize(
    "text", [f"{BOM}10.0.0.11", f"10.0.0.11{BOM}", f"{BOM}{BOM} 10.0.0.11\r\n", "\u200b10.0.0.11\u2060"]
)
def test_marks_that_nobody_sees_are_pasted_along(tmp_path: Path, text: str) -> None:
    inventory = parse(text)
    assert inventory.errors == ()
    assert inventory.hosts == (Host(address="10.0.0.11"),)
    [entry] = inventory.entries
    assert text[entry.start : entry.end] == "10.0.0.11"
    (tmp_path / "hosts").write_text(text)
    assert parse(f"@{tmp_path}/hosts").hosts == (Host(address="10.0.0.11"),)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_is_read_in_the_encodings_that_editors_write(tmp_path: Path, encoding: str) -> None:
    text = "# müller's\r\nfirst.last@10.0.0.11\r\n10.0.0.12\r\n"
    mark = BOM if encoding.endswith(("-le", "-be")) else ""
    (tmp_path / "hosts").write_bytes(f"{mark}{text}".encode(encoding))
    assert [host.address for host in parse(f"@{tmp_path}/hosts").hosts] == ["10.0.0.11", "10.0.0.12"]


def test_ssh_reads_an_address_with_an_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = config.endpoint(Host(address="fe80::1%eth0", port=2222), SSH(user="ada"))
    assert (found.address, found.port, found.user) == ("fe80::1%eth0", 2222, "ada")
    assert subprocess.run(["ssh", "-G", "--", "fe80::1%eth0"], capture_output=True, check=True)
