"""How listings of EC2 are asked for: what AWS refuses, and moto passes over."""

from __future__ import annotations

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import refuses

_PAGED = {"DescribeInstances": "InstanceIds", "DescribeVolumes": "VolumeIds", "DescribeSubnets": "SubnetIds",
          "DescribeSecurityGroups": "GroupIds", "DescribeNetworkInterfaces": "NetworkInterfaceIds"}  # fmt: skip


@refuses(*(f"ec2:{action}" for action in _PAGED))
def check_page(_account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html (MaxResults)"""
    size = call.params.get("MaxResults")
    if size is None:
        return
    if not 5 <= int(size) <= 1000:
        raise Refused(
            "InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid. Expecting 5-1000."
        )
    if call.params.get(_PAGED[call.action]):
        words = f"The parameter {_PAGED[call.action]} cannot be used with the parameter maxResults"
        raise Refused("InvalidParameterCombination", words)
