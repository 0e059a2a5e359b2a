"""The policy that Craton asks for is whole, and no wider than its requests."""

from __future__ import annotations

import ast
import json
from typing import Any

from installer.accounts.aws.account import action_of
from installer.plan.rules import Role
from installer.platforms.aws.access import policy
from installer.platforms.aws.listing import EC2
from installer.platforms.aws.policy import ACTIONS, document
from tests.craton import ROOT


def requests() -> set[str]:
    """The actions of every request in the code: each is named where it is made, or in a table."""
    found = {action_of("ec2", kind.operation) for kind in EC2.values()}
    for path in (ROOT / "installer/platforms/aws").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            words = [part.value for part in node.args if isinstance(part, ast.Constant)]
            strings = [word for word in words if isinstance(word, str)]
            if len(strings) >= 2 and strings[0] in ("ec2", "elb", "elbv2", "iam", "route53", "ssm", "sts", "pricing",
                                                    "service-quotas"):  # fmt: skip
                found.add(action_of(strings[0], strings[1]))
    return found


def test_every_request_is_allowed() -> None:
    made = requests()
    assert len(made) > 40
    assert made <= set(ACTIONS)


def test_the_policy_is_one_that_iam_takes() -> None:
    text = json.dumps(document())
    assert len(text.replace(" ", "")) < 6144, "IAM's limit of a managed policy"
    assert len(set(ACTIONS)) == len(ACTIONS)


def test_machines_change_only_what_has_the_clusters_tag() -> None:
    tag = "kubernetes.io/cluster/demo"
    for volumes in (False, True):
        by_id = statements(volumes=volumes)
        assert by_id["Change"]["Condition"] == {"StringEquals": {f"aws:ResourceTag/{tag}": "owned"}}
        for made in ("MakeGroup", *(["MakeVolume"] if volumes else [])):
            assert by_id[made]["Condition"]["StringEquals"][f"aws:RequestTag/{tag}"] == "owned"
        iam = {action for one in by_id.values() for action in one["Action"] if action.startswith("iam:")}
        assert iam == {"iam:CreateServiceLinkedRole"}
        assert by_id["FirstBalancer"]["Condition"]["StringEquals"] == {
            "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"
        }
    for role in (Role.INFRA, Role.WORKER):
        assert policy(role, "demo", "eu-central-1", volumes=True) is None


def statements(*, volumes: bool) -> dict[str, Any]:
    found = policy(Role.MASTER, "demo", "eu-central-1", volumes=volumes)
    assert found is not None
    assert len(json.dumps(found).replace(" ", "")) < 10_240, "IAM's limit of a role's own policies"
    return {statement["Sid"]: statement for statement in found["Statement"]}


def test_masters_may_touch_volumes_only_where_the_csi_driver_runs() -> None:
    def of_volumes(*, volumes: bool) -> set[str]:
        every = (action for one in statements(volumes=volumes).values() for action in one["Action"])
        return {action for action in every if "Volume" in action}

    assert of_volumes(volumes=False) == set()
    assert {"ec2:AttachVolume", "ec2:CreateVolume", "ec2:DeleteVolume"} < of_volumes(volumes=True)
