"""The secret of a worker pool in AWS Secrets Manager: what its machines run, and an invitation while there is one."""

from __future__ import annotations

from installer.accounts.aws.account import Account
from installer.accounts.aws.errors import AwsError
from installer.plan.model import InstallPlan
from installer.platforms.aws import names
from installer.platforms.clouds.pool_bundle import Held, parse


def exists(account: Account, cluster: str) -> bool:
    """Whether the secret is there. Raises AwsError."""
    try:
        found = account.ask("secretsmanager", "describe_secret", SecretId=names.secret_name(cluster))
    except AwsError as error:
        if not error.missing:
            raise
        return False
    return "DeletedDate" not in found


def read(account: Account, cluster: str) -> Held | None:
    """None if there is none. Raises AwsError."""
    try:
        answer = account.ask("secretsmanager", "get_secret_value", SecretId=names.secret_name(cluster))
    except AwsError as error:
        if not error.missing:
            raise
        return None
    return parse(str(answer.get("SecretString", "")))


def write(account: Account, plan: InstallPlan, held: Held) -> None:
    """Make the secret, or give it another value. Raises AwsError."""
    name, text = names.secret_name(plan.name), held.text
    try:
        account.ask("secretsmanager", "put_secret_value", SecretId=name, SecretString=text)
    except AwsError as error:
        if not error.missing:
            raise
        account.ask("secretsmanager", "create_secret", Name=name, SecretString=text, Tags=names.tags(plan, name))


def delete(account: Account, name: str) -> None:
    """At once, and not to be restored: it is worth nothing without the cluster. Raises AwsError."""
    account.ask("secretsmanager", "delete_secret", SecretId=name, ForceDeleteWithoutRecovery=True)
