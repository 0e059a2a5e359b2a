"""Lists as Google answers them: filtered, in pages, and by place where they are aggregated."""

from __future__ import annotations

import re
from typing import Any

from tests.doubles.gcp.calls import Call
from tests.doubles.gcp.faults import Refused
from tests.doubles.gcp.project import REGION, ZONES

_EQ = re.compile(r'(\w+) eq "(.*)"')
_IS = re.compile(r"(labels\.)?([\w-]+)=\"?([^\"]*)\"?")


def chosen(call: Call, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that the call's filter leaves ("filter" in the reference of compute.instances.list)."""
    text = str(call.params.get("filter") or "")
    if not text:
        return found
    if match := _EQ.fullmatch(text):
        field, pattern = match.groups()
        return [one for one in found if re.fullmatch(pattern, str(one.get(field, "")))]
    if match := _IS.fullmatch(text):
        label, field, value = match.groups()
        return [one for one in found if ((one.get("labels") or {}) if label else one).get(field) == value]
    raise Refused(400, "invalid", f"Invalid value for field 'filter': '{text}'. Invalid list filter expression.")


def page(call: Call, found: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    most = int(call.params.get("maxResults") or 500)
    if not 0 <= most <= 500:
        raise Refused(400, "invalid", "Invalid value for field 'maxResults'. Must be from 0 to 500.")
    start = int(call.params.get("pageToken") or 0)
    more = {"nextPageToken": str(start + most)} if start + most < len(found) else {}
    return found[start : start + most], more


def listed(call: Call, found: list[dict[str, Any]]) -> dict[str, Any]:
    items, more = page(call, chosen(call, found))
    kind = f"compute#{call.method.collection[:-1]}"
    if call.method.verb != "aggregatedList":
        return {"kind": f"{kind}List", "items": items, **more}
    places: dict[str, Any] = {"global": {}, f"regions/{REGION}": {}, **{f"zones/{zone}": {} for zone in ZONES}}
    for name, place in places.items():
        inside = [one for one in items if str(one.get("zone") or one.get("region") or "global").endswith(name)]
        nothing = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": f"There are no results for scope '{name}'"}}
        place |= {call.method.collection: inside} if inside else nothing
    return {"kind": f"{kind}AggregatedList", "items": places, **more}
