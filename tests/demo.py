"""`make demo PLATFORM=aws` and `PLATFORM=gcp`: a whole cluster in a cloud that is a double on this computer.

With Kubernetes' programs at hand (ARTIFACTS, MIRROR, or the internet) and as root with podman, machines are system
containers, and the cluster is real. Without, or with --stand-ins, machines are stand-ins behind SSH, as in a rehearsal.
The demonstration says which, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.plan import planfile
from installer.platforms.local import image
from installer.platforms.local.network import host_name_servers
from tests.doubles.cloud import guest_agent
from tests.doubles.cloud.cloud_init import read as cloud_init_read
from tests.doubles.cloud.containers import Containers
from tests.doubles.cloud.doorway import doorway
from tests.doubles.cloud.fabric import USER
from tests.doubles.cloud.machines import Machines
from tests.doubles.cloud.stand_ins import StandIns
from tests.doubles.cloud.systems import EC2, GOOGLE, System
from tests.doubles.machines import CACHE, Patience, share_images, the_engine
from tests.doubles.mirror import Mirror, folder_served, published, running_mirror
from tests.needs import lacking

CONTAINERS = ("containers", "network namespaces", "named", "haproxy")
_PUBLISHER = "https://dl.k8s.io/release/stable.txt"
_SIZE = ("--masters", "3", "--workers", "2", "--ingress", "infra", "--infra", "1")
_OURS = "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY"


@dataclass
class Cloud:
    """A cloud's double that serves at `endpoint`. `flags` are those of `craton new`; `put` has these machines behind
    it. `environment` is that of Craton, for an endpoint and a directory without credentials.
    """

    name: str
    endpoint: str
    system: System
    first_boot: Callable[[bytes], Any]
    flags: tuple[str, ...]
    environment: Callable[[str, Path], Mapping[str, str]]
    put: Callable[[Machines], None]
    address_from: Callable[[Callable[[], str]], None]
    remains: Callable[[], list[str]]
    counted: Callable[[], int]


@contextmanager
def aws() -> Iterator[Cloud]:
    import boto3

    from tests.doubles.aws import server
    from tests.doubles.aws.account import REGION
    from tests.doubles.aws.environment import environment
    from tests.doubles.aws.remains import keep, remains

    with server.served() as (account, endpoint), tempfile.TemporaryDirectory() as room:
        known = environment(endpoint, Path(room))
        boto3.client(
            "route53", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        ).create_hosted_zone(Name="example.test", CallerReference="1")  # fmt: skip
        keep(account)
        types = [word for role in ("master", "infra", "worker") for word in (f"--aws-{role}-type", "t3.medium")]
        yield Cloud(
            "AWS", endpoint, EC2, cloud_init_read, ("--aws-region", REGION, *types), environment,
            lambda machines: setattr(account, "machines", machines),
            lambda give: setattr(account, "next_address", give),
            lambda: remains(account), account.counted,
        )  # fmt: skip


@contextmanager
def gcp() -> Iterator[Cloud]:
    from tests.doubles.gcp import server
    from tests.doubles.gcp.environment import environment
    from tests.doubles.gcp.project import PROJECT, REGION

    with server.served() as (project, endpoint):
        project.zones["mine"] = {"dnsName": "example.test.", "rrsets": {}, "changes": {}}
        yield Cloud(
            "Google Cloud", endpoint, GOOGLE, guest_agent.read, ("--gcp-project", PROJECT, "--gcp-region", REGION),
            environment,
            lambda machines: setattr(project, "machines", machines),
            lambda give: setattr(project, "next_address", give),
            lambda: [*project.remains(), *project.refused], project.counted,
        )  # fmt: skip


CLOUDS = {"aws": aws, "gcp": gcp}


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 0 if the cluster was installed, found healthy and removed, and nothing is left."""
    parser = argparse.ArgumentParser()
    parser.add_argument("platform", choices=CLOUDS)
    for flag in ("--artifacts", "--mirror", "--speed", "--answers"):
        parser.add_argument(flag, default="")
    parser.add_argument("--stand-ins", action="store_true")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="craton-demo-") as made, ExitStack() as stack:
        directory = Path(made)
        os.environ["CRATON_HOME"] = str(directory)
        os.chdir(directory)
        cloud = stack.enter_context(CLOUDS[given.platform]())
        say(f"{cloud.name} is a double on this computer: no account, no cost, no request to {cloud.name} itself.")
        why = "you asked for that" if given.stand_ins else without_containers(given)
        if why and (given.artifacts or given.mirror):
            say(f"System containers can't be made: {why}.")
            return 1
        if why:
            say(f"The machines are stand-ins behind SSH, as in a rehearsal, and so is Kubernetes: {why}.")
            programs = stack.enter_context(running_mirror({}))
            given.mirror = programs.url
            return demonstrate(cloud, stand_ins(cloud, stack), given, directory, stack, programs)
        say("The machines are system containers of podman. What runs on them is real, Kubernetes as well.")
        return demonstrate(cloud, containers(cloud, stack, closed=bool(given.artifacts)), given, directory, stack)


