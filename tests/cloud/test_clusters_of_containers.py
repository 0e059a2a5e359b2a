"""A small cluster in each cloud, on machines that boot: made, left alone by a resume, and gone without a trace.

Kubernetes' own programs are stand-ins: an install goes as far as the machines' preparation for it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import pytest

from installer.common.errors import ExitCode
from installer.plan.model import InstallPlan
from installer.steps.step import Phase
from tests.doubles.aws.account import Account
from tests.doubles.cloud.clusters import BOOTING, CloudCluster
from tests.doubles.cloud.containers import Containers
from tests.doubles.cloud.fabric import USER, connects
from tests.doubles.cloud.machines import Launch
from tests.doubles.gcp.os_login import posix_name
from tests.doubles.gcp.project import ACCOUNT, Project
from tests.doubles.local import TO_KUBERNETES, reviewed, steps_of
from tests.doubles.machines import the_engine
from tests.doubles.mirror import published, running_mirror
from tests.doubles.namespace import within
from tests.patience import PATIENCE, eventually

pytestmark = [pytest.mark.waits, pytest.mark.needs("containers", "network namespaces", "named", "haproxy")]


@contextmanager
def mirrored(platform: str, **fields: Any) -> Iterator[InstallPlan]:
    """A plan of a small cluster, whose machines find stand-ins of Kubernetes' programs at this computer."""
    given = {"name": "demo", "subdomain": "example.test", "platform": platform, "networks": {"user": f"{USER}/32"}}
    plan = InstallPlan.model_validate({**given, **fields})
    with running_mirror(published(plan), USER) as mirror:
        yield plan.model_copy(update={"artifacts": reviewed(plan, mirror.url)})


def installed(cluster: CloudCluster, plan: InstallPlan) -> None:
    """Install it, and again: the second run has nothing to do."""
    steps = tuple(steps_of(plan, *TO_KUBERNETES, Phase.DNS))
    assert cluster.run(plan, steps) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed
    assert cluster.run(plan, steps) is ExitCode.DONE, cluster.failures
    assert cluster.account.changed == []


def said(boxes: Containers, id: str, *command: str) -> str:
    return the_engine().call("exec", boxes.container(id), *command).strip()


def seen_at(boxes: Containers, id: str) -> str:
    """The address from which a machine's connections come to this computer."""
    with socket.create_server((USER, 0)) as here:
        here.settimeout(PATIENCE)
        assert within(boxes.fabric.namespace(id), lambda: connects(*here.getsockname()))
        return str(here.accept()[1][0])


def ways_in(boxes: Containers, here: str, there: str, port: int) -> tuple[bool, bool]:
    """Whether connections to a port of a machine come through: from this computer, and from another machine."""
    fabric, private, public = boxes.fabric, boxes.launch(there).private, boxes.public(there)
    with within(fabric.namespace(there), lambda: socket.create_server(("0.0.0.0", port))):
        return connects(public, port), within(fabric.namespace(here), lambda: connects(private, port))


def test_a_cluster_in_aws_on_machines_that_boot(aws: Account, ec2: Containers) -> None:
    boto3.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
    cluster = CloudCluster(aws, ec2, tempo=BOOTING)
    settings = {"master_type": "t3.medium", "infra_type": "t3.medium", "worker_type": "t3.medium",
                "zones": ["eu-central-1a"], "private_workers": True}  # fmt: skip
    with mirrored("aws", masters=1, workers=1, ingress={"kind": "load-balancer"}, aws=settings) as plan:
        installed(cluster, plan)
        ids = {said(ec2, id, "hostname"): id for id in ec2.names}
        assert set(ids) == {"demo-master-1", "demo-worker-1"}
        master, worker = ids["demo-master-1"], ids["demo-worker-1"]
        status = json.loads(said(ec2, master, "cloud-init", "status", "--format", "json"))
        assert (status["status"], status["errors"], status["recoverable_errors"]) == ("done", [], {})
        assert "Cloud-init v. " in boto3.client("ec2").get_console_output(InstanceId=master, Latest=True)["Output"]
        balancer = boto3.client("elbv2").describe_load_balancers()["LoadBalancers"][0]["DNSName"].lower()
        assert said(ec2, worker, "getent", "hosts", plan.console_host).split()[:1] == ec2.asked(worker, balancer)
        assert ways_in(ec2, worker, master, 6443) == (True, True)  # N1
        assert ways_in(ec2, worker, master, 2379) == (False, False)  # N2: from masters alone
        assert not ec2.public(worker)
        (address,) = boto3.client("ec2").describe_addresses()["Addresses"]
        assert (seen_at(ec2, worker), seen_at(ec2, master)) == (address["PublicIp"], ec2.public(master))
        assert cluster.destroy(plan) is ExitCode.DONE, cluster.failures
    ec2.close()
    assert (ec2.names, ec2.remains()) == ([], [])


