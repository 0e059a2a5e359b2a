"""What Google Cloud refuses, in words: why, and what to do. Pure.

A refusal arrives in one of two shapes: as an HTTP error, whose reason is spelled `quotaExceeded`, or within an
operation that is done, whose code is spelled `QUOTA_EXCEEDED`. Both are one here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from installer.accounts.errors import CloudError
from installer.common import json_reader


class GcpError(CloudError):
    """A request that Google Cloud refused, or that never got an answer. `code` is its reason, in capitals."""

    cloud = "Google Cloud"

    @property
    def missing(self) -> bool:
        return self.code in _MISSING

    @property
    def exists(self) -> bool:
        return self.code in _EXISTS

    @property
    def in_use(self) -> bool:
        return self.code in _IN_USE

    @property
    def no_capacity(self) -> bool:
        return self.code in _NO_CAPACITY

    @property
    def out_of_reach(self) -> bool:
        """Whether the API is switched off, or the caller may not ask it."""
        return self.code in _DISABLED | _NOT_ALLOWED

    @property
    def changed_meanwhile(self) -> bool:
        """Whether somebody else wrote what was to be written."""
        return self.code in _CHANGED


_MISSING = {"NOT_FOUND", "RESOURCE_NOT_FOUND"}
_EXISTS = {"ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS"}
_IN_USE = {"RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "IN_USED_BY_ANOTHER_RESOURCE"}
_NO_CAPACITY = {"ZONE_RESOURCE_POOL_EXHAUSTED", "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "STOCKOUT",
                "RESOURCE_POOL_EXHAUSTED"}  # fmt: skip
_CHANGED = {"CONDITION_NOT_MET", "ABORTED", "CONFLICT"}
_THROTTLED = {"RATE_LIMIT_EXCEEDED", "USER_RATE_LIMIT_EXCEEDED", "RESOURCE_OPERATION_RATE_EXCEEDED",
              "CONCURRENT_LIMIT_EXCEEDED", "OPERATION_RATE_EXCEEDED"}  # fmt: skip
_PASSING = {"BACKEND_ERROR", "INTERNAL_ERROR", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_NOT_READY",
            "ABORTED"}  # fmt: skip
_DISABLED = {"ACCESS_NOT_CONFIGURED", "SERVICE_DISABLED"}
_QUOTA = {"QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED"}
_NOT_ALLOWED = {"FORBIDDEN", "PERMISSION_DENIED", "INSUFFICIENT_PERMISSIONS", "IAM_PERMISSION_DENIED"}
_REFUSED_KEYS = {"AUTH_ERROR", "UNAUTHENTICATED", "UNAUTHORIZED", "ACCESS_TOKEN_EXPIRED", "CREDENTIALS_MISSING"}
_BY_STATUS = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT", 412: "CONDITION_NOT_MET",
              429: "RATE_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR", 502: "BACKEND_ERROR", 503: "UNAVAILABLE",
              504: "DEADLINE_EXCEEDED"}  # fmt: skip
"""What a refusal is if it gives no reason of its own."""
_CONSTRAINT = re.compile(r"constraints/[A-Za-z]+\.[A-Za-z.]+[A-Za-z]")
_PERMISSION = re.compile(r"'?([a-z]+\.[A-Za-z]+(?:\.[A-Za-z]+)+)'?")
_METRIC = re.compile(r"[Qq]uota '?([A-Z0-9_]+)'? exceeded")
SIGN_IN = (
    "Run `gcloud auth application-default login`, or let GOOGLE_APPLICATION_CREDENTIALS name the file of a service "
    "account or of a workload identity federation."
)
WHAT = {
    "constraints/compute.vmExternalIpAccess": "external addresses of machines",
    "constraints/compute.requireOsLogin": "logins without OS Login",
    "constraints/iam.disableServiceAccountCreation": "new service accounts",
    "constraints/iam.disableServiceAccountKeyCreation": "keys of service accounts",
    "constraints/compute.requireShieldedVm": "machines that aren't shielded",
    "constraints/compute.restrictLoadBalancerCreationForTypes": "load balancers of this type",
    "constraints/compute.trustedImageProjects": "images of this publisher",
    "constraints/compute.restrictVpcPeering": "peered networks",
    "constraints/gcp.resourceLocations": "resources in this region",
}
"""What constraints of an organisation forbid, as people say it."""


def spelled(reason: str) -> str:
    """A reason as operations spell it: quotaExceeded is QUOTA_EXCEEDED."""
    return reason if "_" in reason or reason.isupper() else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", reason).upper()


def quota_page(project: str) -> str:
    """The page of the console where quotas are raised."""
    return f"https://console.cloud.google.com/iam-admin/quotas?project={project}"


def refusal(action: str, reason: str, message: str, *, project: str, status: int = 0) -> GcpError:
    """What a refused request says. `action` is the API's own name of it, such as compute.instances.bulkInsert."""
    code = spelled(reason) if reason else _BY_STATUS.get(status, f"HTTP {status}")
    if code == "INVALID" and status == 409:
        code = "CONFLICT"
    said = f"{' '.join(message.split()).rstrip('.')} ({code})"
    retryable, hint = False, "Correct what Google says, then resume."
    if constraint := _CONSTRAINT.search(message):
        what = WHAT.get(constraint.group(), "this")
        said = f"an organisation policy forbids {what} in the project {project} ({constraint.group()})"
        hint = "Ask whoever manages the organisation for an exception, or use another project."
        code = "ORGANISATION_POLICY"
    elif code in _DISABLED:
        api = action.partition(".")[0] + ".googleapis.com"
        said = f"the API {api} is not enabled in the project {project} ({code})"
        hint = f"Enable it: gcloud services enable {api} --project {project}. It takes some minutes."
    elif code in _REFUSED_KEYS:
        said, hint = f"Google doesn't accept the credentials ({code})", SIGN_IN
    elif code in _NOT_ALLOWED:
        named = _PERMISSION.search(message.replace(action, ""))
        said = f"the credentials don't allow {named.group(1) if named else action} ({code})"
        hint = (
            f"Add a role that has it at https://console.cloud.google.com/iam-admin/iam?project={project}, and resume."
        )
    elif code in _QUOTA:
        metric = _METRIC.search(message)
        said = f"the quota {metric.group(1)} is used up: {said}" if metric else f"a quota is used up: {said}"
        hint = f"Raise it at {quota_page(project)}, then resume."
    elif code in _NO_CAPACITY:
        hint = "Choose another machine type or other zones in the plan, or resume later."
    elif code in _THROTTLED or code in _PASSING or code in _CHANGED:
        retryable, hint = True, "Resume in some minutes."
    error = GcpError(f"ask Google Cloud for {action}", said, hint=hint, retryable=retryable)
    error.code = code
    if error.missing:
        error.retryable = True  # what was just made may not be known everywhere yet
    return error


