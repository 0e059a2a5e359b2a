"""Faults that a test asks for: the error with which each service would answer.

Codes are those of AWS's references: "Error codes for the Amazon EC2 API" (ec2), and "Common errors" of every other.
"""

from __future__ import annotations

from enum import StrEnum

from tests.doubles.aws.call import Call, Lost, Refused


class Fault(StrEnum):
    """How a call fails. `LOST` loses the answer after the call took effect; `UNREACHABLE` loses the question."""

    THROTTLING = "throttling"
    CAPACITY = "capacity"
    PERMISSION = "permission"
    QUOTA = "quota"
    EXPIRED = "expired"
    UNREACHABLE = "unreachable"
    LOST = "lost"


_JSON = ("ssm", "service-quotas", "pricing", "kms", "secretsmanager")
QUOTAS = {
    "ec2:RunInstances": "VcpuLimitExceeded",
    "ec2:CreateVpc": "VpcLimitExceeded",
    "ec2:CreateSubnet": "SubnetLimitExceeded",
    "ec2:CreateInternetGateway": "InternetGatewayLimitExceeded",
    "ec2:CreateRouteTable": "RouteTableLimitExceeded",
    "ec2:CreateRoute": "RouteLimitExceeded",
    "ec2:CreateSecurityGroup": "SecurityGroupLimitExceeded",
    "ec2:AuthorizeSecurityGroupIngress": "RulesPerSecurityGroupLimitExceeded",
    "ec2:AllocateAddress": "AddressLimitExceeded",
    "ec2:CreateNatGateway": "NatGatewayLimitExceeded",
    "elbv2:CreateLoadBalancer": "TooManyLoadBalancers",
    "elbv2:CreateTargetGroup": "TooManyTargetGroups",
    "elbv2:CreateListener": "TooManyListeners",
    "elbv2:RegisterTargets": "TooManyTargets",
    "iam:CreateRole": "LimitExceeded",
    "iam:CreateInstanceProfile": "LimitExceeded",
    "iam:PutRolePolicy": "LimitExceeded",
    "iam:AddRoleToInstanceProfile": "LimitExceeded",
    "ssm:PutParameter": "ParameterLimitExceeded",
    "secretsmanager:CreateSecret": "LimitExceededException",
    "autoscaling:CreateAutoScalingGroup": "LimitExceeded",
}
"""The error of a quota that is used up, of calls that count against one."""
CAPACITY = {
    "ec2:RunInstances": "InsufficientInstanceCapacity",
    "ec2:AllocateAddress": "InsufficientAddressCapacity",
    "ec2:CreateVolume": "InsufficientVolumeCapacity",
}
"""The error of a zone that has no room, of calls that need some."""


def applies(name: str, fault: Fault) -> bool:
    """Whether a call (`ec2:CreateVpc`) can fail so at all."""
    return name in {Fault.QUOTA: QUOTAS, Fault.CAPACITY: CAPACITY}.get(fault, (name,))


def error(call: Call, fault: Fault) -> Exception:
    """What the service answers to the call."""
    json = call.service in _JSON
    match fault:
        case Fault.THROTTLING:
            code, words = _throttled(call.service)
            return Refused(code, words, 503 if call.service == "ec2" else 400)
        case Fault.CAPACITY:
            return Refused(CAPACITY[call.name], "We currently do not have sufficient capacity in the zone.", 500)
        case Fault.QUOTA:
            return Refused(QUOTAS[call.name], f"The maximum number for {call.action} has been reached.")
        case Fault.PERMISSION:
            return denied(call)
        case Fault.EXPIRED if call.service == "ec2":
            return Refused("RequestExpired", "Request has expired.")
        case Fault.EXPIRED:
            code = "ExpiredTokenException" if json else "ExpiredToken"
            return Refused(code, "The security token included in the request is expired", 400 if json else 403)
    return Lost()


def denied(call: Call, permission: str = "") -> Refused:
    """The answer to a caller whose policy lacks `permission`, by default that of the call itself."""
    wanted = permission or call.permission
    words = f"User: arn:aws:iam::123456789012:user/ada is not authorized to perform: {wanted}"
    if call.service == "ec2":
        return Refused("UnauthorizedOperation", f"You are not authorized to perform this operation. {words}", 403)
    if call.service in _JSON:
        return Refused("AccessDeniedException", words)
    return Refused("AccessDenied", words, 403)


def _throttled(service: str) -> tuple[str, str]:
    if service == "ec2":
        return "RequestLimitExceeded", "Request limit exceeded."
    return "ThrottlingException" if service in _JSON else "Throttling", "Rate exceeded"
