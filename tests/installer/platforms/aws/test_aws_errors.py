"""Each refusal of AWS in words: what it was, and what to do."""

from __future__ import annotations

import pytest

from installer.accounts.aws.account import Account, action_of
from installer.accounts.aws.errors import refusal
from installer.common.errors import InstallerError

REGION = "eu-central-1"


@pytest.mark.parametrize(
    ("code", "observed", "hint", "retryable"),
    [
        ("ExpiredToken", "the AWS session has expired", "aws sso login --profile work", False),
        ("RequestExpired", "the AWS session has expired", "aws sso login", False),
        ("AuthFailure", "AWS doesn't accept the credentials", "Sign in again", False),
        ("UnauthorizedOperation", "the credentials don't allow ec2:RunInstances", "craton aws policy", False),
        ("AccessDenied", "the credentials don't allow ec2:RunInstances", "console.aws.amazon.com/iam", False),
        ("VcpuLimitExceeded", "the quota of running vCPUs", "quotas/L-1216C47A", False),
        ("AddressLimitExceeded", "the quota of elastic IP addresses", "services/ec2/quotas/L-0263D0A3", False),
        ("RulesPerSecurityGroupLimitExceeded", "the quota of rules in a security group", "L-0EA8095F", False),
        ("InsufficientInstanceCapacity", "no room (InsufficientInstanceCapacity)", "another instance type", False),
        ("RequestLimitExceeded", "no room (RequestLimitExceeded)", "some minutes", True),
        ("InternalError", "no room (InternalError)", "some minutes", True),
        ("InvalidGroup.NotFound", "no room (InvalidGroup.NotFound)", "Correct", True),
        ("SomethingNew", "no room (SomethingNew)", "Correct what AWS says", False),
    ],
)
def test_a_refusal_says_why_and_what_to_do(code: str, observed: str, hint: str, retryable: bool) -> None:
    error = refusal("ec2:RunInstances", code, "no room.", region=REGION, profile="work")
    assert observed in error.observed
    assert code in error.observed
    assert hint in error.hint
    assert error.retryable is retryable
    assert error.operation == "ask AWS for ec2:RunInstances"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("InvalidGroup.NotFound", "missing"), ("NoSuchEntity", "missing"), ("InvalidGroup.Duplicate", "exists"),
     ("EntityAlreadyExists", "exists"), ("DependencyViolation", "in_use"), ("ResourceInUse", "in_use"),
     ("InsufficientInstanceCapacity", "no_capacity"), ("SomethingNew", "")],
)  # fmt: skip
def test_refusals_that_steps_can_live_with_are_told_apart(code: str, kind: str) -> None:
    error = refusal("ec2:X", code, "no", region=REGION, profile=None)
    kinds = ("missing", "exists", "in_use", "no_capacity")
    assert [name for name in kinds if getattr(error, name)] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [("ec2", "run_instances", "ec2:RunInstances"), ("elbv2", "create_listener", "elasticloadbalancing:CreateListener"),
     ("service-quotas", "get_service_quota", "servicequotas:GetServiceQuota")],
)  # fmt: skip
def test_requests_are_named_as_policies_name_them(service: str, operation: str, action: str) -> None:
    assert action_of(service, operation) == action


def test_without_credentials_one_is_told_how_to_sign_in() -> None:
    with pytest.raises(InstallerError, match="no credentials were found") as raised:
        Account(REGION).ask("sts", "get_caller_identity")
    assert "aws configure sso" in raised.value.hint


def test_a_profile_that_is_not_there_is_named(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    with pytest.raises(InstallerError, match=r"there is no profile work in ~/\.aws/config"):
        Account(REGION, "work").ask("sts", "get_caller_identity")


def test_where_nobody_answers_the_request_may_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "0")
    with pytest.raises(InstallerError, match="no answer") as raised:
        Account(REGION).ask("sts", "get_caller_identity")
    assert raised.value.retryable
