"""What the platform `local` works out without touching anything."""

from __future__ import annotations

import io
import stat
import tarfile
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, cast

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan
from installer.plan.platforms.local.settings import Local
from installer.plan.sections import Ingress
from installer.plan.topology import topology
from installer.platforms import open_platform, platform_steps
from installer.platforms.cloud_init import UserData, make_host_key
from installer.platforms.local import balancer, image, names, network, preflight, rootfs, seed
from installer.platforms.local.computer import MODULES, Computer
from installer.platforms.local.engine import Engine, open_engine
from installer.platforms.local.machine import Spec, run_arguments
from installer.platforms.local.platform import LocalPlatform
from installer.steps.platform import RunOptions
from installer.steps.step import Phase, ordered
from installer.steps.world import World
from tests.doubles.rehearsal import StepContext
from tests.patience import PATIENCE

SPEC = Spec("demo", "demo-master-1", IPv4Address("10.10.0.11"), "craton-demo")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def plan(**changes: Any) -> InstallPlan:
    fields: dict[str, Any] = {"ingress": Ingress(kind="infra", infra=1), "workers": 1, **changes}
    return InstallPlan(name="demo", subdomain="example.com", platform="local", **fields)


def follows(words: list[str], *expected: str) -> bool:
    """Whether `expected` stand one after the other in `words`."""
    return any(tuple(words[start : start + len(expected)]) == expected for start in range(len(words)))


POWERS = [
    (Engine("podman"), ["--privileged", "--systemd=false"], ["--ulimit", "--cap-add"]),
    (Engine("podman", confined=True), ["--privileged", "--ulimit"], ["--cap-add"]),
    (Engine("docker"), ["--privileged"], ["--ulimit", "--cap-add", "--systemd=false"]),
    (Engine("docker", confined=True), ["--cap-add", "seccomp=unconfined", "systempaths=unconfined"], ["--privileged"]),
]


@pytest.mark.parametrize(("engine", "given", "absent"), POWERS)
def test_a_machine_gets_what_systemd_needs_and_each_engine_allows(
    engine: Engine, given: list[str], absent: list[str]
) -> None:
    words = run_arguments(engine, SPEC, "image", KEY)
    assert "--cgroupns=private" in words
    assert set(given) <= set(words)
    assert not set(absent) & set(words)


def test_a_machine_has_its_address_its_labels_and_an_ssh_port_on_loopback_alone() -> None:
    words = run_arguments(Engine("podman"), SPEC, "image", KEY)
    assert follows(words, "--network", "craton-demo", "--ip", "10.10.0.11")
    assert follows(words, "--publish", "127.0.0.1::22")
    assert follows(words, "--label", "craton.cluster=demo", "--label", "craton.machine=demo-master-1")
    assert follows(words, "--label", f"craton.host-key={KEY}")
    assert "--memory" not in words
    assert words[-1] == "image"


def test_a_memory_limit_is_given_in_mebibytes() -> None:
    words = run_arguments(Engine("docker"), replace(SPEC, memory=2048), "image", KEY)
    assert follows(words, "--memory", "2048m")


def test_the_seed_is_for_root_alone_and_another_host_key_is_another_instance() -> None:
    archives = [seed.archive(UserData("m", "craton", (), make_host_key())) for _ in range(2)]
    instances = set()
    for archive in archives:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            assert tar.getnames() == ["seed", "seed/user-data", "seed/meta-data"]
            assert all(not member.mode & (stat.S_IRWXG | stat.S_IRWXO) for member in tar)
            assert all(member.uid == 0 for member in tar)
            meta_data = tar.extractfile("seed/meta-data")
            assert meta_data is not None
            instances.add(meta_data.read())
    assert len(instances) == 2


def test_the_package_list_is_read_without_its_comments() -> None:
    assert rootfs.packages("# base\nsystemd\n\nrunc  # runtime\n") == ["systemd", "runc"]
    shipped = rootfs.packages(image.inputs()["packages.txt"])
    assert {"cloud-init", "openssh-server", "containerd", "haproxy"} <= set(shipped)
    assert shipped == list(dict.fromkeys(shipped))


