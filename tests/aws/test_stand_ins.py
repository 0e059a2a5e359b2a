"""Instances whose machines are stand-ins: what boto3 sent is what cloud-init did, behind SSH at the public address."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import paramiko
import pytest

from installer.platforms.cloud_init import make_host_key
from tests.aws.user import User
from tests.doubles.aws.account import Account
from tests.doubles.cloud.cloud_init import read
from tests.doubles.cloud.machines import Launch
from tests.doubles.cloud.metadata import Metadata
from tests.doubles.cloud.stand_ins import StandIns
from tests.patience import PATIENCE, eventually

pytestmark = pytest.mark.needs("low ports")
SECRET = "5e" * 32
_SCRIPT = """#!/usr/bin/python3
import hashlib, hmac, json, subprocess
f = json.load(open("/etc/first.json"))
d = json.load(open("/run/cloud-init/instance-data.json"))
i = d["v1"]["instance_id"]
n = f["base"] + str(1 + int(d["ds"]["meta-data"]["ami-launch-index"]))
subprocess.run(["hostnamectl", "set-hostname", n], check=True)
k = " ".join(open("/etc/ssh/ssh_host_ed25519_key.pub").read().split()[:2])
h = hmac.new(bytes.fromhex(f["secret"]), (i + " " + k).encode(), hashlib.sha256).hexdigest()
open("/run/first", "w").write(i + " " + h + "\\n")
"""


@pytest.fixture
def stand_ins(aws: Account) -> StandIns:
    aws.machines = found = StandIns()
    return found  # the account ends its machines


@pytest.fixture
def key() -> paramiko.PKey:
    return paramiko.Ed25519Key.from_private_key(io.StringIO(make_host_key().private))


def user_data(key: paramiko.PKey) -> str:
    document = {
        "users": [{"name": "craton", "ssh_authorized_keys": [f"{key.get_name()} {key.get_base64()}"]}],
        "write_files": [
            {"path": "/etc/first.json", "content": json.dumps({"base": "demo-worker-", "secret": SECRET})},
            {"path": "/usr/local/sbin/first", "content": _SCRIPT, "permissions": "0755"},
        ],
        "runcmd": [["/usr/local/sbin/first"]],
    }
    return "#cloud-config\n" + json.dumps(document)


def log_in(address: str, key: paramiko.PKey, user: str = "craton") -> paramiko.Transport:
    transport = paramiko.Transport((address, 22))
    transport.start_client(timeout=PATIENCE)
    transport.auth_publickey(user, key)
    return transport


def test_each_machine_of_a_request_proves_its_own_host_key_and_has_the_name_of_its_place(
    user: User, stand_ins: StandIns, subnet: tuple[str, str], key: paramiko.PKey
) -> None:
    user.running(*subnet, 2, UserData=user_data(key))
    eventually(lambda: stand_ins.names == ["demo-worker-1", "demo-worker-2"], "two machines")
    shown = set()
    for one in user.look():
        transport = log_in(one["PublicIpAddress"], key)
        host_key = transport.get_remote_server_key()
        proof = f"{one['InstanceId']} {host_key.get_name()} {host_key.get_base64()}"
        digest = hmac.new(bytes.fromhex(SECRET), proof.encode(), hashlib.sha256).hexdigest()
        banner = transport.get_banner()
        assert banner is not None
        assert banner.decode().split() == [one["InstanceId"], digest]
        channel = transport.open_session()
        channel.exec_command("hostname")
        assert channel.makefile().read().decode().strip() == f"demo-worker-{one['AmiLaunchIndex'] + 1}"
        shown.add(host_key.get_base64())
        transport.close()
    assert len(shown) == 2


def test_a_machine_lets_in_nobody_but_the_user_data_s_user_with_its_key(
    user: User, stand_ins: StandIns, subnet: tuple[str, str], key: paramiko.PKey
) -> None:
    user.running(*subnet, UserData=user_data(key))
    eventually(lambda: stand_ins.names == ["demo-worker-1"], "the machine")
    address = user.look()[0]["PublicIpAddress"]
    with pytest.raises(paramiko.AuthenticationException):
        log_in(address, key, "root")
    with pytest.raises(paramiko.AuthenticationException):
        log_in(address, paramiko.ECDSAKey.generate())


@pytest.mark.parametrize(("given", "says"), [
    ("#!/bin/sh\necho hello\n", "Unhandled non-multipart"),
    ("#cloud-config\n{users: [", "Failed loading yaml"),
    ('#cloud-config\n{"users": [{"name": "ada"}], "runcmd": [["/usr/local/sbin/missing"]]}', "Failed to run module"),
    ("", "nobody may log in"),
])  # fmt: skip
def test_a_machine_whose_first_boot_fails_never_answers_and_says_why_on_its_console(
    user: User, stand_ins: StandIns, subnet: tuple[str, str], given: str, says: str
) -> None:
    (id,) = user.running(*subnet, UserData=given)

    def console() -> str:
        return str(user.ec2.get_console_output(InstanceId=id, Latest=True)["Output"])

    eventually(lambda: says in console(), "the console to say why")
    assert stand_ins.names == []
    with pytest.raises(paramiko.SSHException, match="Unable to connect"):
        paramiko.Transport((user.look()[0]["PublicIpAddress"], 22))


def test_a_machine_follows_its_elastic_address_and_ends_with_its_instance(
    user: User, stand_ins: StandIns, subnet: tuple[str, str], key: paramiko.PKey
) -> None:
    (id,) = user.running(*subnet, UserData=user_data(key))
    eventually(lambda: stand_ins.names == ["demo-worker-1"], "the machine")
    own = user.look()[0]["PublicIpAddress"]
    made = user.ec2.allocate_address(Domain="vpc")
    user.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=id)
    log_in(made["PublicIp"], key).close()
    with pytest.raises(paramiko.SSHException, match="Unable to connect"):
        paramiko.Transport((own, 22))
    user.ec2.terminate_instances(InstanceIds=[id])
    assert stand_ins.names == []
    with pytest.raises(paramiko.SSHException, match="Unable to connect"):
        paramiko.Transport((made["PublicIp"], 22))


def test_cloud_config_is_read_with_its_encodings() -> None:
    boot = read(b"#cloud-config\nhostname: a\nwrite_files:\n- {path: /x, encoding: b64, content: aGVsbG8=}\n")
    assert (boot.hostname, dict(boot.files), boot.user) == ("a", {"/x": "hello"}, "")


LAUNCH = Launch("i-1", 3, "10.0.0.5", "127.0.0.1", b"#cloud-config\n{}", "eu-central-1a", "eu-central-1", "t3.medium",
                "ami-1", "x86_64", (), True, 2, {})  # fmt: skip


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    with Metadata({"127.0.0.1": LAUNCH}.get) as found:
        yield found


def ask(service: Metadata, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{service.url}/latest/{path}", method=method, headers=named)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_metadata_is_for_those_who_have_a_token(metadata: Metadata) -> None:
    assert ask(metadata, "meta-data/instance-id")[0] == 401
    assert ask(metadata, "meta-data/instance-id", X_aws_ec2_metadata_token="guessed")[0] == 401
    status, token = ask(metadata, "api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")
    assert status == 200
    mine: dict[str, Any] = {"X_aws_ec2_metadata_token": token}
    assert ask(metadata, "meta-data/instance-id", **mine) == (200, "i-1")
    assert ask(metadata, "meta-data/ami-launch-index", **mine) == (200, "3")
    assert ask(metadata, "user-data", **mine) == (200, "#cloud-config\n{}")
    assert "placement/" in ask(metadata, "meta-data/", **mine)[1].split()
    assert ask(metadata, "meta-data/nothing", **mine)[0] == 404


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 400),
    ({"X_aws_ec2_metadata_token_ttl_seconds": "21601"}, 400),
    ({"X_aws_ec2_metadata_token_ttl_seconds": "60", "X_Forwarded_For": "192.0.2.1"}, 403),
])  # fmt: skip
def test_a_token_is_refused_without_its_age_and_through_a_proxy(
    metadata: Metadata, headers: dict[str, str], status: int
) -> None:
    assert ask(metadata, "api/token", "PUT", **headers)[0] == status


def test_strangers_get_no_metadata() -> None:
    with Metadata(lambda _address: None) as service:
        assert ask(service, "api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")[0] == 404
