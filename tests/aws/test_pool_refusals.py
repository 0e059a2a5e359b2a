"""What the double of Auto Scaling, Secrets Manager and instances' credentials refuses. Each case names its page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.aws.user import ONCE, SMALL, User, code
from tests.doubles.aws import sessions
from tests.doubles.aws.account import Account

_SCALING = "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/"
_SECRETS = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/"
_TEMPLATES = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RequestLaunchTemplateData.html"
_SIGNING = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"
_POLICIES = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"


class Pool(NamedTuple):
    """A network, and a template for instances in it."""

    user: User
    subnet: str
    template: str

    @property
    def scaling(self) -> Any:
        return self.user.client("autoscaling")

    @property
    def secrets(self) -> Any:
        return self.user.client("secretsmanager")

    def group(self, size: int = 2, **more: Any) -> list[str]:
        """Make a group; the ids of its instances, once somebody has looked."""
        given = {"MinSize": 0, "MaxSize": size, "DesiredCapacity": size, "VPCZoneIdentifier": self.subnet,
                 "NewInstancesProtectedFromScaleIn": True}  # fmt: skip
        template = {"LaunchTemplateId": self.template, "Version": "$Latest"}
        self.scaling.create_auto_scaling_group(AutoScalingGroupName="demo", LaunchTemplate=template, **given | more)
        return self.ids()

    def ids(self) -> list[str]:
        found = self.scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        return [one["InstanceId"] for group in found for one in group["Instances"]]


@pytest.fixture
def pool(user: User, subnet: tuple[str, str]) -> Pool:
    profile = user.profile()
    with pytest.raises(ClientError):  # the first launch with a new profile
        user.run(*subnet, IamInstanceProfile={"Name": profile})
    data = {
        "ImageId": user.image(),
        "InstanceType": SMALL,
        "IamInstanceProfile": {"Name": profile},
        "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [subnet[1]], "AssociatePublicIpAddress": True}],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": True}}],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "craton/pool", "Value": "demo"}]}],
    }
    made = user.ec2.create_launch_template(LaunchTemplateName="demo", LaunchTemplateData=data)
    return Pool(user, subnet[0], made["LaunchTemplate"]["LaunchTemplateId"])


def _below(pool: Pool) -> None:
    pool.scaling.terminate_instance_in_auto_scaling_group(
        InstanceId=pool.group(MinSize=2)[0], ShouldDecrementDesiredCapacity=True
    )


def _not_its_own(pool: Pool) -> None:
    pool.group()
    pool.scaling.terminate_instance_in_auto_scaling_group(InstanceId="i-0", ShouldDecrementDesiredCapacity=False)


def _twice(pool: Pool) -> None:
    pool.group()
    pool.group()


def _without_force(pool: Pool) -> None:
    pool.group()
    pool.scaling.delete_auto_scaling_group(AutoScalingGroupName="demo")


def _update(pool: Pool) -> None:
    pool.group()
    pool.scaling.update_auto_scaling_group(AutoScalingGroupName="demo", DesiredCapacity=9)


def _both(pool: Pool) -> None:
    data = {"NetworkInterfaces": [{"DeviceIndex": 0}], "SecurityGroupIds": ["sg-0"]}
    pool.user.ec2.create_launch_template(LaunchTemplateName="other", LaunchTemplateData=data)


def _too_long(pool: Pool) -> None:
    pool.secrets.create_secret(Name="craton/demo/pool", SecretString="x" * 65_537)


def _too_soon(pool: Pool) -> None:
    pool.secrets.create_secret(Name="craton/demo/pool", SecretString="x")
    pool.secrets.delete_secret(SecretId="craton/demo/pool", ForceDeleteWithoutRecovery=True)
    pool.secrets.create_secret(Name="craton/demo/pool", SecretString="x")


def _name(pool: Pool) -> None:
    pool.secrets.create_secret(Name="craton demo", SecretString="x")


REFUSED: tuple[tuple[Callable[[Pool], Any], str, str], ...] = (
    (lambda pool: pool.group(DesiredCapacity=3), "ValidationError", f"{_SCALING}API_CreateAutoScalingGroup.html"),
    (_twice, "AlreadyExists", f"{_SCALING}API_CreateAutoScalingGroup.html"),
    (_update, "ValidationError", f"{_SCALING}API_UpdateAutoScalingGroup.html"),
    (_without_force, "ResourceInUse", f"{_SCALING}API_DeleteAutoScalingGroup.html"),
    (_below, "ValidationError", f"{_SCALING}API_TerminateInstanceInAutoScalingGroup.html"),
    (_not_its_own, "ValidationError", f"{_SCALING}API_TerminateInstanceInAutoScalingGroup.html"),
    (_both, "InvalidParameterCombination", _TEMPLATES),
    (_too_long, "InvalidParameterException", f"{_SECRETS}API_CreateSecret.html"),
    (_too_soon, "InvalidRequestException", f"{_SECRETS}API_DeleteSecret.html"),
    (_name, "InvalidParameterException", f"{_SECRETS}API_CreateSecret.html"),
)


@pytest.mark.parametrize(("attempt", "answer", "page"), REFUSED, ids=[f"{one[1]}-{n}" for n, one in enumerate(REFUSED)])
def test_what_aws_refuses_is_refused(pool: Pool, attempt: Callable[[Pool], Any], answer: str, page: str) -> None:
    with pytest.raises(ClientError) as error:
        attempt(pool)
    assert code(error) == answer, page


def test_a_group_makes_in_its_time_what_it_lacks_and_takes_all_with_it(pool: Pool, aws: Account) -> None:
    first = pool.group()
    assert len(first) == 2
    pool.scaling.terminate_instance_in_auto_scaling_group(InstanceId=first[0], ShouldDecrementDesiredCapacity=False)
    second = pool.ids()
    assert first[0] not in second
    assert first[1] in second
    assert len(second) == 2
    pool.user.ec2.describe_instances()
    pool.user.ec2.terminate_instances(InstanceIds=[second[0]])
    assert len({*pool.ids()} - {second[0]}) == 2, "one that somebody ended is replaced"
    pool.scaling.terminate_instance_in_auto_scaling_group(InstanceId=pool.ids()[0], ShouldDecrementDesiredCapacity=True)
    assert len(pool.ids()) == 1
    pool.scaling.delete_auto_scaling_group(AutoScalingGroupName="demo", ForceDelete=True)
    assert all(one.state in ("shutting-down", "terminated") for one in aws.instances())


def test_instances_may_do_what_their_role_s_policies_allow_with_requests_they_signed(pool: Pool, aws: Account) -> None:
    pool.user.client("iam").put_role_policy(
        RoleName="demo-worker", PolicyName="join", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"],
            "Resource": "arn:*:secretsmanager:eu-central-1:*:secret:craton/demo/pool-??????",
        }]}),
    )  # fmt: skip
    for name in ("craton/demo/pool", "craton/other/pool"):
        pool.secrets.create_secret(Name=name, SecretString="open")
    mine = sessions.issue(aws, "demo-worker")

    def get(name: str, secret: str = mine.secret, token: str = mine.token) -> str:
        asked = boto3.client("secretsmanager", config=ONCE, aws_access_key_id=mine.key, aws_secret_access_key=secret,
                             aws_session_token=token)  # fmt: skip
        return str(asked.get_secret_value(SecretId=name)["SecretString"])

    assert get("craton/demo/pool") == "open"
    refused = ((("craton/other/pool",), "AccessDeniedException", _POLICIES),
               (("craton/demo/pool", "guessed"), "InvalidSignatureException", _SIGNING),
               (("craton/demo/pool", mine.secret, "guessed"), "UnrecognizedClientException", _SIGNING))  # fmt: skip
    for given, answer, page in refused:
        with pytest.raises(ClientError) as error:
            get(*given)
        assert code(error) == answer, page
