"""What a Google Cloud project suggests while somebody answers the wizard's questions."""

from __future__ import annotations

from typing import Any

import pytest

from installer.accounts.gcp.account import Account
from installer.common.errors import InstallerError
from installer.plan.platforms import PLATFORMS
from installer.plan.suggestions import Suggestions
from installer.platforms import suggestions
from installer.platforms.clouds.suggestions import Accounts
from installer.platforms.gcp import suggestions as of_gcp
from tests.doubles.gcp.catalogue import CORE, RAM
from tests.doubles.gcp.project import PROJECT, REGION, Project


@pytest.fixture(autouse=True)
def _no_client_of_an_earlier_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_gcp, "_ACCOUNTS", Accounts(Account))


def found(field: str, **answers: Any) -> dict[str, str]:
    """Values with their details."""
    return {one.value: one.detail for one in look(field, **answers).found}


def look(field: str, **answers: Any) -> Suggestions:
    return suggestions("gcp", field, {name.replace("__", "."): value for name, value in answers.items()})


def test_every_field_that_is_said_to_have_suggestions_has_them() -> None:
    assert set(PLATFORMS["gcp"].suggests) == set(of_gcp._OF)


def test_projects_regions_zones_and_service_accounts_are_listed(gcp: Project) -> None:
    gcp.accounts["craton@x.iam.gserviceaccount.com"] = {"email": "craton@x.iam.gserviceaccount.com"}
    assert found("gcp.project") == {PROJECT: "Tests"}
    assert "credentials found by: the key of a service account" in look("gcp.project").source
    assert found("gcp.region")[REGION] == "3 zones"
    assert next(iter(found("gcp.zones"))) == ", ".join(f"{REGION}-{letter}" for letter in "abc")
    assert list(found("gcp.impersonate")) == ["craton@x.iam.gserviceaccount.com"]


def test_machine_types_have_the_price_of_their_parts(gcp: Project) -> None:
    types = found("gcp.master_type")
    assert types["e2-standard-2"] == f"2 vCPU · 8 GiB · x86 · {2 * CORE + 8 * RAM:.4f} USD an hour"
    assert "c4a-standard-1" not in types, "no master runs on one processor"


def test_without_the_catalogue_types_are_listed_all_the_same(gcp: Project) -> None:
    gcp.services.discard("cloudbilling")
    listed = look("gcp.worker_type")
    assert "prices unknown: the API cloudbilling.googleapis.com is not enabled" in listed.source
    assert {one.value: one.detail for one in listed.found}["e2-standard-4"] == "4 vCPU · 16 GiB · x86"


def test_networks_come_from_the_host_project_of_a_shared_vpc(gcp: Project) -> None:
    gcp.host = "host-project-1"
    assert list(found("gcp.network_project")) == ["host-project-1"]
    gcp.host = ""
    assert "uses no shared VPC" in look("gcp.network_project").source
    gcp.things["networks", "global", "office"] = {"name": "office", "mtu": 1460}
    gcp.things["subnetworks", REGION, "floor"] = {"name": "floor", "network": "x/office", "ipCidrRange": "10.9.0.0/16"}
    gcp.things["subnetworks", REGION, "other"] = {"name": "other", "network": "x/lab", "ipCidrRange": "10.8.0.0/16"}
    assert found("gcp.network") == {"office": "MTU 1460"}
    assert found("gcp.subnetwork", gcp__network="office") == {"floor": "10.9.0.0/16"}


def test_keys_are_those_that_encrypt_and_zones_those_that_fit(gcp: Project) -> None:
    (key,) = found("gcp.kms_key")
    assert key.endswith("/keyRings/craton/cryptoKeys/disks")
    for name, domain in (("mine", "example.com."), ("theirs", "other.org.")):
        gcp.zones[name] = {"dnsName": domain, "rrsets": {}, "changes": {}}
    assert found("gcp.managed_zone", subdomain="k8s.example.com") == {"mine": "example.com"}
    assert list(found("subdomain")) == ["example.com", "other.org"]


def test_without_credentials_the_error_says_what_to_do(gcp: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    with pytest.raises(InstallerError) as caught:
        look("gcp.region")
    assert "gcloud auth application-default login" in caught.value.hint
