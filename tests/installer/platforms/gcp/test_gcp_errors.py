"""Each refusal of Google Cloud in words: what it was, and what to do, in whichever of its two shapes it came."""

from __future__ import annotations

import pytest

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import failed_operation, refusal
from installer.common.errors import InstallerError
from tests.doubles.gcp.faults import Fault
from tests.doubles.gcp.project import PROJECT, Project

CALL = "compute.instances.bulkInsert"


@pytest.mark.parametrize(
    ("reason", "status", "message", "observed", "hint", "retryable"),
    [
        ("accessNotConfigured", 403, "no", "the API compute.googleapis.com is not enabled in the project p",
         "gcloud services enable compute.googleapis.com --project p", False),
        ("authError", 401, "no", "Google doesn't accept the credentials", "gcloud auth application-default", False),
        ("forbidden", 403, "Required 'compute.instances.create' permission for 'x'",
         "the credentials don't allow compute.instances.create", "/iam-admin/iam?project=p", False),
        ("QUOTA_EXCEEDED", 0, "Quota 'CPUS' exceeded.  Limit: 8.0 in region europe-west3.", "the quota CPUS is used up",
         "/iam-admin/quotas?project=p", False),
        ("ZONE_RESOURCE_POOL_EXHAUSTED", 0, "no room", "no room", "another machine type", False),
        ("rateLimitExceeded", 403, "too many", "too many (RATE_LIMIT_EXCEEDED)", "some minutes", True),
        ("backendError", 503, "busy", "busy (BACKEND_ERROR)", "some minutes", True),
        ("", 503, "busy", "busy (UNAVAILABLE)", "some minutes", True),
        ("notFound", 404, "was not found", "was not found (NOT_FOUND)", "Correct", True),
        ("conditionNotMet", 412, "Constraint constraints/compute.vmExternalIpAccess violated",
         "an organisation policy forbids external addresses of machines in the project p", "for an exception", False),
        ("CONDITION_NOT_MET", 0, "Constraint constraints/iam.disableServiceAccountCreation violated for x",
         "an organisation policy forbids new service accounts", "for an exception", False),
        ("SOMETHING_NEW", 0, "new", "new (SOMETHING_NEW)", "Correct what Google says", False),
    ],
)  # fmt: skip
def test_a_refusal_says_why_and_what_to_do(
    reason: str, status: int, message: str, observed: str, hint: str, retryable: bool
) -> None:
    error = refusal(CALL, reason, message, project="p", status=status)
    assert observed in error.observed
    assert hint in error.hint
    assert error.retryable is retryable
    assert error.operation == f"ask Google Cloud for {CALL}"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("notFound", "missing"), ("RESOURCE_NOT_FOUND", "missing"), ("alreadyExists", "exists"),
     ("RESOURCE_ALREADY_EXISTS", "exists"), ("resourceInUseByAnotherResource", "in_use"),
     ("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "in_use"), ("ZONE_RESOURCE_POOL_EXHAUSTED", "no_capacity"),
     ("conditionNotMet", "changed_meanwhile"), ("SOMETHING_NEW", "")],
)  # fmt: skip
def test_refusals_that_steps_can_live_with_are_told_apart(reason: str, kind: str) -> None:
    error = refusal(CALL, reason, "no", project="p")
    kinds = ("missing", "exists", "in_use", "no_capacity", "changed_meanwhile")
    assert [name for name in kinds if getattr(error, name)] == ([kind] if kind else [])


def test_an_operation_that_is_done_may_have_failed() -> None:
    assert failed_operation(CALL, {"status": "DONE"}, project="p") is None
    listed = {"errors": [{"code": "QUOTA_EXCEEDED", "message": "Quota 'CPUS' exceeded."}]}
    error = failed_operation(CALL, {"status": "DONE", "error": listed}, project="p")
    assert error is not None
    assert error.code == "QUOTA_EXCEEDED"
    shown = {"status": "DONE", "httpErrorStatusCode": 404, "httpErrorMessage": "NOT FOUND"}
    again = failed_operation(CALL, shown, project="p")
    assert again is not None
    assert again.missing


def test_without_credentials_one_is_told_how_to_sign_in() -> None:
    with pytest.raises(InstallerError, match="no credentials were found") as raised:
        Account("my-project-1", "europe-west3").get("regions", "get", region="europe-west3")
    assert "gcloud auth application-default login" in raised.value.hint


def test_no_process_of_a_test_reaches_google(gcp: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is not told where the double is finds a proxy that nobody is."""
    for service in ("COMPUTE", "DNS"):
        monkeypatch.delenv(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}")
    account = Account(PROJECT, "europe-west3")
    monkeypatch.setattr("installer.accounts.gcp.account._PAUSE", 0.0)
    with pytest.raises(InstallerError, match="no answer") as raised:
        account.get("regions", "get", region="europe-west3")
    assert raised.value.retryable
    with pytest.raises(InstallerError, match="no answer"):
        account.ask("dns", "managedZones.list", project=PROJECT)
    assert gcp.calls["compute.regions.get"] == 0


def test_a_lost_answer_is_asked_for_again_and_changes_nothing_twice(gcp: Project) -> None:
    account = Account(PROJECT, "europe-west3")
    gcp.fail("compute.networks.insert", Fault.LOST)
    account.change("networks", "insert", {"name": "demo", "autoCreateSubnetworks": False})
    assert gcp.calls["compute.networks.insert"] == 2
    assert gcp.remains() == ["networks demo"]


def test_an_answer_of_many_pages_is_read_to_its_end(gcp: Project) -> None:
    for number in range(501):
        gcp.things["networks", "global", f"n{number}"] = {"name": f"n{number}"}
    account = Account(PROJECT, "europe-west3")
    assert len(list(account.pages("networks"))) == 501
    assert gcp.calls["compute.networks.list"] == 2
