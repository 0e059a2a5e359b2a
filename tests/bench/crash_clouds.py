"""Every changing call to a cloud fails once in each way, in an install and a destroy: no twin, and nothing left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest.mock import patch

import boto3

from tests.aws import clusters as aws_clusters
from tests.doubles.aws import environment as aws_environment
from tests.doubles.aws import faults as aws_faults
from tests.doubles.aws import server as aws_server
from tests.doubles.aws.remains import keep, renew
from tests.doubles.cloud import guest_agent
from tests.doubles.cloud.stand_ins import StandIns
from tests.doubles.gcp import environment as gcp_environment
from tests.doubles.gcp import faults as gcp_faults
from tests.doubles.gcp import server as gcp_server
from tests.gcp import clusters as gcp_clusters

Story = tuple[str, bool]
"""A fault, and whether the cluster has a load balancer."""


def every_fault_of_aws() -> tuple[int, list[str]]:
    """How many stories were played, and what went wrong in them."""
    with aws_server.served() as (account, endpoint):

        def play(story: Story) -> None:
            renew(account)
            boto3.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
            keep(account)
            account.machines = stand_ins = StandIns()
            cluster = aws_clusters.Cluster(account, stand_ins)
            aws_clusters.endure(cluster, aws_faults.Fault(story[0]), balancer=story[1])

        return _played(aws_faults.Fault, lambda room: aws_environment.environment(endpoint, room), play)


def every_fault_of_gcp() -> tuple[int, list[str]]:
    """How many stories were played, and what went wrong in them."""
    with gcp_server.served() as (project, endpoint):

        def play(story: Story) -> None:
            gcp_server.renew(project)
            project.zones["mine"] = {"dnsName": "example.test.", "rrsets": {}, "changes": {}}
            project.machines = stand_ins = StandIns(guest_agent.read)
            cluster = gcp_clusters.Cluster(project, stand_ins)
            gcp_clusters.endure(cluster, gcp_faults.Fault(story[0]), balancer=story[1])
            assert not project.refused, f"refused: {project.refused[0]}"

        return _played(gcp_faults.Fault, lambda room: gcp_environment.environment(endpoint, room), play)


def _played(
    faults: Iterable[str], environment: Callable[[Path], dict[str, str]], play: Callable[[Story], None]
) -> tuple[int, list[str]]:
    played, wrong = 0, []
    for fault in faults:
        for balancer in (False, True):
            with tempfile.TemporaryDirectory(prefix="craton-crash-") as room:
                with patch.dict(os.environ, environment(Path(room)) | {"CRATON_HOME": f"{room}/home"}):
                    try:
                        play((str(fault), balancer))
                    except AssertionError as error:
                        ingress = "load balancer" if balancer else "infra nodes"
                        wrong.append(f"{fault}, {ingress}: {str(error).strip().splitlines()[0]}")
                played += 1
    return played, wrong
