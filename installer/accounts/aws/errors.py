"""What AWS refuses, in words: why, and what to do. Pure.

Codes are those of "Error codes for the Amazon EC2 API" and of the other services' API references.
"""

from __future__ import annotations

from dataclasses import dataclass

from installer.accounts.errors import CloudError


class AwsError(CloudError):
    """A request that AWS refused, or that never got an answer."""

    cloud = "AWS"

    @property
    def missing(self) -> bool:
        return self.code in _MISSING or self.code.endswith((".NotFound", ".Malformed"))

    @property
    def exists(self) -> bool:
        return self.code in _EXISTS or self.code.endswith(".Duplicate")

    @property
    def in_use(self) -> bool:
        return self.code in _IN_USE

    @property
    def no_capacity(self) -> bool:
        return self.code in _NO_CAPACITY

    @property
    def not_allowed(self) -> bool:
        """Whether the caller's policies don't allow it."""
        return self.code in _NOT_ALLOWED


_MISSING = {"NoSuchEntity", "LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "ParameterNotFound",
            "NoSuchHostedZone", "NoSuchChange", "ResourceNotFoundException"}  # fmt: skip
_EXISTS = {"EntityAlreadyExists", "DuplicateLoadBalancerName", "DuplicateTargetGroupName", "DuplicateListener",
           "ParameterAlreadyExists", "RouteAlreadyExists", "Resource.AlreadyAssociated", "AlreadyExists",
           "ResourceExistsException", "InvalidLaunchTemplateName.AlreadyExistsException"}  # fmt: skip
_IN_USE = {"DependencyViolation", "ResourceInUse", "DeleteConflict", "InvalidIPAddress.InUse", "InvalidGroup.InUse",
           "VolumeInUse", "InvalidNetworkInterface.InUse", "AuthFailure.InUse",
           "ScalingActivityInProgress"}  # fmt: skip
_NO_CAPACITY = {"InsufficientInstanceCapacity", "InsufficientHostCapacity", "Unsupported"}
_THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "ThrottledException", "SlowDown",
              "RequestThrottled", "RequestThrottledException", "TooManyRequestsException", "PriorRequestNotComplete",
              "EC2ThrottledException", "BandwidthLimitExceeded", "TooManyUpdates"}  # fmt: skip
_PASSING = {"InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceFailure",
            "Unavailable", "RequestTimeout", "RequestTimeoutException", "ConcurrentModification",
            "OperationAborted"}  # fmt: skip
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_REFUSED_KEYS = {"InvalidClientTokenId", "AuthFailure", "UnrecognizedClientException", "SignatureDoesNotMatch",
                 "IncompleteSignature", "MissingAuthenticationToken", "InvalidAccessKeyId"}  # fmt: skip
_NOT_ALLOWED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation"}


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota that a request ran into, and where to raise it."""

    what: str
    service: str
    code: str = ""


_QUOTAS = {
    "VcpuLimitExceeded": Quota("running vCPUs of this family of instance types", "ec2", "L-1216C47A"),
    "InstanceLimitExceeded": Quota("running instances of this type", "ec2"),
    "MaxSpotInstanceCountExceeded": Quota("spot instances", "ec2"),
    "VpcLimitExceeded": Quota("VPCs in the region", "vpc", "L-F678F1CE"),
    "SubnetLimitExceeded": Quota("subnets in the VPC", "vpc", "L-407747CB"),
    "InternetGatewayLimitExceeded": Quota("internet gateways in the region", "vpc", "L-A4707A72"),
    "RouteTableLimitExceeded": Quota("route tables in the VPC", "vpc", "L-589F43AA"),
    "AddressLimitExceeded": Quota("elastic IP addresses in the region", "ec2", "L-0263D0A3"),
    "NatGatewayLimitExceeded": Quota("NAT gateways in the zone", "vpc", "L-FE5A380F"),
    "SecurityGroupLimitExceeded": Quota("security groups in the region", "vpc", "L-E79EC296"),
    "RulesPerSecurityGroupLimitExceeded": Quota("rules in a security group", "vpc", "L-0EA8095F"),
    "SecurityGroupsPerInterfaceLimitExceeded": Quota("security groups on a network interface", "vpc", "L-2AFB9258"),
    "VolumeLimitExceeded": Quota("volumes", "ebs"),
    "MaxIOPSLimitExceeded": Quota("IOPS of volumes", "ebs"),
    "TooManyLoadBalancers": Quota("network load balancers in the region", "elasticloadbalancing", "L-69A177A2"),
    "TooManyTargetGroups": Quota("target groups in the region", "elasticloadbalancing", "L-B22855CB"),
    "TooManyListeners": Quota("listeners of a load balancer", "elasticloadbalancing"),
    "TooManyTargets": Quota("targets of a load balancer", "elasticloadbalancing"),
    "LimitExceeded": Quota("roles or instance profiles in the account", "iam"),
    "autoscaling:LimitExceeded": Quota("Auto Scaling Groups in the region", "autoscaling"),
    "LimitExceededException": Quota("secrets in the region", "secretsmanager"),
}


def quota_page(quota: Quota, region: str) -> str:
    """The page of the console where the quota is raised."""
    page = f"https://{region}.console.aws.amazon.com/servicequotas/home/services/{quota.service}/quotas"
    return f"{page}/{quota.code}" if quota.code else page


def sign_in_hint(profile: str | None) -> str:
    """How to get credentials that work."""
    option = f" --profile {profile}" if profile else ""
    return f"Sign in again: `aws sso login{option}` with SSO, otherwise renew the keys or the role's session."


def refusal(action: str, code: str, message: str, *, region: str, profile: str | None) -> AwsError:
    """What a refused request says. `action` is the IAM action, such as ec2:RunInstances."""
    operation, said = f"ask AWS for {action}", f"{message.strip().rstrip('.')} ({code})"
    retryable, hint = False, "Correct what AWS says, then resume."
    if code in _EXPIRED:
        said, hint = f"the AWS session has expired ({code})", sign_in_hint(profile)
    elif code in _REFUSED_KEYS:
        said, hint = f"AWS doesn't accept the credentials ({code})", sign_in_hint(profile)
    elif code in _NOT_ALLOWED:
        said = f"the credentials don't allow {action} ({code})"
        hint = (
            "Add the action to the caller's policy at https://console.aws.amazon.com/iam/ and resume. "
            "`craton aws policy` prints all that a cluster needs."
        )
    elif quota := _QUOTAS.get(f"{action.partition(':')[0]}:{code}") or _QUOTAS.get(code):
        said, hint = (
            f"the quota of {quota.what} is used up ({code})",
            f"Raise it at {quota_page(quota, region)}, then resume.",
        )
    elif code in _NO_CAPACITY:
        hint = "Choose another instance type or other zones in the plan, or resume later."
    elif code in _THROTTLED or code in _PASSING:
        retryable, hint = True, "Resume in some minutes."
    error = AwsError(operation, said, hint=hint, retryable=retryable)
    error.code = code
    if error.missing:
        error.retryable = True  # what was just made may not be known everywhere yet
    return error


def no_credentials(profile: str | None, seen: str) -> AwsError:
    """There is nothing to sign requests with."""
    option = f" --profile {profile}" if profile else ""
    return AwsError(
        "sign in to AWS",
        seen,
        hint=f"Run `aws configure sso{option}`, or set AWS_PROFILE. `aws sts get-caller-identity{option}` tests it.",
    )
