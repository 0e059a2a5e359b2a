"""What machines are told at their birth, judged by who reads it there: Debian's own cloud-init."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from installer.platforms.aws.user_data import Birth
from installer.platforms.cloud_init import File, UserData, make_host_key
from installer.platforms.local import machine
from tests.doubles.machines import machine_image, the_engine
from tests.patience import PATIENCE

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHYWtvbJfTGbVOGbDlpoxGFVWWvsO5MXqGnGBMMDs3Hc"
KINDS = {
    "aws": Birth("demo-worker-", 1, 3, "craton", (KEY, KEY), "5e" * 32).render(),
    "local": UserData("demo-master-1", "craton", (KEY,), make_host_key(), (File("/a", "b" * 5000, 0o755),)).render(),
    "balancer": UserData("demo-lb", "craton", (KEY,), make_host_key(), (File("/a", "b"),), (("true", "x"),)).render(),
}
"""Every kind of user data that Craton renders."""
_EACH = """\
for file in /given/*; do
    said=$(cloud-init schema --config-file "$file" 2>&1) && verdict=valid || verdict=refused
    printf '%s\\t%s\\t%s\\n' "${file##*/}" "$verdict" "$(echo $said)"
done
"""


@pytest.mark.needs("containers")
def test_cloud_init_s_own_schema_allows_all_user_data_and_refuses_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    wrong = json.loads(KINDS["aws"].partition("\n")[2]) | {"ssh_pwauth": {"no": True}, "runcmd": "not a list"}
    given = {**KINDS, "wrong": "#cloud-config\n" + json.dumps(wrong)}
    (tmp_path / "given").mkdir()
    for name, text in given.items():
        (tmp_path / "given" / name).write_text(text)
    engine = the_engine()
    inside = ("--network=none", f"--volume={tmp_path}/given:/given:ro", "--entrypoint=/bin/sh")
    said = engine.call("run", "--rm", *machine.powers(engine), *inside, machine_image(), "-c", _EACH, deadline=PATIENCE)
    found = {name: (verdict, words) for name, verdict, words in (line.split("\t", 2) for line in said.splitlines())}
    assert {name: verdict for name, (verdict, _) in found.items()} == {
        **dict.fromkeys(KINDS, "valid"),
        "wrong": "refused",
    }
    assert "runcmd" in found["wrong"][1]
    assert not [words for name, (_, words) in found.items() if name in KINDS and "deprecat" in words.lower()], found
