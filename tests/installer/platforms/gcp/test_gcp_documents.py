"""The double lets in what Google's documents allow, and nothing else: each refusal is one that Google would make."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doubles.gcp.documents import NotAllowed, check_body, find

_BULK = "/compute/v1/projects/my-project/zones/europe-west3-a/instances/bulkInsert"


def test_a_request_is_found_with_its_parameters() -> None:
    method, given = find("POST", _BULK, {"requestId": ["x"]})
    assert method.id == "compute.instances.bulkInsert"
    assert given == {"project": "my-project", "zone": "europe-west3-a", "requestId": "x"}
    path = "/v1/projects/my-project/serviceAccounts/a@my-project.iam.gserviceaccount.com"
    assert find("GET", path, {})[0].id == "iam.projects.serviceAccounts.get"


@pytest.mark.parametrize(
    ("http", "path", "query", "says"),
    [
        ("GET", _BULK, {}, "no document has GET"),
        ("POST", _BULK.replace("europe-west3-a", "Zone A"), {}, "zone 'Zone A' is not"),
        ("POST", _BULK, {"token": ["x"]}, "has no parameter token"),
        ("GET", "/compute/v1/projects/my-project/global/networks", {"maxResults": ["many"]}, "is no number"),
    ],
)
def test_a_request_that_no_document_has_is_refused(http: str, path: str, query: dict[str, Any], says: str) -> None:
    with pytest.raises(NotAllowed, match=says):
        find(http, path, query)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"cuont": "2"}, "body has no field cuont"),
        ({"count": "two"}, "body.count 'two' is no number"),
        ({"instanceProperties": {"disks": {}}}, "disks is no list"),
        ({"instanceProperties": {"disks": [{"boot": "yes"}]}}, r"disks\[0\].boot is not true or false"),
        ({"instanceProperties": {"disks": [{"mode": "BOTH"}]}}, "mode 'BOTH' is none of"),
        ({"perInstanceProperties": {"a": {"name": "a"}}}, "name is for answers only"),
    ],
)
def test_a_body_that_the_document_does_not_allow_is_refused(body: dict[str, Any], says: str) -> None:
    method, _ = find("POST", _BULK, {})
    with pytest.raises(NotAllowed, match=says):
        check_body(method, body)


def test_a_field_that_a_method_requires_has_to_be_there() -> None:
    method, _ = find("POST", "/compute/v1/projects/my-project/global/firewalls", {})
    with pytest.raises(NotAllowed, match="body needs name"):
        check_body(method, {"network": "n"})
