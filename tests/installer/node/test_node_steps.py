"""Claiming, preparing and giving back a machine of the user's: the steps, on a bare machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.node import steps as node_steps
from installer.node.claim import Claim
from installer.node.program import PATH, ensure_program, read_status, source_sum, status
from installer.node.steps import Prepare, PrepareOwn, steps
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.platforms.machines.settings import Machines
from installer.plan.sections import Artifacts
from installer.plan.topology import topology
from installer.steps.step import Permanent
from installer.steps.world import World
from tests.doubles.mirror import published
from tests.doubles.node_bench import PLAN, Bench, Benches, path_of
from tests.doubles.planned_platform import PLANNED
from tests.doubles.rehearsal import StepContext
from tests.doubles.shell_connection import MachineContext, ShellConnection
from tests.patience import PATIENCE

MACHINE = "demo-master-1"
OWN = InstallPlan(
    name="demo",
    subdomain="example.test",
    platform="machines",
    masters=1,
    workers=1,
    machines=Machines(inventory=(Host(address="10.0.0.1"), Host(address="10.0.0.2"), Host(address="10.0.0.3"))),
)


@pytest.fixture
def bench(benches: Benches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    with benches.begun(without_program) as bench:
        yield bench


def without_program(bench: Bench) -> None:
    bench.box.sh(f"rm {PATH}")


@pytest.fixture
def ctx(bench: Bench) -> MachineContext:
    plan = OWN.model_copy(update={"artifacts": bench.plan.artifacts})
    return MachineContext(plan, ShellConnection(bench.box))


def connection(ctx: MachineContext) -> ShellConnection:
    found = ctx.world.connect(MACHINE)
    assert isinstance(found, ShellConnection)
    return found


def test_a_machine_without_the_program_says_nothing(ctx: MachineContext) -> None:
    assert status(ctx, MACHINE) == {}
    assert read_status(connection(ctx), MACHINE, PATIENCE) == {}


def test_the_program_is_brought_once(ctx: MachineContext) -> None:
    assert ensure_program(ctx, MACHINE)["program"] == source_sum()
    sent = connection(ctx).sent
    assert ensure_program(ctx, MACHINE)["program"] == source_sum()
    assert connection(ctx).sent == sent


def test_a_program_of_another_version_is_replaced(ctx: MachineContext, bench: Bench) -> None:
    ensure_program(ctx, MACHINE)
    bench.box.sh(f"echo '# older' >>{PATH}")
    assert ensure_program(ctx, MACHINE)["program"] == source_sum()
    assert bench.box.sh(f"stat -c %a {PATH}") == "755\n"


def test_a_free_machine_is_claimed_and_given_back(ctx: MachineContext, bench: Bench) -> None:
    claim, before = Claim(MACHINE, "demo"), bench.box.state()
    assert not claim.observe(ctx).holds
    claim.apply(ctx)
    assert claim.observe(ctx).holds
    claim.undo(ctx)
    assert ctx.published[-1][1]["removed"] == [f"claim demo/{MACHINE}", f"program {PATH}"]
    assert bench.box.state() == before
    claim.undo(ctx)


def test_another_clusters_machine_is_not_claimed_and_not_released(ctx: MachineContext) -> None:
    Claim("other-worker-1", "other").apply(ctx)
    mine = Claim(MACHINE, "demo")
    with pytest.raises(InstallerError, match="belongs to the cluster other, as other-worker-1") as caught:
        mine.observe(ctx)
    assert caught.value.hint == "destroy other first, or leave the machine out of the plan"
    mine.undo(ctx)
    assert status(ctx, MACHINE)["claim"] == "other/other-worker-1"
    PrepareOwn(ctx.world.plan, MACHINE).undo(ctx)
    assert "nothing of demo is here to remove" in ctx.lines


def test_a_prepared_machine_is_given_back_as_it_was(ctx: MachineContext, bench: Bench) -> None:
    before = bench.box.state()
    Claim(MACHINE, "demo").apply(ctx)
    prepare = PrepareOwn(ctx.world.plan, MACHINE)
    assert prepare.observe(ctx).seen == "prepared for nothing"
    prepare.apply(ctx)
    assert prepare.observe(ctx).holds
    assert [number for number, _, _ in ctx.stages] == list(range(1, 14))
    bench.box.sh("echo mine >>/etc/crictl.yaml")
    prepare.undo(ctx)
    topic, data = ctx.published[-1]
    assert (topic, data["machine"]) == (f"undo/{MACHINE}", MACHINE)
    assert data["left"] == ["file /etc/crictl.yaml it was changed since"]
    assert "file /usr/local/bin/kubelet" in data["removed"]
    assert "swapoff /var/swap.img" in data["removed"]
    bench.box.sh("rm /etc/crictl.yaml")
    prepare.undo(ctx)
    Claim(MACHINE, "demo").undo(ctx)
    assert bench.box.state() == before


def test_a_plan_that_changed_is_seen(ctx: MachineContext) -> None:
    Prepare(ctx.world.plan, MACHINE).apply(ctx)
    larger = OWN.model_copy(update={"artifacts": Artifacts(mirror="http://127.0.0.1:1")})
    assert Prepare(larger, MACHINE).observe(ctx).seen == "prepared for v1.36.2, not as the plan is now"


def test_a_machine_that_an_older_program_prepared_gets_the_new_one(ctx: MachineContext, bench: Bench) -> None:
    prepare = Prepare(ctx.world.plan, MACHINE)
    prepare.apply(ctx)
    bench.box.sh(f"echo '# older' >>{PATH}")
    assert prepare.observe(ctx).seen == "prepared for v1.36.2, by another version of Craton"
    prepare.apply(ctx)
    assert prepare.observe(ctx).holds


def test_artifacts_come_from_a_directory_to_a_machine_without_internet(
    ctx: MachineContext, bench: Bench, tmp_path: Path
) -> None:
    for path, data in published(PLAN).items():
        (tmp_path / "mirror" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / path).write_bytes(data)
    ctx.world.artifacts = tmp_path / "mirror"
    bench.box.sh("printf '#!/bin/sh\\nexit 7\\n' >/usr/local/sbin/curl; chmod 755 /usr/local/sbin/curl")
    Prepare(ctx.world.plan, MACHINE).apply(ctx)
    assert not bench.mirror.asked
    assert f"uploading {path_of('kubelet')}" in ctx.lines
    assert bench.box.sh("kubelet") == "kubelet amd64 v1.36.2\n"


@pytest.mark.parametrize(
    ("spoiled", "said"), [((), []), (("kubelet",), ["kubelet"]), (None, ["kubeadm", "kubectl", "kubelet"])]
)
def test_a_platform_with_a_quicker_way_than_ssh_copies_all_and_the_machine_looks_at_what_came(
    ctx: MachineContext,
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoiled: tuple[str, ...] | None,
    said: list[str],
) -> None:
    """`spoiled` are the files that come damaged; with None the platform fails before any came."""
    for path, data in published(PLAN).items():
        (tmp_path / "mirror" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / path).write_bytes(data)
    ctx.world.artifacts = tmp_path / "mirror"

    def copy_in(_machine: str, files: Mapping[str, Path], _deadline: float) -> bool:
        if spoiled is None:
            raise InstallerError("copy", "No space left on device")
        for target, source in files.items():
            damage = "; echo '#'" if source.name in spoiled else ""
            bench.box.sh(f"mkdir -p $(dirname {target}); {{ cat {source}{damage}; }} >{target}")
        return True

    monkeypatch.setattr(ctx.world.platform, "copy_in", copy_in)
    Prepare(ctx.world.plan, MACHINE).apply(ctx)
    uploaded = [line.rpartition("/")[2] for line in ctx.lines if line.startswith("uploading ")]
    assert [name for name in uploaded if name.startswith("kube")] == said
    assert ("No space left on device: going on over SSH" in ctx.lines) == (spoiled is None)
    assert bench.box.sh("kubelet") == "kubelet amd64 v1.36.2\n"


def test_an_artifact_of_the_directory_that_changed_after_the_review_is_refused(
    ctx: MachineContext, tmp_path: Path
) -> None:
    for path, data in published(PLAN).items():
        (tmp_path / "mirror" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / path).write_bytes(data + b"#")
    ctx.world.artifacts = tmp_path / "mirror"
    with pytest.raises(InstallerError, match=r"has the SHA-256 sum .*, expected"):
        Prepare(ctx.world.plan, MACHINE).apply(ctx)


def test_a_wrong_sum_ends_with_its_likely_reason(ctx: MachineContext, bench: Bench) -> None:
    bench.mirror.files[path_of("kubeadm")] += b"#"
    with pytest.raises(InstallerError, match=r"exit status 65: .*kubeadm from .* has the SHA-256 sum") as caught:
        Prepare(ctx.world.plan, MACHINE).apply(ctx)
    assert "Usually a proxy that rewrites downloads, or a mirror that changed after the review" in caught.value.hint


def test_only_what_goes_with_its_machine_is_not_undone() -> None:
    def actions(plan: InstallPlan) -> set[bool]:
        found = [step for step in steps(plan, topology(plan)) if step.id.startswith("prepare/")]
        return {isinstance(step.action, Permanent) for step in found}

    assert actions(OWN) == {False}
    assert actions(PLAN) == {True}


@pytest.mark.parametrize(
    "asked", ["/etc/shadow", "../../.ssh/id_ed25519", "release/../../secret", "release/v1.36.2/notes"]
)
def test_a_machine_is_given_no_file_that_the_plan_does_not_install(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded: list[object] = []
    monkeypatch.setattr(node_steps, "ensure_program", lambda *_: {"program": "uploaded"})
    monkeypatch.setattr(node_steps, "run_program", lambda *_, **__: f"{asked}\n")
    monkeypatch.setattr(node_steps, "upload", lambda *given, **_: uploaded.append(given))
    world = World(OWN, topology(OWN), ClusterDirectory.of("demo"), PLANNED, cast(Any, None), artifacts=tmp_path)
    with pytest.raises(InstallerError, match="which the plan does not install"):
        Prepare(OWN, MACHINE).bring(StepContext(world, PATIENCE))
    assert uploaded == []
