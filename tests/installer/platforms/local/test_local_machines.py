"""Local machines for real: system containers with systemd and sshd, through the steps, the engine and SSH."""

from __future__ import annotations

import io
import tarfile
from ipaddress import IPv4Address
from pathlib import Path
from uuid import uuid4

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import home
from installer.plan.platforms.local.settings import Local
from installer.plan.sections import Ingress
from installer.plan.topology import topology
from installer.platforms.cloud_init import UserData, make_host_key
from installer.platforms.local import faults, image, machine, names, network, rootfs
from installer.platforms.local.process import run
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.step import Phase
from tests.doubles.local import LocalCluster, cluster, traces
from tests.doubles.machines import Patience, await_ssh, machine_image, share_images, the_engine

pytestmark = pytest.mark.waits


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    share_images()


def test_a_master_an_infra_node_and_a_worker_are_made_once_and_destroy_leaves_nothing() -> None:
    with cluster(workers=1, schedulable_masters=False) as local:
        assert local.install() is ExitCode.DONE
        they_boot_and_reach_each_other(local)
        installing_again_changes_nothing(local)
        ports = ports_of_their_own(local)
        assert local.destroy() is ExitCode.DONE
        assert local.found() == []
        assert traces(local.plan.name) == []
        listening = run(["ss", "-Hltn"], deadline=10.0).stdout
        assert not [port for port in ports if f"127.0.0.1:{port} " in listening]


def they_boot_and_reach_each_other(local: LocalCluster) -> None:
    name = local.plan.name
    assert local.said("master-1", "sudo -n systemctl is-system-running --wait; hostname").split() == [
        "running",
        f"{name}-master-1",
    ]
    worker = topology(local.plan).machine(f"{name}-worker-1")
    assert f"{worker.address}" in local.said("worker-1", "ip -4 addr show eth0")
    assert "1 received" in local.said("infra-1", f"sudo -n ping -c 1 -W 3 {worker.address}")
    assert ("machine", f"{name}-infra-1") in local.found()


def installing_again_changes_nothing(local: LocalCluster) -> None:
    before = machine.find_all(the_engine(), local.plan.name)
    booted = local.said("master-1", "cat /proc/sys/kernel/random/boot_id /etc/machine-id; stat -c %Y /proc/1")
    assert local.install() is ExitCode.DONE
    assert machine.find_all(the_engine(), local.plan.name) == before
    after = local.said("master-1", "cat /proc/sys/kernel/random/boot_id /etc/machine-id; stat -c %Y /proc/1")
    assert after == booted


def ports_of_their_own(local: LocalCluster) -> set[int]:
    """Those of machines that were made at once: none took another's."""
    found = machine.find_all(the_engine(), local.plan.name)
    ports = {one.port for one in found if one.port}
    assert len(ports) == len(found) == len(topology(local.plan).machines)
    return ports


def test_two_machines_through_all_that_happens_to_them(capsys: pytest.CaptureFixture[str]) -> None:
    with cluster(local=Local(memory=700)) as local:
        a_container_of_somebody_else_is_left_alone(local)
        what_was_half_made_is_recreated_and_what_exists_is_started(local)
        faults_are_real_and_end_with_start(local)
        a_machine_rebuilt_behind_its_address_is_caught_by_its_host_key(local, capsys)


def a_container_of_somebody_else_is_left_alone(local: LocalCluster) -> None:
    engine, name = the_engine(), f"{local.plan.name}-master-1"
    engine.call("create", "--name", name, machine_image(), "/bin/true")
    try:
        assert local.install(Phase.CHECK, Phase.NETWORK, Phase.MACHINES) is ExitCode.MACHINES
        with pytest.raises(InstallerError, match="doesn't belong to cluster"):
            machine.remove(engine, local.plan.name, name)
        assert machine.find(engine, name) is not None
    finally:
        engine.call("rm", "--force", name)


def what_was_half_made_is_recreated_and_what_exists_is_started(local: LocalCluster) -> None:
    engine, name = the_engine(), local.plan.name
    kept = machine.find(engine, f"{name}-infra-1")
    # What an engine killed between `create` and `start` leaves: a container without a seed.
    address = topology(local.plan).first_master.located
    spec = machine.Spec(name, f"{name}-master-1", address, names.network(name))
    engine.call("create", *machine.run_arguments(engine, spec, machine_image(), "ssh-ed25519 AAAA"))
    faults.stop(engine, name, "infra-1")
    assert local.install() is ExitCode.DONE
    assert local.said("master-1", "hostname") == f"{name}-master-1"
    started = machine.find(engine, f"{name}-infra-1")
    assert kept is not None
    assert started is not None
    assert started.host_key == kept.host_key


def faults_are_real_and_end_with_start(local: LocalCluster) -> None:
    engine, name = the_engine(), local.plan.name
    master = str(topology(local.plan).first_master.located)
    peer = f"{name}-infra-1"

    def reached() -> bool:
        return engine.attempt("exec", peer, "ping", "-c", "1", "-W", "1", master).status == 0

    assert reached()
    limit = engine.call("exec", f"{name}-master-1", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
                        "/sys/fs/cgroup/memory.max 2>/dev/null || true")  # fmt: skip
    assert int(limit.split()[0]) == 700 * 2**20
    settings = "net.ipv4.ip_forward=1\nnet.ipv4.tcp_retries2=5\n"  # as `craton-node prepare` writes them
    engine.call(
        "exec", "--interactive", f"{name}-master-1", "tee", "/etc/sysctl.d/99-zz-craton.conf", stdin=settings.encode()
    )
    for fault, answers_pings in (("partition", False), ("pause", True), ("stop", False)):
        faults.FAULTS[fault](engine, name, "master-1")
        assert reached() is answers_pings, fault  # the kernel answers for a machine whose processes are frozen
        with pytest.raises(InstallerError):
            local.said("master-1", "true", 3.0)
        faults.start(engine, name, "master-1")
        await_ssh(f"{name}-master-1", "craton")
        assert reached(), fault
        assert local.said("master-1", "hostname") == f"{name}-master-1"
    assert local.said("master-1", "cat /proc/sys/net/ipv4/tcp_retries2") == "5", "a start keeps no settings"


