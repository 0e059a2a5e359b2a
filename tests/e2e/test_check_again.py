"""Part of a cluster checked again by command: the rest of the report stays as it was."""

from __future__ import annotations

import json
from typing import Any

from tests.craton import Craton
from tests.doubles.installed import Installed


def verdicts(report: dict[str, Any], machine: str) -> dict[str, str]:
    return {one["check"]: one["verdict"] for one in report["findings"] if one["machine"] == machine}


def test_one_check_on_one_machine_one_machine_or_one_check_everywhere(craton: Craton, installed: Installed) -> None:
    installed(masters=1, workers=1)
    kept = craton.home / "clusters/demo/health.json"
    report = json.loads(kept.read_text())
    for one in report["findings"]:
        if one["check"] in ("disk", "memory"):
            one["verdict"] = "fail"
    kept.write_text(json.dumps(report))

    one_check = craton.json("check", "demo", "--machine", "worker-1", "--check", "disk", expect=7)
    assert one_check["checked_at"] > report["checked_at"]
    worker, master = verdicts(one_check, "demo-worker-1"), verdicts(one_check, "demo-master-1")
    assert (worker["disk"], worker["memory"], master["disk"]) == ("pass", "fail", "fail")
    assert one_check == json.loads(kept.read_text())

    one_machine = craton.json("check", "demo", "--machine", "demo-worker-1", expect=7)
    assert set(verdicts(one_machine, "demo-worker-1").values()) == {"pass", "not applicable"}
    assert verdicts(one_machine, "demo-master-1")["disk"] == "fail"

    everywhere = craton.json("check", "demo", "--check", "disk", "--check", "memory")
    assert (everywhere["verdict"], everywhere["headline"]) == ("pass", "healthy")

    unknown = craton.run("check", "demo", "--check", "dsik", expect=2)
    assert "disk" in unknown.stderr
    unknown = craton.run("check", "demo", "--machine", "worker-9", "--plain", expect=2)
    assert "demo-worker-1" in unknown.stderr
