"""What an audit policy records of a request (https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
"""From nothing to everything."""


class Request(NamedTuple):
    """A request of some person, about a resource of an API group: `pods`, or with a subresource `pods/exec`."""

    verb: str
    group: str
    resource: str


CONCERNS = (
    *(Request(verb, "", name) for verb in ("get", "create", "delete") for name in ("secrets", "configmaps")),
    Request("create", "authentication.k8s.io", "tokenreviews"),
    *(Request(verb, "", "pods") for verb in ("create", "update", "patch", "delete")),
    *(Request(verb, "apps", "deployments") for verb in ("create", "update", "patch", "delete")),
    *(Request("create", "", name) for name in ("pods/exec", "pods/portforward", "pods/proxy", "services/proxy")),
)
"""What the benchmark wants to be recorded."""


def level(policy: Any, request: Request) -> str:
    """The level at which `request` of an ordinary person is recorded: the first rule that matches decides."""
    rules = policy.get("rules") if isinstance(policy, Mapping) else None
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, Mapping) and _matches(rule, request):
            return str(rule.get("level", "None"))
    return "None"


def _matches(rule: Mapping[str, Any], request: Request) -> bool:
    if rule.get("users") or set(_words(rule.get("userGroups"))) - {"system:authenticated"}:
        return False  # of somebody in particular
    if rule.get("namespaces"):
        return False
    if (verbs := _words(rule.get("verbs"))) and request.verb not in verbs:
        return False
    resources = rule.get("resources")
    if not resources:
        return not rule.get("nonResourceURLs")
    return any(isinstance(one, Mapping) and _names(one, request) for one in resources)


def _names(resources: Mapping[str, Any], request: Request) -> bool:
    """A name without `/` means the resource alone, without its subresources; `*` means all."""
    if str(resources.get("group") or "") != request.group or resources.get("resourceNames"):
        return False
    patterns = _words(resources.get("resources"))
    return not patterns or any(
        pattern == "*" or (fnmatchcase(request.resource, pattern) and pattern.count("/") == request.resource.count("/"))
        for pattern in patterns
    )


def _words(value: Any) -> Iterable[str]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
