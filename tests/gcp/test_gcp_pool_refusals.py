"""What the double of managed instance groups, their templates and Secret Manager refuses, each with its page."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from tests.doubles.gcp import tokens
from tests.doubles.gcp.project import PROJECT, REGION, Project
from tests.doubles.gcp.server import TOKEN

_REFERENCE = "https://cloud.google.com/compute/docs/reference/rest/v1"
_GROUPS, _TEMPLATES = f"{_REFERENCE}/regionInstanceGroupManagers", f"{_REFERENCE}/regionInstanceTemplates"
_REGIONAL = "https://cloud.google.com/compute/docs/instance-groups/distributing-instances-with-regional-instance-groups"
_SECRETS = "https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets"
_ACCESS = "https://cloud.google.com/secret-manager/docs/access-control"
_TEMPLATE = f"projects/{PROJECT}/regions/{REGION}/instanceTemplates/"
MAIL = f"demo-worker@{PROJECT}.iam.gserviceaccount.com"
SECRET = f"projects/{PROJECT}/secrets/demo-pool"
PROPERTIES = {
    "machineType": "e2-standard-2", "disks": [{"boot": True, "autoDelete": True, "initializeParams": {
        "sourceImage": "projects/debian-cloud/global/images/debian-13-v20261112"}}],
    "networkInterfaces": [{"subnetwork": f"projects/{PROJECT}/regions/{REGION}/subnetworks/nodes"}],
    "serviceAccounts": [{"email": MAIL}], "metadata": {"items": [{"key": "enable-oslogin", "value": "FALSE"}]},
    "tags": {"items": ["demo-worker"]},
}  # fmt: skip
BALANCED = {"zones": [{"zone": f"zones/{REGION}-a"}, {"zone": f"zones/{REGION}-b"}], "targetShape": "BALANCED"}


class Pool:
    """A project with a template, whose groups a test makes."""

    def __init__(self, project: Project) -> None:
        self.project, self.account = project, Account(PROJECT, REGION)
        self.template("first")

    def template(self, name: str, **properties: Any) -> None:
        body = {"name": name, "properties": PROPERTIES | properties}
        self.account.change("regionInstanceTemplates", "insert", body, region=REGION)

    def group(self, **more: Any) -> None:
        body: dict[str, Any] = {
            "name": "demo", "instanceTemplate": f"{_TEMPLATE}first", "targetSize": 2, "distributionPolicy": BALANCED,
            "updatePolicy": {"type": "OPPORTUNISTIC", "instanceRedistributionType": "NONE"},
        }  # fmt: skip
        self.account.change("regionInstanceGroupManagers", "insert", body | more, region=REGION)

    def ask(self, method: str, body: dict[str, Any] | None = None, **params: Any) -> None:
        where = {"region": REGION, "instanceGroupManager": "demo"}
        self.account.change("regionInstanceGroupManagers", method, body, **where, **params)

    def listed(self) -> dict[str, str]:
        """What the group does with each of its machines, by name."""
        where = {"region": REGION, "instanceGroupManager": "demo"}
        found = self.account.pages("regionInstanceGroupManagers", "listManagedInstances", **where)
        return {str(one["name"]): str(one["currentAction"]) for one in found}

    def zones(self) -> list[str]:
        self.listed()
        return sorted(one["zone"][-1] for one in self.project.of("instances"))

    def secret(self, data: bytes = b"open") -> None:
        body = {"replication": {"userManaged": {"replicas": [{"location": REGION}]}}}
        parent = f"projects/{PROJECT}"
        self.account.ask("secretmanager", "projects.secrets.create", parent=parent, secretId="demo-pool", body=body)
        self.add(data)

    def add(self, data: bytes) -> None:
        payload = {"payload": {"data": base64.b64encode(data).decode()}}
        self.account.ask("secretmanager", "projects.secrets.addVersion", parent=SECRET, body=payload)

    def read(self, version: str) -> bytes:
        name = f"{SECRET}/versions/{version}"
        found = self.account.ask("secretmanager", "projects.secrets.versions.access", name=name)
        return base64.b64decode(found["payload"]["data"])


@pytest.fixture
def pool(gcp: Project) -> Pool:
    gcp.things["subnetworks", REGION, "nodes"] = {
        "name": "nodes", "network": "n", "selfLink": "s/nodes", "ipCidrRange": "10.0.0.0/24",
    }  # fmt: skip
    gcp.accounts[MAIL] = {"email": MAIL, "seen": gcp.lag.service_account}
    return Pool(gcp)


def _twice(pool: Pool) -> None:
    pool.group()
    pool.group()


def _in_use(pool: Pool) -> None:
    pool.group()
    pool.account.change("regionInstanceTemplates", "delete", region=REGION, instanceTemplate="first")


def _not_its_own(pool: Pool) -> None:
    pool.group()
    pool.ask("deleteInstances", {"instances": [f"zones/{REGION}-a/instances/demo-0000"]})


def _no_link(pool: Pool) -> None:
    pool.group()
    pool.ask("deleteInstances", {"instances": ["demo-0000"], "skipInstancesOnValidationError": True})


def _going(pool: Pool) -> None:
    pool.group()
    pool.project.lag.operation = 99
    where: dict[str, Any] = {"region": REGION, "instanceGroupManager": "demo"}
    pool.account.begin("regionInstanceGroupManagers", "delete", **where)
    pool.ask("resize", size=3)


def _no_template(pool: Pool) -> None:
    pool.group()
    pool.ask("setInstanceTemplate", {"instanceTemplate": f"{_TEMPLATE}second"})


def _concurrently(pool: Pool) -> None:
    pool.secret()
    policy = {"etag": "BwS00000", "bindings": [{"role": "roles/secretmanager.viewer", "members": ["user:a@b.test"]}]}
    for _ in range(2):
        body = {"policy": policy}
        pool.account.ask("secretmanager", "projects.secrets.setIamPolicy", resource=SECRET, body=body)


def _destroyed(pool: Pool) -> None:
    pool.secret()
    pool.account.ask("secretmanager", "projects.secrets.versions.destroy", name=f"{SECRET}/versions/1", body={})
    pool.read("1")


def _too_large(pool: Pool) -> None:
    pool.secret(b"x" * 65_537)


def _secret_twice(pool: Pool) -> None:
    pool.secret()
    pool.secret()


REFUSED: tuple[tuple[Callable[[Pool], Any], str, str], ...] = (
    (_twice, "already exists", f"{_GROUPS}/insert"),
    (lambda pool: pool.group(instanceTemplate=f"{_TEMPLATE}second"), "not found", f"{_GROUPS}/insert"),
    (lambda pool: pool.group(updatePolicy={}), "only supported for the target shape EVEN", _REGIONAL),
    (lambda pool: pool.group(updatePolicy={"instanceRedistributionType": "NONE", "maxSurge": {"fixed": 1}}),
     "either 0 or at least 2", f"{_GROUPS}/insert"),
    (lambda pool: pool.group(distributionPolicy={"zones": [{"zone": "zones/us-central1-a"}]}),
     "distributionPolicy.zones", _REGIONAL),
    (lambda pool: pool.group(baseInstanceName="x" * 59), "baseInstanceName", f"{_GROUPS}/insert"),
    (_in_use, "already being used by 'demo'", f"{_TEMPLATES}/delete"),
    (lambda pool: pool.template("other", machineType="zones/a/machineTypes/e2-standard-2"), "machineType",
     f"{_TEMPLATES}/insert"),
    (_no_template, "not found", f"{_GROUPS}/setInstanceTemplate"),
    (_not_its_own, "not a member", f"{_GROUPS}/deleteInstances"),
    (_no_link, "no link of an instance", f"{_GROUPS}/deleteInstances"),
    (_going, "is not ready", f"{_GROUPS}/delete"),
    (_secret_twice, "already exists", f"{_SECRETS}/create"),
    (_too_large, "from 1 to 65536 bytes", f"{_SECRETS}/addVersion"),
    (_concurrently, "concurrent policy changes", f"{_SECRETS}/setIamPolicy"),
    (_destroyed, "DESTROYED state", f"{_SECRETS}.versions/access"),
    (lambda pool: pool.read("1"), "not found", f"{_SECRETS}.versions/access"),
)  # fmt: skip


@pytest.mark.parametrize(("attempt", "words", "page"), REFUSED, ids=[f"{n}-{one[1]}" for n, one in enumerate(REFUSED)])
def test_what_google_refuses_is_refused(pool: Pool, attempt: Callable[[Pool], Any], words: str, page: str) -> None:
    with pytest.raises(GcpError) as error:
        attempt(pool)
    assert words in error.value.observed, page


def test_a_group_makes_repairs_and_ends_its_machines_after_the_answer(pool: Pool, gcp: Project) -> None:
    pool.group()
    first = pool.listed()
    assert list(first.values()) == ["NONE", "NONE"]
    assert pool.zones() == ["a", "b"]
    gone = sorted(first)[0]
    link = f"zones/{next(last for (_, last, name) in gcp.things if name == gone)}/instances/{gone}"
    for _ in range(2):  # whose second finds none of that name
        pool.ask("deleteInstances", {"instances": [link], "skipInstancesOnValidationError": True})
    assert pool.listed()[gone] == "DELETING"
    assert pool.account.get("regionInstanceGroupManagers", "get", region=REGION,
                            instanceGroupManager="demo")["targetSize"] == 1  # fmt: skip
    for _ in range(5):
        list(pool.account.pages("instances", "aggregatedList"))
    (left,) = pool.listed()
    found = next(one for one in gcp.of("instances"))
    pool.account.change("instances", "delete", instance=left, zone=found["zone"].rpartition("/")[2])
    for _ in range(5):
        list(pool.account.pages("instances", "aggregatedList"))
    (again,) = gcp.of("instances")
    assert (again["name"], again["id"] == found["id"]) == (left, False), "repaired under its name"
    gcp.full_zones |= {f"{REGION}-{letter}" for letter in "ab"}
    pool.ask("resize", size=2)
    assert sorted(pool.listed().values()) == ["CREATING", "NONE"]
    gcp.full_zones.clear()
    assert list(pool.listed().values()) == ["NONE", "NONE"]
    where: dict[str, Any] = {"region": REGION, "instanceGroupManager": "demo"}
    pool.account.change("regionInstanceGroupManagers", "delete", **where)
    assert gcp.of("instances") == []


def test_what_was_just_written_may_show_late_under_latest_and_never_by_its_number(pool: Pool) -> None:
    pool.secret(b"first")
    assert pool.read("latest") == b"first"
    pool.add(b"second")
    assert [pool.read("latest"), pool.read("latest"), pool.read("2")] == [b"first", b"second", b"second"]


def test_machines_read_the_secrets_that_their_service_account_has_the_role_for(pool: Pool, gcp: Project) -> None:
    import urllib.error
    import urllib.request
    from json import loads

    from installer.accounts.gcp.credentials import root

    pool.secret()
    mine = loads(tokens.of_machine(gcp, MAIL))["access_token"]
    others = loads(tokens.of_machine(gcp, f"demo-infra@{PROJECT}.iam.gserviceaccount.com"))["access_token"]

    def get(token: str, path: str = f"v1/{SECRET}/versions/latest:access") -> int:
        asked = urllib.request.Request(f"{root('secretmanager')}{path}", headers={"Authorization": f"Bearer {token}"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            return int(opener.open(asked).status)
        except urllib.error.HTTPError as error:
            return error.code

    assert get(mine) == 403, _ACCESS
    bindings = [{"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{MAIL}"]}]
    body = {"policy": {"bindings": bindings}}
    pool.account.ask("secretmanager", "projects.secrets.setIamPolicy", resource=SECRET, body=body)
    assert [get(mine), get(others), get("guessed"), get(TOKEN)] == [200, 403, 401, 200], _ACCESS
    assert get(mine, f"v1/{SECRET}") == 403, _ACCESS
