from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from installer.platforms.cloud_init import File, UserData, make_host_key


def rendered(user_data: UserData) -> dict[str, Any]:
    head, _, document = user_data.render().partition("\n")
    assert head == "#cloud-config"
    read = json.loads(document)
    assert isinstance(read, dict)
    return read


def test_user_data_says_who_logs_in_and_which_host_key_the_machine_shows() -> None:
    key = make_host_key()
    read = rendered(UserData("demo-master-1", "craton", ("ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"), key))
    assert read["hostname"] == "demo-master-1"
    assert read["users"] == [
        {
            "name": "craton",
            "gecos": "Craton",
            "shell": "/bin/bash",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "lock_passwd": True,
            "ssh_authorized_keys": ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"],
        }
    ]
    assert read["ssh_keys"] == {"ed25519_private": key.private, "ed25519_public": key.public}
    assert read["ssh_deletekeys"] is True
    assert read["ssh_pwauth"] is False


def test_no_content_of_a_file_breaks_out_of_its_place() -> None:
    hostile = "#!/bin/sh\nusers: [root]\n---\n\"}]\n\ttab 'quote' \\ ü\n"
    file = File("/etc/x", hostile, 0o755)
    read = rendered(UserData("m", "craton", (), make_host_key(), (file,), (("systemctl", "restart", "x"),)))
    assert read["write_files"] == [{"path": "/etc/x", "owner": "root:root", "permissions": "0755", "content": hostile}]
    assert read["runcmd"] == [["systemctl", "restart", "x"]]


def test_a_long_file_travels_compressed_and_is_the_same_each_time() -> None:
    content = "echo line\n" * 2000
    key = make_host_key()
    user_data = UserData("m", "craton", (), key, (File("/usr/local/sbin/x", content, 0o755),))
    (entry,) = rendered(user_data)["write_files"]
    assert entry["encoding"] == "gz+b64"
    assert gzip.decompress(base64.b64decode(entry["content"])).decode() == content
    assert len(user_data.render()) < 2000
    assert user_data.render() == user_data.render()


def test_every_host_key_is_new_and_its_private_half_is_in_no_representation() -> None:
    one, other = make_host_key(), make_host_key()
    assert one.public != other.public
    assert one.public.startswith("ssh-ed25519 ")
    assert "PRIVATE" not in repr(UserData("m", "craton", (), one))
