"""Targets of load balancers: healthy once the machine answers at the port, and not before.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.balancers import checked_port
from tests.doubles.aws.rules.instances import lives
from tests.doubles.aws.rules.registry import Made, answers, follows, refuses

_SPACE = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"


@refuses("elbv2:RegisterTargets")
def check_targets(account: Account, call: Call) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html: InvalidTarget"""
    for target in call.params["Targets"]:
        life = lives(account).get(target["Id"])
        if target["Id"].startswith("i-") and (life is None or life.instance.state != "running"):
            words = f"The following targets are not in a running state and cannot be registered: '{target['Id']}'"
            raise Refused("InvalidTarget", words)


@follows("elbv2:RegisterTargets")
def begin(account: Account, call: Call, _body: bytes) -> None:
    looks = account.note("target looks", dict)
    for target in call.params["Targets"]:
        looks.setdefault((call.params["TargetGroupArn"], target["Id"]), 0)


@follows("elbv2:DeregisterTargets")
def end(account: Account, call: Call, _body: bytes) -> None:
    for target in call.params["Targets"]:
        account.note("target looks", dict).pop((call.params["TargetGroupArn"], target["Id"]), None)


@answers("elbv2:DescribeTargetHealth")
def health(account: Account, call: Call) -> Made | None:
    arn = call.params["TargetGroupArn"]
    group = account.store("elbv2", call.region).target_groups.get(arn)
    if group is None:
        return None  # moto says that it is not there
    looks = account.note("target looks", dict)
    members = ""
    for target in group.targets.values():
        id, key = target["Id"], (arn, target["Id"])
        looks[key] = looks.get(key, 0) + 1
        checked = checked_port(group) or int(target["Port"])
        members += _member(id, target["Port"], checked, _state(account, arn, id, checked, looks[key]))
    return Made(
        f'<DescribeTargetHealthResponse xmlns="{_SPACE}"><DescribeTargetHealthResult>'
        f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"
        "</DescribeTargetHealthResult></DescribeTargetHealthResponse>".encode()
    )


def _state(account: Account, arn: str, id: str, port: int, looks: int) -> tuple[str, str]:
    life = lives(account).get(id)
    if not account.store("elbv2")._any_listener_using(arn):
        return "unused", "Target.NotInUse"
    if life is None or life.instance.state != "running":
        return "unused", "Target.InvalidState"
    if looks <= account.lag.unhealthy:
        return "initial", "Elb.RegistrationInProgress"
    return ("healthy", "") if account.machines.listens(id, port) else ("unhealthy", "Target.FailedHealthChecks")


def _member(id: str, port: object, checked: int, state: tuple[str, str]) -> str:
    reason = f"<Reason>{state[1]}</Reason>" if state[1] else ""
    return (
        f"<member><Target><Id>{escape(id)}</Id><Port>{port}</Port></Target><HealthCheckPort>{checked}</HealthCheckPort>"
        f"<TargetHealth><State>{state[0]}</State>{reason}</TargetHealth></member>"
    )
