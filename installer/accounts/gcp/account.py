"""The one place that talks to Google Cloud: requests with deadlines, counted, their refusals in words.

Compute Engine's go through google-cloud-compute, those of the other services through google-api-python-client. Both
are written here as Google's documentation of the API has them: `instances`, `bulkInsert`, and JSON.
"""

from __future__ import annotations

import json
import re
import threading
import time
import typing
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any

from installer.accounts.gcp.credentials import SignedIn, endpoint, missing_library, root, sign_in
from installer.accounts.gcp.errors import GcpError, failed_operation, http_refusal, no_credentials, refused
from installer.common import json_reader
from installer.common.errors import ExitCode, InstallerError

_ANSWERING, _WAITING = 30.0, 150.0
"""Seconds until an answer; an operation's `wait` answers after two minutes at the latest."""
_ATTEMPTS, _PAUSE = 4, 0.25
"""Attempts of one request, and seconds before the second; twice as long before each further one."""
_SERVICES = ("cloudbilling", "cloudkms", "cloudresourcemanager", "compute", "dns", "iam", "oslogin", "secretmanager",
             "serviceusage")  # fmt: skip
_VERSIONS = {**dict.fromkeys(_SERVICES, "v1"), "oauth2": "v2"}
_SCOPES = ("zone", "region")
_ITEMS = {"listManagedInstances": "managedInstances"}
"""What lists call what they list, where that isn't `items`."""
_LEGACY = frozenset({"httpHealthChecks"})
"""Collections of Compute Engine that google-cloud-compute doesn't have."""


