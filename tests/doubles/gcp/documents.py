"""Google's discovery documents: which requests there are, and what each may hold.

They ship with google-api-python-client. A request that they don't allow is refused, and fails the test that made it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import googleapiclient

SERVICES = ("compute.v1", "dns.v1", "iam.v1", "cloudresourcemanager.v1", "serviceusage.v1",
            "cloudbilling.v1", "cloudkms.v1", "iamcredentials.v1", "sts.v1", "oslogin.v1", "oauth2.v2",
            "secretmanager.v1")  # fmt: skip
_DOCUMENTS = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
_WHOLE = re.compile(r"-?[0-9]+")
_OUTPUT = ("[Output Only]", "Output only.")


class NotAllowed(Exception):  # noqa: N818 (what the document says)
    """The document has no such request, or not with these words."""


@dataclass(frozen=True)
class Method:
    """One request of an API: `id` is the API's name of it, such as compute.instances.bulkInsert."""

    id: str
    http: str
    template: str
    """Its path, with parameters in braces."""
    parameters: Mapping[str, Mapping[str, Any]]
    request: str | None
    schemas: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @cached_property
    def path(self) -> re.Pattern[str]:
        return _pattern(self.template)

    @cached_property
    def begin(self) -> str:
        """What every path of it begins with."""
        return self.template.partition("{")[0]

    @property
    def collection(self) -> str:
        return self.id.split(".")[-2]

    @property
    def verb(self) -> str:
        return self.id.rpartition(".")[2]

    @property
    def changes(self) -> bool:
        return not self.verb.lower().startswith(("get", "list", "aggregatedlist", "wait", "batchget", "test", "access"))


def find(http: str, path: str, query: Mapping[str, list[str]]) -> tuple[Method, dict[str, Any]]:
    """The method that a request is for, and its parameters. Raises NotAllowed."""
    refused = [f"no document has {http} {path}"]
    for method in methods():
        match = method.path.fullmatch(path) if method.http == http and path.startswith(method.begin) else None
        if match:
            # A path parameter has one spelling in the pattern's groups, and its own in the document.
            given: dict[str, Any] = {name.replace("__", "."): unquote(text) for name, text in match.groupdict().items()}
            try:
                return method, _checked(method, given, query)
            except NotAllowed as error:
                refused.append(str(error))
    raise NotAllowed("; ".join(refused))


@cache
def methods() -> tuple[Method, ...]:
    found: list[Method] = []
    for name in SERVICES:
        document = json.loads((_DOCUMENTS / f"{name}.json").read_text())
        common = document.get("parameters", {})
        for one in _methods(document):
            path = "/" + document["servicePath"] + one["path"]
            request = (one.get("request") or {}).get("$ref")
            parameters = {**common, **one.get("parameters", {})}
            found.append(Method(one["id"], one["httpMethod"], path, parameters, request, document["schemas"]))
    # A verb after a colon is no part of the name before it (https://google.aip.dev/127).
    return tuple(sorted(found, key=lambda one: ":" not in one.template.rpartition("}")[2]))


def check_body(method: Method, body: Any) -> None:
    """Raises NotAllowed if the document does not allow the body of a request."""
    if method.request is None:
        if body is not None:
            raise NotAllowed(f"{method.id} takes no body")
        return
    _check({"$ref": method.request}, body if body is not None else {}, method, "body")


def _methods(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from document.get("methods", {}).values()
    for resource in document.get("resources", {}).values():
        yield from _methods(resource)


def _pattern(template: str) -> re.Pattern[str]:
    text = re.sub(r"\\\{(\\\+)?([A-Za-z0-9_]+)\\\}",
                  lambda found: f"(?P<{found.group(2)}>{'.+' if found.group(1) else '[^/:]+'})",
                  re.escape(template))  # fmt: skip
    return re.compile(text)


def _checked(method: Method, given: dict[str, Any], query: Mapping[str, list[str]]) -> dict[str, Any]:
    for name, values in query.items():
        known = method.parameters.get(name)
        if known is None and name != "$alt":
            raise NotAllowed(f"{method.id} has no parameter {name}")
        given[name] = values if known and known.get("repeated") else values[0]
    for name, known in method.parameters.items():
        if known.get("required") and name not in given:
            raise NotAllowed(f"{method.id} needs the parameter {name}")
        for value in given.get(name, ()) if known.get("repeated") else [given[name]] if name in given else []:
            _check_text(known, value, f"{method.id}: {name}")
    return given


def _check_text(known: Mapping[str, Any], value: str, where: str) -> None:
    if (pattern := known.get("pattern")) and not re.fullmatch(pattern, value):
        raise NotAllowed(f"{where} {value!r} is not {pattern}")
    if (allowed := known.get("enum")) and value not in allowed:
        raise NotAllowed(f"{where} {value!r} is none of {allowed}")
    if known.get("type") == "integer" and not _WHOLE.fullmatch(value):
        raise NotAllowed(f"{where} {value!r} is no number")


def _check(schema: Mapping[str, Any], value: Any, method: Method, where: str) -> None:
    if "$ref" in schema:
        schema = method.schemas[schema["$ref"]]
    kind = schema.get("type", "any")
    if kind == "object":
        _check_object(schema, value, method, where)
    elif kind == "array":
        if not isinstance(value, list):
            raise NotAllowed(f"{where} is no list")
        for number, one in enumerate(value):
            _check(schema["items"], one, method, f"{where}[{number}]")
    elif kind == "string":
        _check_string(schema, value, where)
    elif kind == "boolean" and not isinstance(value, bool):
        raise NotAllowed(f"{where} is not true or false")
    elif kind in ("integer", "number") and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise NotAllowed(f"{where} is no number")


def _check_object(schema: Mapping[str, Any], value: Any, method: Method, where: str) -> None:
    if not isinstance(value, dict):
        raise NotAllowed(f"{where} is no object")
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items():
        if one is None:  # as if it were not there (https://protobuf.dev/programming-guides/json/)
            continue
        inner = known.get(name, others)
        if inner is None:
            raise NotAllowed(f"{where} has no field {name}")
        if inner.get("readOnly") or str(inner.get("description", "")).startswith(_OUTPUT):
            raise NotAllowed(f"{where}.{name} is for answers only")
        _check(inner, one, method, f"{where}.{name}")
    for name, inner in known.items():
        if method.id in (inner.get("annotations") or {}).get("required", ()) and name not in value:
            raise NotAllowed(f"{where} needs {name}")


def _check_string(schema: Mapping[str, Any], value: Any, where: str) -> None:
    if schema.get("format") in ("int64", "uint64") and isinstance(value, int):
        return
    if not isinstance(value, str):
        raise NotAllowed(f"{where} is no text")
    if (allowed := schema.get("enum")) and value not in allowed:
        raise NotAllowed(f"{where} {value!r} is none of {allowed}")
    if (pattern := schema.get("pattern")) and not re.fullmatch(pattern, value):
        raise NotAllowed(f"{where} {value!r} is not {pattern}")
    if schema.get("format") in ("int64", "uint64") and not _WHOLE.fullmatch(value):
        raise NotAllowed(f"{where} {value!r} is no number")
