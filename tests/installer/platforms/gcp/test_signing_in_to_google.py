"""Whose credentials Craton uses in Google Cloud: a key's, those of a federation, and service accounts acted as."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from installer.accounts.gcp.account import Account
from installer.common.errors import InstallerError
from tests.doubles.gcp import tokens
from tests.doubles.gcp.project import PROJECT, REGION, Project

ROBOT = f"craton@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture
def federation(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a workload identity federation, and the token of the other side that it names."""
    endpoint = os.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"]
    (tmp_path / "subject").write_text(tokens.SUBJECT)
    file = tmp_path / "federation.json"
    document = {
        "type": "external_account",
        "audience": tokens.AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{endpoint}v1/token",
        "service_account_impersonation_url": f"{endpoint}v1/projects/-/serviceAccounts/{ROBOT}:generateAccessToken",
        "credential_source": {"file": str(tmp_path / "subject")},
    }
    file.write_text(json.dumps(document))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)  # else google-auth asks Google itself
    return file


def regions(account: Account) -> list[str]:
    return [str(one["name"]) for one in account.pages("regions")]


def test_a_service_account_is_acted_as(gcp: Project) -> None:
    gcp.creators.add(ROBOT)
    account = Account(PROJECT, REGION, ROBOT)
    assert (account.identity.who, account.identity.how) == (
        ROBOT,
        "the key of a service account, acting as a service account",
    )
    assert REGION in regions(account)
    assert gcp.calls["iamcredentials.projects.serviceAccounts.generateAccessToken"] == 1


def test_without_the_role_it_is_named(gcp: Project) -> None:
    with pytest.raises(InstallerError) as caught:
        regions(Account(PROJECT, REGION, ROBOT))
    assert "iam.serviceAccounts.getAccessToken" in caught.value.observed
    assert f"the role Service Account Token Creator on {ROBOT}" in caught.value.hint


def test_a_federations_token_is_exchanged_and_its_service_account_acted_as(gcp: Project, federation: Path) -> None:
    gcp.creators.add(ROBOT)
    account = Account(PROJECT, REGION)
    assert REGION in regions(account)
    assert (account.identity.who, account.identity.how) == (ROBOT, "workload identity federation")
    assert gcp.calls["sts.token"] == 1


def test_a_token_of_the_other_side_that_google_refuses_says_so(gcp: Project, federation: Path) -> None:
    (federation.parent / "subject").write_text("expired")
    with pytest.raises(InstallerError) as caught:
        regions(Account(PROJECT, REGION))
    assert "the credentials can't be used" in caught.value.observed