def demonstrate(
    cloud: Cloud,
    left: Callable[[], list[str]],
    given: argparse.Namespace,
    directory: Path,
    stack: ExitStack,
    programs: Mirror | None = None,
) -> int:
    """The commands of a cluster's whole life. `left` says what machines remain; `programs` gets stand-ins of
    Kubernetes' programs.
    """
    environment = {**os.environ, **cloud.environment(cloud.endpoint, directory), "CRATON_HOME": str(directory)}
    if programs is None and not given.artifacts:
        for name in _OURS:  # of the double's, which keep every request on this computer
            environment.pop(name, None)
            environment |= {name: os.environ[name]} if name in os.environ else {}
    artifacts = ("--artifacts", given.artifacts) if given.artifacts else ()
    mirror = ("--mirror", given.mirror) if given.mirror else ()
    speed = ("--speed", given.speed) if given.speed else ()
    named = ("--yes", "--name", "demo", "--subdomain", "example.test", "--platform", given.platform)

    def run(*words: str) -> int:
        print("+ craton", *words, flush=True)
        command = [str(Path(sys.executable).with_name("craton")), *words]
        with subprocess.Popen(command, env=environment) as running:
            # A ctrl+c is for the command that runs: it ends, and what it made is destroyed as after any install.
            signal.signal(signal.SIGINT, lambda *_: None)
            signal.signal(signal.SIGTERM, lambda *_: running.send_signal(signal.SIGINT))
            return running.wait()

    answers = shlex.split(given.answers)
    code = run("new", *named, *cloud.flags, "--user-network", f"{USER}/32", *mirror, *_SIZE, *answers)
    if code == 0:
        plan = planfile.load(directory / "demo.yaml")
        if programs is not None:
            programs.reset(published(plan))
        if plan.worker_pool and artifacts:  # machines of a pool get nothing from this computer but what it serves
            url = stack.enter_context(folder_served(Path(given.artifacts), USER))
            say(f"A pool's machines fetch for themselves: {url} serves {given.artifacts} as a mirror.")
            served = plan.artifacts.model_copy(update={"mirror": url})
            planfile.save(directory / "demo.yaml", plan.model_copy(update={"artifacts": served}))
            artifacts = ()
        code = run("apply", "demo.yaml", "--yes", "--close", *speed, *artifacts)
        code = code or run("check", "demo", "--plain")
        code = run("destroy", "demo", "--yes", "--plain") or code
    remains = [*cloud.remains(), *left()]
    say(f"Craton made {cloud.counted()} requests to {cloud.name}'s API in all.")
    say(f"Left behind: {', '.join(remains)}." if remains else "Nothing is left in the account, nor of the machines.")
    return code or bool(remains)


def without_containers(given: argparse.Namespace) -> str:
    """Why machines can't be containers with a real Kubernetes; empty if they can."""
    if why := next(filter(None, map(lacking, CONTAINERS)), ""):
        return why
    if not (given.artifacts or given.mirror or online()):
        return "neither ARTIFACTS nor MIRROR says where Kubernetes' programs are, and dl.k8s.io doesn't answer"
    return ""


def online() -> bool:
    """Whether Kubernetes' own server answers."""
    try:
        urllib.request.urlopen(_PUBLISHER, timeout=5).close()
    except (OSError, urllib.error.URLError):
        return False
    return True


def containers(cloud: Cloud, stack: ExitStack, *, closed: bool) -> Callable[[], list[str]]:
    if CACHE.exists():  # tests have built the image before
        share_images()
    say("The machines' image comes first: a minute, unless this computer has it.")
    engine = the_engine()
    name = image.ensure(engine, Patience())
    stack.callback(image.release, engine)
    found = stack.enter_context(Containers(cloud.system, engine, name, () if closed else host_name_servers()))
    cloud.put(found)
    cloud.address_from(found.fabric.next_address)
    cloud.endpoint = stack.enter_context(doorway(cloud.endpoint, USER))  # a pool's machines ask the API themselves

    def left() -> list[str]:
        found.close()
        return found.remains()

    return left


def stand_ins(cloud: Cloud, stack: ExitStack) -> Callable[[], list[str]]:
    found = StandIns(cloud.first_boot)
    stack.callback(found.close)
    cloud.put(found)
    return lambda: found.names


def say(text: str) -> None:
    width = min(100, shutil.get_terminal_size().columns)
    print("\n".join(["", *textwrap.wrap(text, width), ""]), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