class Account:
    """Requests to one project in one region. Safe from many threads; `requests` counts them by their API's names."""

    def __init__(self, project: str | None, region: str, impersonate: str | None = None) -> None:
        self.region = region
        self.requests: Counter[str] = Counter()
        self._project, self._impersonate = project, impersonate
        self._lock = threading.Lock()
        self._signed_in: SignedIn | None = None
        self._clients: dict[str, Any] = {}
        self._services: dict[str, Any] = {}
        self._collections: dict[tuple[str, str], Any] = {}

    @property
    def identity(self) -> SignedIn:
        """Who the requests come from. Raises InstallerError without credentials."""
        with self._lock:
            if self._signed_in is None:
                self._signed_in = sign_in(self._impersonate)
            return self._signed_in

    @property
    def project(self) -> str:
        """The project's id. Raises InstallerError (usage) if neither plan nor credentials name one."""
        found = self._project or self.identity.project
        if not found:
            raise InstallerError(
                "find the project",
                "neither the plan nor the credentials name a project",
                hint="Set gcp.project in the plan.",
                exit_code=ExitCode.USAGE,
            )
        return found

    def get(self, collection: str, method: str, **params: Any) -> dict[str, Any]:
        """One request to Compute Engine that changes nothing. Raises GcpError."""
        action = f"compute.{collection}.{method}"
        return self._repeated(action, lambda: self._compute(collection, method, None, params))

    def pages(self, collection: str, method: str = "list", **params: Any) -> Iterator[Mapping[str, Any]]:
        """All items of a list of Compute Engine, those of all zones and regions of an aggregated one."""
        token = ""
        while True:
            answer = self.get(collection, method, maxResults=500, **params, **({"pageToken": token} if token else {}))
            items = answer.get(_ITEMS.get(method, "items")) or ()
            for one in items.values() if isinstance(items, dict) else (items,):
                yield from one if not isinstance(one, dict) else one.get(collection, ())
            token = str(answer.get("nextPageToken") or "")
            if not token:
                return

    def change(
        self,
        collection: str,
        method: str,
        body: Mapping[str, Any] | None = None,
        *,
        request: str = "",
        **params: Any,
    ) -> None:
        """Change something in Compute Engine, and wait until that is done. Raises GcpError.

        `request` is a UUID: the same one changes nothing twice. Within one call, attempts share one anyway.
        """
        self.finish(self.begin(collection, method, body, request=request, **params), f"compute.{collection}.{method}")

    def begin(
        self,
        collection: str,
        method: str,
        body: Mapping[str, Any] | None = None,
        *,
        request: str = "",
        **params: Any,
    ) -> dict[str, Any]:
        """Ask for a change and return the operation, which goes on. Raises GcpError."""
        params["requestId"] = request or str(uuid.uuid4())
        action = f"compute.{collection}.{method}"
        return self._repeated(action, lambda: self._compute(collection, method, body, params))

    def finish(self, operation: Mapping[str, Any], action: str) -> None:
        """Wait for an operation. Raises GcpError if it failed."""
        scope = next((name for name in _SCOPES if operation.get(name)), "global")
        where = {} if scope == "global" else {scope: last(operation[scope])}
        project = self._project_of(operation)
        while operation.get("status") != "DONE":
            name = str(operation["name"])
            operation = self.get(f"{scope}Operations", "wait", operation=name, project=project, **where)
        if error := failed_operation(action, operation, project=project):
            raise error

    def ask(self, service: str, method: str, **params: Any) -> dict[str, Any]:
        """One request to another service: `projects.serviceAccounts.get` of `iam`. Raises GcpError.

        What changes nothing is repeated if it broke off.
        """
        action = f"{service}.{method}"
        if method.rpartition(".")[2].startswith(("get", "list", "batchGet", "test", "access")):
            return self._repeated(action, lambda: self._other(service, method, params))
        with self._lock:
            self.requests[action] += 1
        return self._other(service, method, params)

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            for client in self._clients.values():
                client.transport.close()
            self._clients.clear()
            self._services.clear()
            self._collections.clear()

    def _project_of(self, operation: Mapping[str, Any]) -> str:
        """The project of an operation: that of a shared VPC has some, too."""
        found = re.search(r"/projects/([^/]+)/", str(operation.get("selfLink", "")))
        return found.group(1) if found else self.project

    def _repeated(self, action: str, attempt: typing.Callable[[], dict[str, Any]]) -> dict[str, Any]:
        for number in range(_ATTEMPTS):
            with self._lock:
                self.requests[action] += 1
            try:
                return attempt()
            except GcpError as error:
                passing = error.retryable and not error.missing and not error.changed_meanwhile
                if not passing or number == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE * 2**number)
        raise AssertionError("the last attempt returned or raised")

    def _compute(
        self, collection: str, method: str, body: Mapping[str, Any] | None, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        if collection in _LEGACY:
            given = {"project": self.project, **params, **({} if body is None else {"body": body})}
            return self._other("compute", f"{collection}.{method}", given)
        action = f"compute.{collection}.{method}"
        client = self._client(collection)
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method).lower()
        call = getattr(client, f"{name}_unary", None) or getattr(client, name)
        kind = typing.get_args(signature(call).parameters["request"].annotation)[0]
        given = {"project": self.project, **params}
        if body is not None:
            field = next(name for name in kind.meta.fields if name.endswith("_resource"))
            given[re.sub("_([a-z])", lambda found: found.group(1).upper(), field)] = body
        timeout = _WAITING if method == "wait" else _ANSWERING
        try:
            answer = call(request=kind.from_json(json.dumps(given)), retry=None, timeout=timeout)
            answer = getattr(answer, "_response", answer)  # of a list, one page: `pages` asks for the next one itself
        except exceptions.GoogleAPICallError as error:
            message = str(error.message or "")
            raise refused(action, self.project, error.code or 0, message, error.errors, error.details) from None
        except GoogleAuthError as error:
            raise self._not_signed_in(action, error) from None
        except (RequestException, exceptions.RetryError, ConnectionError) as error:
            raise GcpError.no_answer(action, f"no answer: {' '.join(str(error).split())}") from None
        found: dict[str, Any] = json_reader.parse(
            type(answer).to_json(answer, use_integers_for_enums=False, always_print_fields_with_no_presence=False)
        )
        return found

    def _other(self, service: str, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        from google.auth.exceptions import GoogleAuthError
        from googleapiclient.errors import HttpError
        from requests.exceptions import RequestException

        action = f"{service}.{method}"
        collection, _, last_name = method.rpartition(".")
        try:
            found: dict[str, Any] = getattr(self._collection(service, collection), last_name)(**params).execute()
        except HttpError as error:
            raise http_refusal(action, self.project, int(error.resp.status), error.content) from None
        except GoogleAuthError as error:
            raise self._not_signed_in(action, error) from None
        except (RequestException, ConnectionError) as error:
            raise GcpError.no_answer(action, f"no answer: {' '.join(str(error).split())}") from None
        return found or {}

    def _not_signed_in(self, action: str, error: Exception) -> GcpError:
        words = " ".join(str(error).split())[:300]
        if getattr(error, "retryable", False):
            return GcpError.no_answer(action, f"no answer of the sign-in: {words}")
        found = no_credentials(f"the credentials can't be used: {words}")
        if self._impersonate:
            role = "Service Account Token Creator"
            found.hint = f"Have somebody give you the role {role} on {self._impersonate}, or leave gcp.impersonate out."
        return found

    def _client(self, collection: str) -> Any:
        """The client of a collection: making one is slow and not safe from two threads, using one is."""
        credentials = self.identity.credentials
        with self._lock:
            if collection not in self._clients:
                try:
                    from google.api_core.client_options import ClientOptions
                    from google.cloud import compute_v1
                except ImportError:
                    raise missing_library("google-cloud-compute") from None
                made = getattr(compute_v1, f"{collection[0].upper()}{collection[1:]}Client")
                options = ClientOptions(api_endpoint=endpoint("compute"))
                self._clients[collection] = made(credentials=credentials, transport="rest", client_options=options)
            return self._clients[collection]

    def _collection(self, service: str, path: str) -> Any:
        """What has the methods of a collection such as `projects.serviceAccounts`: the library makes it slowly."""
        found = self._collections.get((service, path))
        if found is None:
            found = self._service(service)
            for name in filter(None, path.split(".")):
                found = getattr(found, name)()
            self._collections[service, path] = found
        return found

    def _service(self, name: str) -> Any:
        credentials = self.identity.credentials
        with self._lock:
            if name not in self._services:
                try:
                    from google.api_core.client_options import ClientOptions
                    from googleapiclient import discovery
                except ImportError:
                    raise missing_library("google-api-python-client") from None
                self._services[name] = discovery.build(
                    name,
                    _VERSIONS[name],
                    http=_Http(credentials),
                    client_options=ClientOptions(api_endpoint=root(name)),
                    static_discovery=True,
                    cache_discovery=False,
                )
            return self._services[name]


class _Http:
    """What google-api-python-client sends with: httplib2 is not for two threads, and knows no proxy by itself."""

    def __init__(self, credentials: Any) -> None:
        from google.auth.transport.requests import AuthorizedSession

        self._session = AuthorizedSession(credentials)

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> tuple[Any, bytes]:
        import httplib2

        answer = self._session.request(method, uri, data=body, headers=dict(headers or {}), timeout=_ANSWERING)
        return httplib2.Response({**answer.headers, "status": str(answer.status_code)}), answer.content

    def close(self) -> None:
        self._session.close()


def last(link: object) -> str:
    """The name of a thing that an answer names by its whole address."""
    return str(link).rpartition("/")[2]
