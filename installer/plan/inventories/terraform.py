"""Outputs of Terraform and OpenTofu as machines: `terraform output -json`, and what `terraform output` prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from installer.common import json_reader
from installer.plan import addresses
from installer.plan.inventories import terraform_text
from installer.plan.inventories.reading import Reading, Row, ignored
from installer.plan.inventories.roles import role_of

_OUTSIDE = ("public_ip", "external_ip", "address", "ip", "ip_address", "ipv4_address", "ansible_host", "host")
_INSIDE = ("private_ip", "internal_ip", "private_address", "ipv4_address_private")
_LOGIN = {"user": "user", "ssh_user": "user", "port": "port", "ssh_port": "port"}
_DEPTH = 20
_SIDES = re.compile(r"(?<![a-z])(public|external|private|internal)(?![a-z])_?")


@dataclass(frozen=True, slots=True)
class _Found:
    """A machine of an output, and the text by which it is found again."""

    output: str
    address: str
    fields: Mapping[str, str]
    name: str = ""


def read(text: str) -> Reading | None:
    """The addresses in outputs as machines, or None if the text is neither JSON nor such a print."""
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return _json(text)
    outputs = terraform_text.read(text)
    if outputs is None:
        return None
    if isinstance(outputs, terraform_text.Flaw):
        mistake = Row(outputs.start, outputs.end, error=outputs.error)
        return Reading("the output of terraform output", (mistake,))
    return _reading("the output of terraform output", text, outputs.values, outputs.hidden)


def _json(text: str) -> Reading | None:
    if text.lstrip().startswith("[") and not re.match(r"\s*\[\s*[\[{\"]", text):
        return None  # an IPv6 address, a range or a header
    try:
        document = json_reader.parse(text)
    except ValueError as error:
        at = min(error.pos, len(text)) if isinstance(error, json.JSONDecodeError) else 0
        return Reading("JSON", (Row(at, at, error=f"This isn't complete JSON: {getattr(error, 'msg', error)}."),))
    given = document if isinstance(document, dict) else {"": document}
    if "_meta" in given:
        start = text.index("{")
        row = Row(start, start + 1, error="Paste the output of `ansible-inventory --list -y`, which is YAML, instead.")
        return Reading("the JSON of ansible-inventory", (row,))
    values, hidden = {}, []
    for name, output in given.items():
        wrapped = isinstance(output, dict) and "value" in output
        if wrapped and output.get("sensitive"):
            hidden.append(name)
        else:
            values[name] = output["value"] if wrapped else output
    outputs = isinstance(document, dict) and (hidden or any(given[name] is not values[name] for name in values))
    return _reading("the output of terraform output -json" if outputs else "JSON", text, values, hidden)


def _reading(format: str, text: str, values: Mapping[str, Any], hidden: list[str]) -> Reading:
    found = {name: list(_machines(name, value, "", 0)) for name, value in values.items()}
    paired, insides = _paired(found)
    empty = [name for name, machines in found.items() if not machines and name not in insides]
    rows, place = [], 0
    for one in paired:
        # Machines come in the order of the text, if an output is not read together with another.
        quoted = f'"{one.address}"'
        at = text.find(quoted, place)
        at = text.find(quoted) if at < 0 else at
        place = at + len(quoted) if at >= place else place
        start, end = (at + 1, at + 1 + len(one.address)) if at >= 0 else (0, 0)
        rows.append(Row(start, end, one.fields, one.name))
    rows.sort(key=lambda row: row.start)
    remarks = (*ignored("output", empty), *ignored("sensitive output", hidden))
    return Reading(format, tuple(rows), remarks)


def _machines(output: str, value: Any, name: str, depth: int) -> Iterator[_Found]:
    """The machines of an output, or of a part of it that `name` names."""
    if depth > _DEPTH:
        return
    if isinstance(value, str):
        if addresses.parse(value):
            yield _Found(output, value, _fields(output, name, {"address": value}), name)
    elif isinstance(value, list):
        for item in value:
            yield from _machines(output, item, "", depth + 1)
    elif isinstance(value, dict):
        if machine := _object(output, value, name):
            yield machine
            return
        for key, item in value.items():
            yield from _machines(output, item, key, depth + 1)


def _object(output: str, value: Mapping[str, Any], name: str) -> _Found | None:
    """A machine described by an object with its addresses, if it is one."""
    texts = {key: str(item) for key, item in value.items() if isinstance(item, str | int) and item != ""}
    outside = next((texts[key] for key in _OUTSIDE if addresses.parse(texts.get(key, ""))), "")
    inside = next((texts[key] for key in _INSIDE if addresses.parse(texts.get(key, ""))), "")
    if not outside and not inside:
        return None
    fields = {"address": outside or inside} | ({"internal": inside} if outside and inside else {})
    fields |= {field: texts[key] for key, field in _LOGIN.items() if key in texts}
    name = texts.get("name", name)
    role = role_of(texts.get("role", ""))
    given = _fields(output, name, fields) | ({"role": role} if role else {})
    return _Found(output, fields["address"], given, name)


def _fields(output: str, name: str, fields: dict[str, str]) -> dict[str, str]:
    role = role_of(output) or role_of(name)
    return fields | ({"role": role} if role else {})


def _paired(found: Mapping[str, list[_Found]]) -> tuple[list[_Found], set[str]]:
    """Every machine once: `public_ips` and `private_ips` of the same length are two addresses of each machine."""
    outsides: dict[str, str] = {}
    insides: dict[str, str] = {}
    for name, machines in found.items():
        if machines and (side := _SIDES.search(name)):
            kept = insides if side[1] in ("private", "internal") else outsides
            kept[_SIDES.sub("", name, count=1)] = name
    pairs = {outsides[key]: insides[key] for key in outsides.keys() & insides.keys()}
    pairs = {outer: inner for outer, inner in pairs.items() if len(found[outer]) == len(found[inner])}
    every = []
    for name, machines in found.items():
        if name in pairs:
            inner = found[pairs[name]]
            every += [
                _Found(name, one.address, {**one.fields, "internal": two.address}, one.name)
                for one, two in zip(machines, inner, strict=True)
            ]
        elif name not in pairs.values():
            every += machines
    return every, set(pairs.values())
