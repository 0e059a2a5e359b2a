"""What is trusted where keys are pinned, vouched for or revoked, and on the way through jump hosts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from installer.common.deadline import Deadline
from installer.common.paths import ClusterDirectory
from installer.ssh.endpoint import Endpoint, OpenSSH
from installer.ssh.host_keys import pinned_keys, verify
from installer.ssh.host_keys.openssh import opinion
from installer.ssh.host_keys.pinned_keys import fingerprint
from installer.ssh.host_keys.verify import ChangedHostKey, RefusedHostKey, RevokedHostKey, ShownKey, UnknownHostKey
from installer.ssh.keys import wire
from tests.doubles.host_keys import make_key, public, sign
from tests.patience import PATIENCE

pytestmark = pytest.mark.needs("ssh", "ssh-keygen")
MACHINE = "demo-worker-1"


def openssh(known: Path, *settings: str, name: str = "node") -> OpenSSH:
    config = [f'UserKnownHostsFile "{known}"', "GlobalKnownHostsFile none", *settings]
    algorithms = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")
    return OpenSSH(name, configuration="".join(f"{line}\n" for line in config), algorithms=algorithms)


def endpoint(known: Path, *settings: str) -> Endpoint:
    return Endpoint("node", 22, "me", None, openssh=openssh(known, *settings))


def judge(keys: verify.HostKeys, shown: str) -> str:
    return keys.judge(MACHINE, ShownKey(shown), Deadline(PATIENCE))


def test_the_pinned_key_decides_before_the_platform_and_the_users_files(tmp_path: Path) -> None:
    files = tmp_path / "known_hosts"
    pinned, vouched, users = (make_key(tmp_path / name) for name in ("pinned", "vouched", "users"))
    files.write_text(f"node {users}\n")
    asked = endpoint(files)
    assert judge(verify.host_keys(asked), users) == f"{files} line 1"
    vouching = replace(asked, host_key=vouched)
    assert judge(verify.host_keys(vouching), vouched) == "as the platform says"
    assert judge(verify.host_keys(vouching, pinned), pinned) == "as pinned"
    for keys, expected in ((verify.host_keys(vouching), vouched), (verify.host_keys(vouching, pinned), pinned)):
        with pytest.raises(ChangedHostKey) as caught:
            judge(keys, users)
        assert caught.value.expected == expected
        assert fingerprint(expected) in caught.value.observed


def test_a_changed_key_says_where_the_old_one_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = tmp_path / ".ssh" / "known hosts"
    files.parent.mkdir()
    old, new = make_key(tmp_path / "old"), make_key(tmp_path / "new")
    files.write_text(f"# mine\nnode {old}\n")
    with pytest.raises(ChangedHostKey) as caught:
        judge(verify.host_keys(endpoint(files)), new)
    assert (caught.value.expected, caught.value.shown) == (old, new)
    assert caught.value.where == "~/.ssh/known hosts line 2"
    assert "~/.ssh/known hosts line 2" in caught.value.observed


@pytest.mark.parametrize("name", ['with a \\ and "quotes"', "\udce9\udc80 é"])
def test_the_old_key_is_found_in_a_file_of_any_name(tmp_path: Path, name: str) -> None:
    files = tmp_path / name
    old = make_key(tmp_path / "old")
    files.write_text(f"node {old}\n")
    asked = openssh(Path(str(files).replace("\\", "\\\\").replace('"', '\\"')))
    with pytest.raises(ChangedHostKey) as caught:
        judge(verify.host_keys(Endpoint("node", 22, "me", None, openssh=asked)), make_key(tmp_path / "new"))
    assert caught.value.expected == old


def test_where_nobody_knows_anything_a_key_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownHostKey):
        judge(verify.host_keys(Endpoint("node", 22, "me", None)), make_key(tmp_path / "key"))


@pytest.mark.parametrize("how", ["pinned", "vouched"])
def test_a_key_that_openssh_knows_to_be_revoked_is_refused_though_it_is_pinned(tmp_path: Path, how: str) -> None:
    files, key = tmp_path / "known_hosts", make_key(tmp_path / "key")
    files.write_text(f"@revoked * {key}\n")
    asked = replace(endpoint(files), host_key=key if how == "vouched" else None)
    with pytest.raises(RevokedHostKey, match="marked as revoked") as caught:
        judge(verify.host_keys(asked, key if how == "pinned" else None), key)
    assert "do not log in" in caught.value.hint


def test_a_revocation_list_counts_though_the_key_is_pinned(tmp_path: Path) -> None:
    key, revoked = make_key(tmp_path / "key"), tmp_path / "revoked keys"
    asked = endpoint(tmp_path / "known_hosts", f'RevokedHostKeys "{revoked}"')
    with pytest.raises(RefusedHostKey, match=r"revoked keys: No such file or directory"):
        judge(verify.host_keys(asked, key), key)
    revoked.write_text("")
    assert judge(verify.host_keys(asked, key), key) == "as pinned"
    revoked.write_text(f"{key}\n")
    with pytest.raises(RevokedHostKey, match="revoked by file"):
        judge(verify.host_keys(asked, key), key)


def test_openssh_is_not_asked_about_a_pinned_key_that_no_file_could_revoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, key = tmp_path / "known_hosts", make_key(tmp_path / "key")
    asked = endpoint(files)
    assert asked.openssh
    asked = replace(asked, openssh=replace(asked.openssh, files=(files, tmp_path / "missing", Path("/dev/null"))))
    times: list[bytes] = []

    def asking(server: OpenSSH, blob: bytes, *given: Any, **how: Any) -> Any:
        times.append(blob)
        return opinion(server, blob, *given, **how)

    monkeypatch.setattr(verify, "opinion", asking)
    files.write_text("node ssh-ed25519 AAAA\n")
    assert judge(verify.host_keys(asked, key), key) == "as pinned"
    assert times == []
    with pytest.raises(UnknownHostKey):
        judge(verify.host_keys(asked), key)
    assert len(times) == 1, "nobody else knows a key that isn't pinned"
    files.write_text(f"# a comment\n@revoked * {key}\n")
    with pytest.raises(RevokedHostKey, match="marked as revoked"):
        judge(verify.host_keys(asked, key), key)
    weak = make_key(tmp_path / "rsa", "rsa")
    files.write_text("")
    before = len(times)
    judge(verify.host_keys(asked, weak), weak)
    assert len(times) == before + 1, "OpenSSH refuses RSA keys that are too short"


def test_keys_marked_revoked_in_the_clusters_own_file_are_refused_though_pinned(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    key = make_key(tmp_path / "key")
    pinned_keys.pin(directory, MACHINE, key)
    with directory.known_hosts.open("a") as file:
        file.write(f"@revoked * {key}\n")
    with pytest.raises(RevokedHostKey, match="marked @revoked"):
        judge(verify.known(directory, MACHINE, Endpoint("10.0.0.9", 22, "me", None)), key)


def test_a_new_key_is_refused_where_openssh_is_strict(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    asked = endpoint(tmp_path / "known_hosts")
    assert asked.openssh
    strict = replace(asked, openssh=replace(asked.openssh, new_keys="refuse"))
    with pytest.raises(RefusedHostKey, match="StrictHostKeyChecking is yes") as caught:
        judge(verify.host_keys(strict), key)
    assert "known_hosts" in caught.value.hint
    assert judge(verify.host_keys(strict, key), key) == "as pinned"


def test_a_certificate_must_be_of_the_key_that_the_server_has(tmp_path: Path) -> None:
    key, authority, thief = (make_key(tmp_path / name) for name in ("key", "authority", "thief"))
    files = tmp_path / "known_hosts"
    files.write_text(f"@cert-authority * {authority}\n")
    certificate = wire.from_line(sign(tmp_path / "key", tmp_path / "authority", "-h", "-n", "node").read_text())[0]
    keys = verify.host_keys(endpoint(files))
    said = keys.judge(MACHINE, ShownKey(key, certificate), Deadline(PATIENCE))
    assert said == f"certificate of {fingerprint(public(tmp_path / 'authority'))}, {files} line 1"
    with pytest.raises(RefusedHostKey, match="a certificate of another key"):
        keys.judge(MACHINE, ShownKey(thief, certificate), Deadline(PATIENCE))


def test_jump_hosts_are_pinned_by_where_they_are(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    files = tmp_path / "known_hosts"
    first, second, machine = (make_key(tmp_path / name) for name in ("first", "second", "machine"))
    files.write_text(f"second {second}\n")
    outer = Endpoint("10.0.0.1", 2222, "me", None, openssh=openssh(files, "Port 2222", name="10.0.0.1"))
    inner = Endpoint("second", 22, "me", None, openssh=openssh(files, name="second"), jump=outer)
    behind = Endpoint("10.0.0.9", 22, "me", None, jump=inner)
    keys = verify.known(directory, MACHINE, behind)
    assert keys.jump is not None
    assert keys.jump.jump is not None
    assert judge(keys.jump, second) == f"{files} line 1"
    with pytest.raises(UnknownHostKey, match=r"jump host 10\.0\.0\.1:2222") as caught:
        judge(keys.jump.jump, first)
    assert caught.value.name == verify.jump_name(outer) == "jump:[10.0.0.1]:2222"
    pinned_keys.pin(directory, caught.value.name, caught.value.shown)
    pinned_keys.pin(directory, MACHINE, machine)
    keys = verify.known(directory, MACHINE, behind)
    assert keys.jump
    assert keys.jump.jump
    assert judge(keys.jump.jump, first) == "as pinned"
    assert judge(keys, machine) == "as pinned"


def test_the_types_of_known_keys_are_asked_for_first(tmp_path: Path) -> None:
    files, ecdsa, rsa = (
        tmp_path / "known_hosts",
        make_key(tmp_path / "ecdsa", "ecdsa"),
        make_key(tmp_path / "rsa", "rsa"),
    )
    files.write_text(f"node {ecdsa}\n")
    asked = endpoint(files)
    patience = Deadline(PATIENCE)
    plain = [name for name in verify.host_keys(asked).algorithms(patience) if not name.endswith(wire.CERTIFICATE)]
    assert plain[0] == "ecdsa-sha2-nistp256"
    assert verify.host_keys(asked, rsa).algorithms(patience) == ("rsa-sha2-512", "ssh-ed25519", "ecdsa-sha2-nistp256")
    files.write_text(f"@cert-authority * {ecdsa}\n")
    assert verify.host_keys(asked).algorithms(patience)[0] == "ssh-ed25519-cert-v01@openssh.com"
    only = verify.host_keys(endpoint(files, "HostKeyAlgorithms ecdsa-sha2-nistp256,rsa-sha2-256"))
    assert only.algorithms(patience) == ("ecdsa-sha2-nistp256", "rsa-sha2-256")
    without = verify.host_keys(Endpoint("node", 22, "me", ecdsa))
    assert without.algorithms(patience)[:2] == ("ecdsa-sha2-nistp256", "ssh-ed25519")