def a_machine_rebuilt_behind_its_address_is_caught_by_its_host_key(
    local: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, name = the_engine(), f"{local.plan.name}-master-1"
    before = machine.find(engine, name)
    assert before is not None
    spec = machine.Spec(local.plan.name, name, IPv4Address(before.address), names.network(local.plan.name))
    keys = (ensure_key(local.directory),)
    rebuilt = UserData(name, "craton", keys, make_host_key())
    machine.create(engine, spec, machine_image(), rebuilt, lambda line: None)
    await_ssh(name, "craton")
    with pytest.raises(InstallerError, match="host key") as caught:
        local.said("master-1", "true")
    for key in (before.host_key, rebuilt.host_key.public):
        assert pinned_keys.fingerprint(key) in str(caught.value)
    capsys.readouterr()
    assert local.install() is ExitCode.MACHINES
    assert "host key" in capsys.readouterr().out
    assert pinned_keys.pinned(local.directory, name) == before.host_key, "nobody said that it may change"
    local.said("infra-1", "true")


def test_the_balancer_passes_connections_on_and_follows_the_plan() -> None:
    with cluster(ingress=Ingress(kind="load-balancer")) as local:
        engine, name = the_engine(), local.plan.name
        assert local.install() is ExitCode.DONE
        shape = topology(local.plan)
        assert shape.load_balancer is not None
        assert ("machine", f"{name}-lb") in local.found()
        serve = "sudo systemd-run --quiet sh -c 'cd /etc && exec python3 -m http.server 6443'"
        local.said("master-1", serve)
        ask = (
            f"curl -s --retry 20 --retry-delay 1 --retry-all-errors http://{shape.load_balancer.address}:6443/hostname"
        )
        assert local.said("master-1", ask) == f"{name}-master-1"
        damaged = engine.attempt("exec", f"{name}-lb", "sh", "-c", "echo >>/etc/haproxy/haproxy.cfg")
        assert damaged.status == 0
        assert local.install(Phase.CHECK, Phase.NETWORK, Phase.MACHINES) is ExitCode.DONE
        assert local.said("master-1", ask) == f"{name}-master-1"


def test_a_network_that_is_taken_is_said_with_a_free_one() -> None:
    with cluster() as local:
        label = f"{names.CLUSTER}=other{local.plan.name}"
        other, taken = f"craton-other{local.plan.name}", str(local.plan.networks.machines)
        the_engine().call("network", "create", "--label", label, "--subnet", taken, other)
        try:
            with pytest.raises(InstallerError) as caught:
                network.ensure(the_engine(), local.plan.name, local.plan.networks.machines)
        finally:
            the_engine().call("network", "rm", other)
        assert other in caught.value.observed
        assert "set networks.machines in the plan" in caught.value.hint
        assert local.found() == []


def test_a_fault_names_the_machines_that_there_are() -> None:
    with cluster() as local:
        with pytest.raises(InstallerError, match="has no machine 'worker-9'") as caught:
            faults.stop(the_engine(), local.plan.name, "worker-9")
        assert caught.value.hint == "its machines: none"


def test_the_image_comes_from_the_cache_leaves_with_the_last_cluster_and_is_pruned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine_image()
    # Of a repository of its own: whatever is destroyed meanwhile takes unused images of ours with it.
    monkeypatch.setattr(image, "REPOSITORY", f"localhost/craton-t{uuid4().hex[:8]}")
    engine, name = the_engine(), f"{image.REPOSITORY}:t{uuid4().hex[:8]}"
    monkeypatch.setattr(image, "reference", lambda: name)
    image.cache().unlink()  # a cache of this test's own: pruning is not for the one that tests share
    image.cache().mkdir()
    archive = home() / "local" / f"machine-{name.rpartition(':')[2]}.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo("etc/empty"), io.BytesIO())
    assert image.ensure(engine, Patience()) == name
    assert name in image.stored(engine)
    image.release(engine)
    assert name not in image.stored(engine)
    assert archive.exists()
    assert image.ensure(engine, Patience()) == name
    assert set(image.prune(engine)) >= {str(archive), name}
    assert not archive.exists()
    assert name not in image.stored(engine)


def test_an_image_built_from_a_registry_leaves_nothing_but_its_files(tmp_path: Path) -> None:
    engine, directory = the_engine(), tmp_path / f"build-t{uuid4().hex[:8]}"
    directory.mkdir()
    (directory / "entrypoint.sh").write_text("#!/bin/sh\n")
    (directory / "Containerfile").write_text("FROM scratch\nCOPY entrypoint.sh /usr/local/lib/craton/entrypoint\n")
    report = Patience()
    rootfs.from_registry(engine, directory, directory / "rootfs.tar", report)
    with tarfile.open(directory / "rootfs.tar") as tar:
        assert "usr/local/lib/craton/entrypoint" in tar.getnames()
    assert report.stages
    assert not engine.exists("image", f"localhost/craton-build:{directory.name}")
    assert not engine.exists("container", directory.name)
