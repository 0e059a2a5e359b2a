"""Ansible inventories in INI: hosts with `key=value` after them under `[group]`, `[group:children]`, `[group:vars]`."""

from __future__ import annotations

import re

from installer.common.text import shown
from installer.plan.inventories.ansible import ALL, Groups, ranges
from installer.plan.inventories.lines import MistakeError, tokens, unquoted
from installer.plan.inventories.reading import Reading, Row, comments, content

_HEADER = re.compile(r"\s*\[(?P<name>[A-Za-z_][\w.-]*)(?::(?P<kind>children|vars))?\]\s*(?:[#;].*)?")
_VARIABLE = re.compile(r"\s*(?P<name>[\w.-]+)\s*=\s*(?P<value>.*?)\s*")
_SETTING = re.compile(r"\sansible_\w+=")
_MARKS = "#;"


def read(text: str) -> Reading | None:
    """The hosts as machines, or None if the text has neither a header nor a variable of Ansible's."""
    lines = content(text, _MARKS)
    if not any(_HEADER.fullmatch(line) or _SETTING.search(line) for _, line in lines):
        return None
    found = Groups()
    group, kind = "ungrouped", None
    for at, line in lines:
        if header := _HEADER.fullmatch(line):
            group, kind = header["name"], header["kind"]
            found.group(group)
        elif kind == "children":
            child = line.partition("#")[0].strip()
            found.group(child)
            found.group(group).children.append(child)
        elif kind == "vars":
            _variable(found, group, at, line)
        else:
            _host(found, group, at, line)
    return found.reading("an Ansible inventory", comments(text, _MARKS))


def _variable(found: Groups, group: str, at: int, line: str) -> None:
    if variable := _VARIABLE.fullmatch(line):
        found.group(group).variables[variable["name"]] = _value(variable["value"])
    else:
        found.errors.append(_mistake(at, line, f"{shown(line.strip())} isn't a variable: write name=value."))


def _value(text: str) -> str:
    quoted = re.fullmatch(r"\"([^\"]*)\"|'([^']*)'", text)
    return (quoted[1] or quoted[2] or "") if quoted else text.partition(" #")[0].rstrip()


def _host(found: Groups, group: str, at: int, line: str) -> None:
    words = list(tokens(re.sub(r"\s;.*", "", line)))
    if not words:
        found.errors.append(_mistake(at, line, f"{shown(line.strip())} isn't a host."))
        return
    start, end = at + words[0][0], at + words[-1][1]
    host = words[0][2]
    variables = {}
    for _, _, word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            text = f"{shown(word)} isn't a setting: after a host come words such as ansible_host=10.0.0.11."
            found.errors.append(_mistake(at, line, text))
            return
        try:
            variables[name] = unquoted(value)
        except MistakeError as mistake:
            found.errors.append(_mistake(at, line, str(mistake)))
            return
    if "=" in host:
        found.errors.append(_mistake(at, line, f"{shown(host)} comes before any host."))
        return
    found.add(group if group != ALL else "ungrouped", ranges(host), variables, (start, end))


def _mistake(at: int, line: str, error: str) -> Row:
    start = at + len(line) - len(line.lstrip())
    return Row(start, start + len(line.strip()), error=error)
