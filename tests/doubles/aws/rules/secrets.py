"""What Secrets Manager refuses and moto does not.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
"""

from __future__ import annotations

import re

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import follows, refuses

_MOST = 65_536
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")


@refuses("secretsmanager:CreateSecret", "secretsmanager:PutSecretValue")
def check_size(_account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html"""
    if len(str(call.params.get("SecretString", "")).encode()) > _MOST:
        raise Refused("InvalidParameterException", f"The secret value has more than {_MOST} bytes.")
    if call.action == "CreateSecret" and not _NAME.fullmatch(str(call.params["Name"])):
        raise Refused(
            "InvalidParameterException", "Invalid name. Must be a valid name containing alphanumeric characters"
        )


@follows("secretsmanager:DeleteSecret")
def keep_name(account: Account, call: Call, _body: bytes) -> None:
    """A name is in use for a while after its secret: `account.lag.deleting` attempts.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html: "there might be a short back
    end asynchronous delay"
    """
    account.note("going secrets", dict)[str(call.params["SecretId"])] = account.lag.deleting


@refuses("secretsmanager:CreateSecret")
def check_name(account: Account, call: Call) -> None:
    going, name = account.note("going secrets", dict), str(call.params["Name"])
    if going.get(name, 0) > 0:
        going[name] -= 1
        words = "You can't create this secret because a secret with this name is already scheduled for deletion."
        raise Refused("InvalidRequestException", words)
