"""Every changing call to AWS fails once in each way, in an install and a destroy: no twin, and nothing left."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest.mock import patch

import boto3

from tests.aws.clusters import Cluster, endure
from tests.doubles.aws.environment import environment
from tests.doubles.aws.faults import Fault
from tests.doubles.aws.remains import keep, renew
from tests.doubles.aws.server import served
from tests.doubles.cloud.stand_ins import StandIns


def every_fault() -> tuple[int, list[str]]:
    """How many stories were played, and what went wrong in them."""
    played, wrong = 0, []
    with served() as (account, endpoint):
        for fault in Fault:
            for balancer in (False, True):
                with tempfile.TemporaryDirectory(prefix="craton-crash-") as room:
                    variables = environment(endpoint, Path(room)) | {"CRATON_HOME": f"{room}/home"}
                    with patch.dict(os.environ, variables):
                        renew(account)
                        boto3.client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
                        keep(account)
                        account.machines = stand_ins = StandIns()
                        try:
                            endure(Cluster(account, stand_ins), fault, balancer=balancer)
                        except AssertionError as error:
                            ingress = "load balancer" if balancer else "infra nodes"
                            wrong.append(f"{fault}, {ingress}: {str(error).strip().splitlines()[0]}")
                        played += 1
    return played, wrong
