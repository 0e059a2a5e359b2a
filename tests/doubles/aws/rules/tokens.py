"""Client tokens: a request that is repeated with the same token has no second effect.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

import json
import re

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import Made, answers, follows, refuses

_LONGEST = 64
_STATE = re.compile(rb"(<instanceId>)(i-[0-9a-f]+)(</instanceId>.*?<instanceState>).*?(</instanceState>)", re.DOTALL)


@refuses("ec2:*")
def check_token(_account: Account, call: Call) -> None:
    if not (call.token.isascii() and len(call.token) <= _LONGEST):
        raise Refused("InvalidParameterValue", f"Client token {call.token} is invalid: at most 64 ASCII characters.")


@answers("ec2:*")
def replay(account: Account, call: Call) -> Made | None:
    """The answer of the first request, with the states that instances have now."""
    known = account.note("tokens", dict).get(_key(call)) if call.token and not call.dry_run else None
    if known is None:
        return None
    given, body = known
    if given != _given(call):
        words = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
        raise Refused("IdempotentParameterMismatch", words)
    states = {one.id: one for one in account.instances(call.region)}

    def current(found: re.Match[bytes]) -> bytes:
        instance = states.get(found[2].decode())
        if instance is None:
            return found[0]  # one of many, as they were made
        state = instance._state
        words = f"<code>{state.code}</code><name>{state.name}</name>".encode()
        return found[1] + found[2] + found[3] + words + found[4]

    return Made(_STATE.sub(current, body))


@follows("ec2:*")
def remember(account: Account, call: Call, body: bytes) -> None:
    if call.token:
        account.note("tokens", dict)[_key(call)] = (_given(call), body)


def _key(call: Call) -> tuple[str, str, str]:
    return call.region, call.action, call.token


def _given(call: Call) -> str:
    return json.dumps(
        {key: value for key, value in call.params.items() if key != "DryRun"}, default=str, sort_keys=True
    )