def test_a_cluster_in_google_cloud_on_machines_that_boot(gcp: Project, compute: Containers) -> None:
    gcp.zones["mine"] = {"dnsName": "example.test.", "rrsets": {}, "changes": {}}
    cluster = CloudCluster(gcp, compute, tempo=BOOTING)
    infra = {"kind": "infra", "infra": 1}
    gcp.metadata["enable-oslogin"] = "TRUE"
    with mirrored("gcp", masters=1, workers=1, ingress=infra, gcp={"private_workers": True}) as plan:
        installed(cluster, plan)
        ids = {said(compute, id, "hostname"): id for id in compute.names}
        assert set(ids) == {"demo-master-1", "demo-infra-1", "demo-worker-1"}
        master, infra_1, worker = ids["demo-master-1"], ids["demo-infra-1"], ids["demo-worker-1"]
        assert "google_guest_agent: " in compute.console(master)
        assert compute.asked(master, plan.console_host) == [compute.public(infra_1)]
        assert ways_in(compute, master, infra_1, 443) == (True, True)  # I1
        assert ways_in(compute, master, infra_1, 10250) == (False, True)  # N6: from masters alone
        user = posix_name(ACCOUNT)
        assert said(compute, worker, "id", "-Gn", user).split() == [user, "google-sudoers"]
        assert not compute.public(worker)
        (nat,) = gcp.nat_addresses.values()
        assert (seen_at(compute, worker), seen_at(compute, master)) == (nat, compute.public(master))
        assert cluster.destroy(plan) is ExitCode.DONE, cluster.failures
        assert gcp.remains() == []
    compute.close()
    assert (compute.names, compute.remains()) == ([], [])


def test_a_machine_gets_the_address_of_one_that_still_ends(ec2: Containers) -> None:
    launch = Launch("i-1", 0, "10.10.0.5", "", b"#cloud-config", "eu-central-1a", "eu-central-1", "t3.medium", "ami-1",
                    "x86_64", (), True, 2, {})  # fmt: skip
    ec2.start(launch)
    eventually(lambda: "Cloud-init v. " in ec2.console("i-1"), "the first machine to boot")
    ec2.stop("i-1")
    ec2.start(replace(launch, id="i-2"))
    eventually(lambda: ec2.console("i-2"), "the second machine to boot, or to say why it doesn't")
    assert said(ec2, "i-2", "hostname") == "ip-10-10-0-5"


def test_a_balancer_of_google_cloud_leads_to_a_machine_that_boots(gcp: Project, compute: Containers) -> None:
    gcp.zones["mine"] = {"dnsName": "example.test.", "rrsets": {}, "changes": {}}
    cluster = CloudCluster(gcp, compute, tempo=BOOTING)
    balancer = {"kind": "load-balancer"}
    with mirrored("gcp", masters=1, workers=0, schedulable_masters=True, ingress=balancer) as plan:
        steps = steps_of(plan, Phase.CHECK, Phase.NETWORK, Phase.MACHINES, Phase.CONNECT, Phase.DNS)
        assert cluster.run(plan, tuple(steps)) is ExitCode.DONE, cluster.failures
        (master,), (address,) = compute.names, gcp.of("addresses")
        assert compute.asked(master, plan.api_host) == [address["address"]]
        with within(compute.fabric.namespace(master), lambda: socket.create_server(("0.0.0.0", 6443))) as server:
            server.settimeout(PATIENCE)
            eventually(lambda: compute.listens(master, 6443), "the balancer to find the API server")
            with socket.create_connection((address["address"], 6443), timeout=PATIENCE):
                eventually(lambda: server.accept()[1][0] == USER, "a connection from this computer")
        assert cluster.destroy(plan) is ExitCode.DONE, cluster.failures
        assert gcp.remains() == []
