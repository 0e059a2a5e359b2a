"""A change of a plan that is called safe or careful is effective: machines end up as if they had been made by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from installer.common.paths import home
from installer.plan import validation
from installer.plan.changes import Risk, changes
from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS
from installer.plan.questions.catalogue import QUESTIONS, UNASKED
from tests.doubles.rehearsal import Rehearsal
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("quick_sites")

_ADDONS = ("addons.ingress", "addons.metrics_server", "addons.node_exporter")
_PLAIN = {"sign_in": False, "console": False}
BASE: dict[str, Any] = {"name": "demo", "subdomain": "example.test", "masters": 1, "workers": 1, "addons": _PLAIN}
OLD_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEeqzZ0+0nP0nYdS5Tq1VcrG9vVdVZ3l8mCkqz9l0o3b"
NEW_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPmux69IpYGtakYFAlZgW/xyapqnPfT+fzXNP+jgfg8A"
PROXY = "http://proxy.example.test"
EFFECTIVE: dict[tuple[str, ...], dict[str, Any]] = {
    ("masters",): {"masters": 3},
    ("workers", "ingress.infra"): {"workers": 2, "ingress": {"kind": "infra", "infra": 2}},
    ("schedulable_masters", "ssh.key", "ssh.port", "ssh.jump", "rehearsal.load_balancers", *_ADDONS): {
        "schedulable_masters": True,
        "ssh": {"key": "~/.ssh/id", "port": 2222, "jump": "bastion"},
        "rehearsal": {"load_balancers": False},
        "addons": {"ingress": False, "metrics_server": False, "node_exporter": False, **_PLAIN},
    },
    ("artifacts.mirror", "artifacts.sums", "artifacts.digests", "artifacts.versions", "artifacts.sums_from"): {
        "artifacts": {
            "mirror": "https://mirror.example.test",
            "sums": {"kubeadm": "0f" * 32},
            "digests": {"registry.k8s.io/pause:3.10": f"sha256:{'0f' * 32}"},
            "versions": {"pause": "3.99"},
            "sums_from": "https://mirror.example.test",
        }
    },
    ("artifacts.proxy", "artifacts.no_proxy"): {"artifacts": {"proxy": PROXY, "no_proxy": "example.org"}},
    ("may", "ssh.public_key"): {"may": ["M5", "M9", "M14"], "ssh": {"public_key": f"{NEW_KEY} ada@new"}},
}
"""What the fields that an installed cluster follows may be changed to.

Different steps follow those that change together: none is followed only because another is.
"""
REFUSED = {
    "name", "subdomain", "platform", "ingress.kind", "ssh.user", "networks.user",
    "networks.machines", "networks.pods", "networks.services", "networks.api_address", "kubernetes", "pod_security",
}  # fmt: skip
"""Fields that a cluster never follows, on a platform that makes its machines."""
OTHERWISE = {
    "certificate.source", "certificate.file", "certificate.key", "certificate.directory", "certificate.email",
    "certificate.challenge", "certificate.account", "certificate.account_key", "certificate.trust",
    "addons.gateway", "addons.sign_in", "addons.console", "addons.manifests", "addons.charts",
    "sign_in.email", "sign_in.groups", "sign_in.editors", "sign_in.viewers", "sign_in.connectors",
    "dns.provider", "dns.zone", "dns.server", "dns.port", "dns.ttl", "dns.key_name", "dns.key_file", "dns.algorithm",
    "dns.profile", "dns.hosted_zone", "dns.project", "dns.impersonate", "dns.managed_zone",
}  # fmt: skip
"""What needs files, name servers or secrets of each cluster's own: the tests of its steps judge it.

Settings of platforms with real machines are left out: no stand-in has them, and their own tests judge them
(tests/installer/plan/test_changes.py, tests/installer/node/test_firewall.py).
"""
OWN = {
    "port", "host_key", "ca_hash", "certificate_key", "encryption_key", "tokens", "revision", "joined", "applied",
    "creations", "requests", "granted", "files", "id", "authorized_keys", "login_keys", "public_key", "done",
    "tls.crt", "tls.key", "certSANs", "certificates_made", "kubelet_made",
}  # fmt: skip
"""What differs between two clusters of one plan. A master that joins later adds itself to its own certificate alone."""


def test_every_field_is_in_a_table_here() -> None:
    found = {*UNASKED, *(question.field for question in QUESTIONS)}
    found |= set(validation.values(InstallPlan.model_validate(BASE))) - {"craton"}
    of_machines = {field for field in found if field.partition(".")[0] in PLATFORMS.keys() - {"rehearsal"}}
    assert found - of_machines == {field for fields in EFFECTIVE for field in fields} | REFUSED | OTHERWISE


def _flat(value: Any, at: str = "") -> dict[str, Any]:
    """Every value that is the plan's, by where it is."""
    if isinstance(value, dict):
        parts = [_flat(inner, f"{at}/{key}") for key, inner in value.items() if key not in OWN]
    elif isinstance(value, list):
        parts = [_flat(inner, f"{at}/{number}") for number, inner in enumerate(value)]
    else:
        return {at: value}
    return {place: inner for part in parts for place, inner in part.items()}


def _site(*plans: InstallPlan) -> Any:
    """The record of what there is once each of the plans was installed after the other."""
    opened = [Rehearsal(plan) for plan in plans]
    try:
        opened[0].begin()
        for rehearsal in opened[1:]:
            rehearsal.run(deadline=PATIENCE)
        return json.loads((home() / "rehearsal" / "demo" / "state.json").read_text())
    finally:
        for rehearsal in opened:
            rehearsal.close()


@pytest.mark.parametrize(("fields", "changed"), EFFECTIVE.items())
def test_a_cluster_that_follows_a_change_is_what_the_changed_plan_makes(
    fields: tuple[str, ...], changed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (InstallPlan.model_validate({**BASE, **given}) for given in ({}, changed))
    found = changes(old, new)
    assert {change.field for change in found} == set(fields)
    assert Risk.REFUSED not in {change.risk for change in found}
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "changed"))
    followed = _flat(_site(old, new))
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "made"))
    made = _flat(_site(new))
    assert {place: (followed.get(place), made.get(place)) for place in {*followed, *made}
            if followed.get(place) != made.get(place)} == {}  # fmt: skip


@pytest.mark.parametrize("new", [f"{NEW_KEY} ada@new", None])
def test_another_public_key_may_log_in_to_every_machine_and_the_old_one_no_longer(new: str | None) -> None:
    old, changed = (
        InstallPlan.model_validate({**BASE, "ssh": {"public_key": key}}) for key in (f"{OLD_KEY} ada@old", new)
    )
    for machine in _site(old, changed)["machines"].values():
        own = machine["authorized_keys"][1:]  # the first is the cluster's
        assert own == ([NEW_KEY] if new else []), machine["name"]
