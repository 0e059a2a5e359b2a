"""The policy that Craton asks for is whole, and no wider than its requests."""

from __future__ import annotations

import ast
import json

from installer.plan.rules import Role
from installer.platforms.aws.access import policy
from installer.platforms.aws.account import action_of
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
            if len(strings) >= 2 and strings[0] in ("ec2", "elbv2", "iam", "route53", "ssm", "sts", "pricing",
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
    master = policy(Role.MASTER, "demo", "eu-central-1")
    by_id = {statement["Sid"]: statement for statement in master["Statement"]}
    assert by_id["Change"]["Condition"] == {"StringEquals": {"aws:ResourceTag/kubernetes.io/cluster/demo": "owned"}}
    assert not any(action.startswith("iam:") for one in master["Statement"] for action in one["Action"])
    for role in (Role.INFRA, Role.WORKER):
        (look,) = policy(role, "demo", "eu-central-1")["Statement"]
        assert look["Action"] == ["ec2:DescribeInstances", "ec2:DescribeRegions"]