def failed_operation(action: str, operation: Mapping[str, Any], *, project: str) -> GcpError | None:
    """The first error of an operation that is done; None if it went well."""
    listed = (operation.get("error") or {}).get("errors") or ()
    for one in listed:
        return refusal(action, str(one.get("code", "")), str(one.get("message", "")), project=project)
    if status := int(operation.get("httpErrorStatusCode") or 0):
        return refusal(action, "", str(operation.get("httpErrorMessage", "")), project=project, status=status)
    return None


def no_credentials(seen: str) -> GcpError:
    """There is nothing to sign requests with."""
    return GcpError("sign in to Google Cloud", seen, hint=SIGN_IN)


def http_refusal(action: str, project: str, status: int, content: bytes) -> GcpError:
    """The refusal that an HTTP answer's body, in Google's JSON or not, states."""
    body = _body(content)
    listed = body.get("errors") or ({"reason": body.get("status", "")},)
    return refused(action, project, status, str(body.get("message", "")), listed, body.get("details"))


def refused(action: str, project: str, status: int, message: str, errors: Any, details: Any) -> GcpError:
    """The refusal in words: the details, where there are any, have the more telling reason."""
    reasons = [str(one["reason"]) for one in (*_mappings(details), *_mappings(errors)) if one.get("reason")]
    message = next((str(one["message"]) for one in _mappings(errors) if one.get("message")), message)
    return refusal(action, reasons[0] if reasons else "", message, project=project, status=status)


def _body(content: bytes) -> dict[str, Any]:
    try:
        found = json_reader.parse(content.decode(errors="replace"))["error"]
    except (ValueError, KeyError, TypeError):
        return {"message": content.decode(errors="replace")[:200]}
    return found if isinstance(found, dict) else {"message": str(found)}


def _mappings(found: Any) -> Iterator[Mapping[str, Any]]:
    for one in found if isinstance(found, Iterable) else ():
        if isinstance(one, Mapping):
            yield one
        elif hasattr(one, "reason"):
            yield {"reason": one.reason}
