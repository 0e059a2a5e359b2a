"""Which of the actions that a cluster needs its caller may not do, as far as EC2 tells without doing them."""

from __future__ import annotations

from typing import Any

from installer.accounts.aws.account import Account, action_of
from installer.accounts.aws.errors import AwsError
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.platforms.aws.images import Images

_WOULD = "DryRunOperation"
_REFUSED = ("UnauthorizedOperation", "AccessDenied")
_NONE = "00000000000000000"
"""The end of the id of a thing that doesn't exist: EC2 asks the caller's policy before it looks for the thing."""
_TABLE = {"RouteTableId": f"rtb-{_NONE}"}
_ROUTES: dict[str, dict[str, Any]] = {
    "create_route_table": {"VpcId": f"vpc-{_NONE}"},
    "create_route": {**_TABLE, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": f"igw-{_NONE}"},
    "associate_route_table": {**_TABLE, "SubnetId": f"subnet-{_NONE}"},
    "disassociate_route_table": {"AssociationId": f"rtbassoc-{_NONE}"},
    "delete_route_table": _TABLE,
}
_NAT: dict[str, dict[str, Any]] = {
    "create_nat_gateway": {"SubnetId": f"subnet-{_NONE}", "AllocationId": f"eipalloc-{_NONE}"},
    "delete_nat_gateway": {"NatGatewayId": f"nat-{_NONE}"},
}
_ADDRESS: dict[str, dict[str, Any]] = {
    "allocate_address": {"Domain": "vpc"},
    "release_address": {"AllocationId": f"eipalloc-{_NONE}"},
}


def missing(account: Account, images: Images, plan: InstallPlan) -> list[str]:
    """Actions that EC2 refuses this caller. Other services have no dry runs; theirs show when they are first needed."""
    aws = plan.settings_of(Aws)
    tries: dict[str, dict[str, Any]] = {"create_security_group": {"GroupName": plan.name, "Description": "Craton"}}
    if aws.vpc:
        tries["create_security_group"]["VpcId"] = aws.vpc
    else:
        tries["create_vpc"] = {"CidrBlock": str(plan.networks.machines)}
        tries["create_internet_gateway"] = {}
        tries |= _ROUTES | (_NAT if aws.private_workers else {})
    if plan.infra or (aws.private_workers and not aws.vpc):
        tries |= _ADDRESS
    try:
        image = images.of(aws.image, aws.master_type).id
        tries["run_instances"] = {"ImageId": image, "InstanceType": aws.master_type, "MinCount": 1, "MaxCount": 1}
    except InstallerError:  # the check of images says it
        pass
    return [action_of("ec2", operation) for operation, given in tries.items() if _refused(account, operation, given)]


def _refused(account: Account, operation: str, given: dict[str, Any]) -> bool:
    try:
        account.ask("ec2", operation, DryRun=True, **given)
    except AwsError as error:
        if error.code in _REFUSED:
            return True
        if error.code != _WOULD and error.retryable and not error.missing:
            raise
    return False
