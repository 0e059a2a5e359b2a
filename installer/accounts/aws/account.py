"""The one place that talks to AWS: requests with deadlines, counted, their refusals in words."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from installer.accounts.aws.errors import AwsError, no_credentials, refusal
from installer.common.errors import ExitCode, InstallerError

_CONNECTING, _ANSWERING, _ATTEMPTS = 5, 30, 4
"""Seconds to connect, seconds until an answer, and attempts of one request within botocore."""

_ONCE = ("create_", "allocate_")
"""Requests that make something, without a token: if an answer is lost, whoever asked looks first, then asks again."""

_SERVICE_OF_ACTION = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
"""Services whose IAM actions begin otherwise than boto3 calls them."""


class Account:
    """Requests to one account in one region. Safe from many threads; `requests` counts them by IAM action."""

    def __init__(self, region: str, profile: str | None = None) -> None:
        self.region = region
        self.profile = profile
        self.requests: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, bool], Any] = {}

    def ask(self, service: str, operation: str, **given: Any) -> dict[str, Any]:
        """One request; `operation` as boto3 has it. Raises AwsError."""
        from botocore.exceptions import BotoCoreError, ClientError

        action = action_of(service, operation)
        client = self._client(service, once=operation.startswith(_ONCE))
        with self._lock:
            self.requests[action] += 1
        try:
            answer: dict[str, Any] = getattr(client, operation)(**given)
        except ClientError as error:
            said = error.response.get("Error", {})
            code, message = str(said.get("Code", "")), str(said.get("Message", "") or "no message")
            raise refusal(action, code, message, region=self.region, profile=self.profile) from None
        except BotoCoreError as error:
            raise self._broken(action, error) from None
        return answer

    def pages(self, service: str, operation: str, result: str, **given: Any) -> Iterator[Any]:
        """All items of `result`, a request for each page."""
        token_name, next_name = ("NextToken", "NextToken")
        if service in ("elb", "elbv2", "kms", "route53"):
            token_name, next_name = ("Marker", "NextMarker")
        elif service == "iam":
            token_name, next_name = ("Marker", "Marker")
        token = None
        while True:
            answer = self.ask(service, operation, **given, **({token_name: token} if token else {}))
            yield from answer.get(result, ())
            token = answer.get(next_name)
            if not token:
                return

    def endpoint(self, service: str) -> str:
        """Where requests to a service go."""
        return str(self._client(service, once=False).meta.endpoint_url)

    def caller(self) -> dict[str, str]:
        """Account, Arn and UserId of the credentials; and how they were found, as `method`."""
        answer = self.ask("sts", "get_caller_identity")
        found = self._session.get_credentials()
        return {
            **{key: str(answer[key]) for key in ("Account", "Arn", "UserId")},
            "method": getattr(found, "method", ""),
        }

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _client(self, service: str, *, once: bool) -> Any:
        """The client of a service: making one is slow and not safe from two threads, using one is."""
        with self._lock:
            if (service, once) not in self._clients:
                self._clients[service, once] = self._opened(service, 1 if once else _ATTEMPTS)
            return self._clients[service, once]

    def _opened(self, service: str, attempts: int) -> Any:
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError:
            raise InstallerError(
                "talk to AWS",
                "the AWS library boto3 is not installed",
                hint="Install Craton with it: uv tool install 'craton[aws]'.",
                exit_code=ExitCode.USAGE,
            ) from None
        config = Config(
            connect_timeout=_CONNECTING,
            read_timeout=_ANSWERING,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=16,
            user_agent_extra="craton",
        )
        # The price list is served in few regions, and is the same everywhere.
        region = "us-east-1" if service == "pricing" else self.region
        try:
            if self._session is None:
                self._session = boto3.Session(profile_name=self.profile, region_name=self.region)
            return self._session.client(service, region_name=region, config=config)
        except BotoCoreError as error:
            raise self._broken(f"{service}:*", error) from None

    def _broken(self, action: str, error: Exception) -> InstallerError:
        from botocore import exceptions

        words = " ".join(str(error).split())
        if isinstance(error, exceptions.ProfileNotFound):
            return no_credentials(self.profile, f"there is no profile {self.profile} in ~/.aws/config")
        if isinstance(error, exceptions.NoCredentialsError):
            return no_credentials(self.profile, "no credentials were found")
        if isinstance(
            error, exceptions.TokenRetrievalError | exceptions.SSOError | exceptions.CredentialRetrievalError
        ):
            return no_credentials(self.profile, f"can't get credentials: {words}")
        if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
            return AwsError.no_answer(action, f"no answer: {words}")
        return refusal(action, type(error).__name__, words, region=self.region, profile=self.profile)


def action_of(service: str, operation: str) -> str:
    """The IAM action of a request: run_instances of ec2 is ec2:RunInstances."""
    words = "".join(part.capitalize() for part in operation.split("_"))
    return f"{_SERVICE_OF_ACTION.get(service, service)}:{words}"
