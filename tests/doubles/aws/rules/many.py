"""Launches of hundreds of machines: moto makes, filters and lists such instances so slowly that no test would wait.

They have no inside, and are kept as what DescribeInstances shows of them. All that RunInstances refuses is refused, and
lists of them come in pages. Nothing else is known about them: a test that terminates them or asks for one would fail.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call
from tests.doubles.aws.rules.launches import subnet_of
from tests.doubles.aws.rules.registry import Made, answers, follows, refuses

FEWEST = 200
"""Machines of a launch that is kept here."""
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_TOKEN = "many-"


@dataclass
class Instance:
    """One of them; `looks` are those at it so far."""

    id: str
    index: int
    private: str
    public: str
    zone: str
    tags: Mapping[str, str]
    looks: int = 0

    def shown(self, state: str) -> str:
        tags = "".join(f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>"
                       for key, value in self.tags.items())  # fmt: skip
        public = f"<ipAddress>{self.public}</ipAddress>" if state == "running" else ""
        return (
            f"<item><instanceId>{self.id}</instanceId><amiLaunchIndex>{self.index}</amiLaunchIndex>"
            f"<instanceState><code>{16 if state == 'running' else 0}</code><name>{state}</name></instanceState>"
            f"<placement><availabilityZone>{self.zone}</availabilityZone></placement>"
            f"<privateIpAddress>{self.private}</privateIpAddress>{public}<tagSet>{tags}</tagSet></item>"
        )


def _kept(account: Account) -> list[Instance]:
    found: list[Instance] = account.note("many", list)
    return found


@answers("ec2:RunInstances")
def launch(account: Account, call: Call) -> Made | None:
    """Checked as every launch; token and addresses as well."""
    number = int(call.params.get("MaxCount", 1))
    if number < FEWEST or call.dry_run:
        return None
    for refuse in refuses.of(call):
        refuse(account, call)
    subnet = subnet_of(account, call)
    tags = {tag["Key"]: tag["Value"] for given in call.params.get("TagSpecifications") or ()
            if given["ResourceType"] == "instance" for tag in given["Tags"]}  # fmt: skip
    hosts = itertools.islice(subnet.cidr.hosts(), 1000, None)
    made = [Instance(f"i-{len(_kept(account)) + index:017x}", index, str(next(hosts)), f"203.0.113.{index % 250 + 1}",
                     str(subnet.availability_zone), tags) for index in range(number)]  # fmt: skip
    _kept(account).extend(made)
    body = _reservation("RunInstancesResponse", "".join(one.shown("pending") for one in made))
    for rule in follows.of(call):
        if rule.__name__ == "remember":
            rule(account, call, body)
    return Made(body)


@answers("ec2:DescribeInstances")
def next_page(account: Account, call: Call) -> Made | None:
    """A page that begins among them."""
    token = str(call.params.get("NextToken") or "")
    if not token.startswith(_TOKEN):
        return None
    items, more = _page(account, call, int(token.removeprefix(_TOKEN)), int(call.params.get("MaxResults") or 1000))
    return Made(_reservations(items, more))


@follows("ec2:DescribeInstances")
def first_page(account: Account, call: Call, body: bytes) -> bytes | None:
    """After those that moto lists: as many as there is room for."""
    if not _kept(account) or call.params.get("InstanceIds"):
        return None
    for one in _kept(account):
        one.looks += 1
    room = int(call.params.get("MaxResults") or 1000) - body.count(b"<instanceId>")
    items, more = _page(account, call, 0, room)
    inside = re.sub(rb"<nextToken ?/>|<nextToken>[^<]*</nextToken>", b"", body)
    return inside.replace(b"</reservationSet>", f"{_items(items)}</reservationSet>{_next(more)}".encode(), 1).replace(
        b"<reservationSet/>", f"<reservationSet>{_items(items)}</reservationSet>{_next(more)}".encode(), 1
    )


def _page(account: Account, call: Call, start: int, most: int) -> tuple[list[str], int | None]:
    lag = account.lag
    wanted = [one for one in _kept(account) if one.looks > lag.unknown and _matches(call, one)]
    shown = [one.shown("running" if one.looks > lag.unknown + lag.pending else "pending")
             for one in wanted[start : start + most]]  # fmt: skip
    return shown, start + most if start + most < len(wanted) else None


def _matches(call: Call, one: Instance) -> bool:
    """By tags, the only filters that are known here."""
    return all(one.tags.get(str(given["Name"]).removeprefix("tag:")) in given["Values"] for given in _filters(call))


def _filters(call: Call) -> Iterator[Mapping[str, Any]]:
    yield from call.params.get("Filters") or ()


def _reservation(response: str, items: str) -> bytes:
    return (
        f'<{response} xmlns="{_NAMESPACE}"><requestId>r</requestId><reservationId>r-1</reservationId>'
        f"<instancesSet>{items}</instancesSet></{response}>"
    ).encode()


def _reservations(items: list[str], more: int | None) -> bytes:
    return (
        f'<DescribeInstancesResponse xmlns="{_NAMESPACE}"><requestId>r</requestId>'
        f"<reservationSet>{_items(items)}</reservationSet>{_next(more)}</DescribeInstancesResponse>"
    ).encode()


def _items(items: list[str]) -> str:
    inside = "".join(items)
    return f"<item><reservationId>r-1</reservationId><instancesSet>{inside}</instancesSet></item>" if items else ""


def _next(more: int | None) -> str:
    return "" if more is None else f"<nextToken>{_TOKEN}{more}</nextToken>"