MIRRORS = [
    ("", None),
    ("http://ubuntu.example/ Ubuntu Ubuntu main\n", None),
    (
        "http://mirror.example/debian-security/ Debian Debian-Security main\n"
        "http://mirror.example/debian/ Debian Debian contrib\n"
        "http://mirror.example/debian/ Debian Debian main\n",
        "http://mirror.example/debian/",
    ),
]


@pytest.mark.parametrize(("targets", "expected"), MIRRORS)
def test_debian_is_taken_from_the_mirror_that_this_computer_uses(targets: str, expected: str | None) -> None:
    assert rootfs.mirror(targets) == expected


def test_the_image_has_another_name_when_anything_that_it_is_made_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    before, given = image.reference(), image.inputs()
    for name in given:
        monkeypatch.setattr(image, "inputs", lambda name=name: {**given, name: given[name] + "\n"})
        assert image.reference() != before
    monkeypatch.undo()
    assert image.reference() == before


ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
cni-podman0	0000580A	00000000	0001	0	0	0	0000FFFF	0	0	0
tun0	00000A0A	00000000	0001	0	0	0	00FFFFFF	0	0	0
"""


def test_every_route_but_the_default_one_takes_addresses() -> None:
    assert network.routes(ROUTES) == [
        ("cni-podman0", IPv4Network("10.88.0.0/16")),
        ("tun0", IPv4Network("10.10.0.0/24")),
    ]


SUGGESTIONS = [
    (["10.10.0.0/16"], 16, "10.11.0.0/16"),
    (["10.0.0.0/8"], 16, "172.16.0.0/16"),
    (["10.0.0.0/8", "172.16.0.0/12"], 16, None),
    ([], 24, "10.10.0.0/24"),
]


@pytest.mark.parametrize(("taken", "prefix", "expected"), SUGGESTIONS)
def test_a_free_network_is_suggested_of_the_size_that_was_planned(
    taken: list[str], prefix: int, expected: str | None
) -> None:
    free = network.suggestion([IPv4Network(one) for one in taken], prefix)
    assert (str(free) if free else None) == expected


ROOMY = Computer(
    cpus=8,
    memory=32_000,
    disk=100_000,
    disk_path=Path("/var/lib"),
    inotify_instances=1024,
    inotify_watches=1_000_000,
    inotify_used=10,
    raises_limits=False,
    modules=frozenset(MODULES),
    cgroup=2,
    confined=False,
)
JUDGEMENTS: list[tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, bool]]]] = [
    ({}, {}, []),
    ({"cpus": 1}, {}, [("1 CPU", "more CPUs", True)]),
    ({"cpus": 2}, {"workers": 8}, [("12 machines share 2 CPUs", "fewer", False)]),
    ({"memory": 3700}, {}, [("3600 MiB of memory; 3700 MiB are free", "fewer masters", False)]),
    ({"memory": 1000}, {}, [("1000 MiB are free", "fewer masters", True)]),
    ({"disk": 8000}, {}, [("/var/lib has 8000 MiB free", "craton local prune", False)]),
    ({"disk": 1000}, {}, [("1000 MiB free", "free some disk", True)]),
    ({"inotify_instances": 100}, {}, []),
    (
        {"inotify_instances": 99},
        {},
        [
            (
                "5 more machines need fs.inotify.max_user_instances to be 100; it is 99",
                "run Craton as root, or: sudo sysctl fs.inotify.max_user_instances=512",
                True,
            )
        ],
    ),
    ({"inotify_instances": 128}, {"workers": 3}, [("7 more machines", "max_user_instances=512", True)]),
    ({"inotify_instances": 128, "raises_limits": True}, {"workers": 3}, []),
    (
        {"inotify_instances": 128, "raises_limits": True},
        {"workers": 3, "local": Local(raise_limits=False)},
        [("7 more machines", "set local.raise_limits: true in the plan", True)],
    ),
    ({"inotify_watches": 8192}, {}, [("8192", "sudo sysctl fs.inotify.max_user_watches=524288", False)]),
    ({"inotify_watches": 8191}, {}, [("8191", "sudo sysctl fs.inotify.max_user_watches=524288", True)]),
    ({"modules": frozenset({"overlay"})}, {}, [("br_netfilter vxlan", "sudo modprobe -a br_netfilter vxlan", False)]),
    ({"modules": frozenset({"vxlan", "br_netfilter"})}, {}, [("overlay", "sudo modprobe -a overlay", True)]),
    ({"memory": None, "inotify_instances": None, "cgroup": None, "modules": frozenset()}, {}, []),
    ({}, {"local": Local(memory=512)}, [("512 MiB each", "set local.memory to 900", False)]),
]


@pytest.mark.parametrize(("computer", "planned", "expected"), JUDGEMENTS)
def test_preflight_says_what_is_missing_or_tight_and_what_mends_it(
    computer: dict[str, Any], planned: dict[str, Any], expected: list[tuple[str, str, bool]]
) -> None:
    given = plan(**planned)
    problems = preflight.judge(replace(ROOMY, **computer), given, topology(given))
    assert len(problems) == len(expected), problems
    for problem, (seen, remedy, fatal) in zip(problems, expected, strict=True):
        assert seen in problem.seen
        assert remedy in problem.remedy
        assert problem.fatal is fatal


def test_machines_that_exist_have_taken_their_share_already() -> None:
    given = plan()
    shape = topology(given)
    scarce = replace(ROOMY, memory=100, disk=100, inotify_instances=1)
    assert preflight.judge(scarce, given, shape, [machine.name for machine in shape.machines]) == []


def test_haproxy_passes_each_port_on_to_every_master() -> None:
    given = plan(ingress=Ingress(kind="load-balancer"))
    shape = topology(given)
    assert shape.load_balancer is not None
    text = balancer.configuration(shape.load_balancer, shape)
    blocks = {lines[0]: lines[1:] for block in text.split("\nlisten ")[1:] if (lines := block.strip().split("\n"))}
    assert list(blocks) == ["port-443", "port-80"]
    assert "frontend port-6443\n    bind *:6443\n" in text
    assert [line.split()[-1] for line in blocks["port-443"] if line.startswith("    server ")] == [
        f"{machine.address}:32000" for machine in shape.machines if machine.role == "master"
    ]
    assert "    bind *:80" in blocks["port-80"]


def test_steps_make_the_balancer_only_where_one_is_planned() -> None:
    for ingress, expected in ((Ingress(kind="infra", infra=1), False), (Ingress(kind="load-balancer"), True)):
        given = plan(ingress=ingress)
        steps = ordered(step for step in platform_steps(given, topology(given)) if step.phase is not Phase.DNS)
        ids = [step.id for step in steps]
        assert ("machines/load-balancer" in ids) is expected
        assert ids.index("machines/image") < ids.index("machines/create/demo-master-1")


def test_rehearsed_faults_are_refused_and_real_ones_named() -> None:
    with pytest.raises(InstallerError) as caught:
        open_platform(plan(), RunOptions(faults=("worker-1:prepare:hang",)))
    assert caught.value.exit_code is ExitCode.USAGE
    assert "craton local stop demo" in caught.value.hint


DOCKER_RUNS = 'case "$1" in --version) echo Docker version 27;; *) echo 27.0;; esac'
DOCKER_DENIED = 'case "$1" in --version) echo Docker version 27;; *) echo permission denied >&2; exit 1;; esac'
DOCKER_DOWN = 'case "$1" in --version) echo Docker version 27;; *) echo cannot connect >&2; exit 1;; esac'
DOCKER_IS_PODMAN = "echo podman version 4.3"
CHOICES: list[tuple[str, int, dict[str, str], str, str]] = [
    ("auto", 0, {"podman": "", "docker": DOCKER_RUNS}, "podman", ""),
    ("docker", 0, {"podman": "", "docker": DOCKER_RUNS}, "docker", ""),
    ("auto", 1000, {"podman": "", "docker": DOCKER_RUNS}, "docker", ""),
    ("podman", 1000, {"podman": ""}, "", "sudo -E"),
    ("auto", 1000, {"podman": ""}, "", "sudo apt-get install docker.io"),
    ("auto", 0, {}, "", "sudo apt-get install podman"),
    ("auto", 0, {"docker": DOCKER_DOWN}, "", "sudo systemctl start docker"),
    ("docker", 1000, {"docker": DOCKER_DENIED}, "", "sudo usermod -aG docker $USER"),
    ("docker", 1000, {"docker": DOCKER_IS_PODMAN}, "", "local.engine: podman"),
]


@pytest.mark.parametrize(("choice", "user", "programs", "expected", "mending"), CHOICES)
def test_the_engine_that_works_is_found_or_the_mending_command_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    choice: Any,
    user: int,
    programs: dict[str, str],
    expected: str,
    mending: str,
) -> None:
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: user)
    if expected:
        assert open_engine(choice).name == expected
        return
    with pytest.raises(InstallerError) as caught:
        open_engine(choice)
    assert caught.value.exit_code is ExitCode.PREFLIGHT
    assert mending in caught.value.hint


RESOLVERS = [
    (["nameserver 10.0.0.2\nnameserver fd00::1\n# nameserver 9.9.9.9\n"], ["10.0.0.2"]),
    (
        ["nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.168.1.1\nnameserver 1.1.1.1\n"],
        ["192.168.1.1", "1.1.1.1"],
    ),
    (["nameserver\nnameserver 127.0.0.1\n"], []),
    ([], []),
]


@pytest.mark.parametrize(("texts", "expected"), RESOLVERS)
def test_machines_ask_name_servers_that_they_can_reach(texts: list[str], expected: list[str]) -> None:
    assert network.name_servers(*texts) == tuple(expected)


class Listing(Engine):
    """An engine without an image, that has these machines: their states by name."""

    def __init__(self, cluster: str, **states: str) -> None:
        super().__init__("podman")
        labels = {names.CLUSTER: cluster}
        documents = [
            {"Name": name, "Config": {"Labels": labels}, "State": {"Status": state}} for name, state in states.items()
        ]
        object.__setattr__(self, "documents", documents)

    def exists(self, kind: str, name: str) -> bool:
        assert (kind, name) == ("image", image.reference())
        return False

    def call(self, *arguments: str, **_options: Any) -> str:
        assert arguments[:2] == ("ps", "--all"), arguments
        return "\n".join(document["Name"] for document in self.documents)  # type: ignore[attr-defined]

    def inspect(self, kind: str, *names: str) -> list[dict[str, Any]]:
        return [document for document in self.documents if document["Name"] in names]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("states", "needed"),
    [
        ({"master-1": "running", "worker-1": "exited", "lb": "paused"}, False),
        ({"master-1": "running", "worker-1": "created", "lb": "running"}, True),
        ({"master-1": "running", "worker-1": "running"}, True),
    ],
)
def test_an_image_is_built_only_for_a_machine_that_is_to_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, states: dict[str, str], needed: bool
) -> None:
    """A newer Craton has other inputs for it: a cluster that is whole needs none of it."""
    small = plan(masters=1, ingress=Ingress(kind="load-balancer"))
    found = Listing("demo", **{f"demo-{name}": state for name, state in states.items()})
    monkeypatch.setattr(LocalPlatform, "engine", found)
    world = World(small, topology(small), ClusterDirectory(tmp_path), open_platform(small, None), cast(Any, None))
    step = next(step for step in platform_steps(small, topology(small)) if step.id == "machines/image")
    assert step.action.observe(StepContext(world, PATIENCE)).holds is not needed
