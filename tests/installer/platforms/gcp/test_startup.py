"""What a machine in Google Cloud is told at its birth: small, and run here with another root directory."""

from __future__ import annotations

from pathlib import Path

from installer.platforms.clouds.host_key_proof import MARK, proof, proves
from installer.platforms.gcp.startup import LIMIT, Birth, by_profile
from tests.doubles.cloud import first_boot, guest_agent
from tests.doubles.cloud.machines import Launch

KEY = f"ssh-ed25519 {'A' * 68} craton"
SECRET = "5e" * 32
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample"
BIRTH = Birth("craton", (KEY, f"{KEY} of somebody else"), SECRET)


def items() -> dict[str, str]:
    return BIRTH.metadata()


def launch() -> Launch:
    user_data = guest_agent.document("4000000000001", "demo-worker-2", "europe-west3-a", "10.0.0.5", items())
    return Launch("4000000000001", 0, "10.0.0.5", "", user_data, "europe-west3-a", "europe-west3", "e2-standard-2",
                  "debian-13", "x86_64", (), True, 0, {})  # fmt: skip


def test_it_is_small_and_says_who_may_log_in() -> None:
    found = items()
    assert sum(len(text) for text in found.values()) <= LIMIT
    assert found["ssh-keys"].splitlines() == [f"craton:{KEY}", f"craton:{KEY} of somebody else"]
    assert (found["enable-oslogin"], found["block-project-ssh-keys"]) == ("FALSE", "TRUE")
    assert SECRET not in repr(BIRTH)
    assert SECRET not in found["startup-script"]


def test_a_machine_takes_its_instance_s_name_and_proves_its_host_key(tmp_path: Path) -> None:
    boot = guest_agent.read(launch().user_data)
    assert (boot.user, boot.authorized_keys) == ("craton", (KEY, f"{KEY} of somebody else"))
    made = first_boot.run(boot, launch(), tmp_path, HOST_KEY)
    assert made["hostname"] == "demo-worker-2"
    banner = made[f"/run/{MARK}"]
    assert banner == f"{proof(SECRET, '4000000000001', HOST_KEY)}\n"
    assert proves(SECRET, "4000000000001", HOST_KEY, f"Welcome\n{banner}")
    assert (tmp_path / f"etc/ssh/sshd_config.d/10-{MARK}.conf").read_text() == f"Banner {tmp_path}/run/{MARK}\n"


def test_where_os_login_is_on_profiles_count_and_keys_in_metadata_do_not() -> None:
    attributes = {**items(), "enable-oslogin": "TRUE"}
    for profiles, user, keys in (({"ada_example_com": [KEY]}, "ada_example_com", (KEY,)), ({}, "", ())):
        told = guest_agent.document("1", "demo-worker-2", "europe-west3-a", "10.0.0.5", attributes, profiles)
        boot = guest_agent.read(told)
        assert (boot.user, boot.authorized_keys) == (user, keys)
    without = Birth("craton", (), SECRET).metadata()
    assert "ssh-keys" not in without
    for attributes, expected in ((without, True), (items(), False)):
        listed = [{"key": key, "value": value} for key, value in attributes.items()]
        assert by_profile({"metadata": {"items": listed}}) is expected


def test_at_a_later_start_there_is_nothing_left_to_prove(tmp_path: Path) -> None:
    (tmp_path / "var/lib/craton").mkdir(parents=True)
    made = first_boot.run(guest_agent.read(launch().user_data), launch(), tmp_path, HOST_KEY)
    assert f"/run/{MARK}" not in made
