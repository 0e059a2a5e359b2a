"""The double refuses what Google refuses. Each case names the page of Google's documentation that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from tests.doubles.gcp.project import ACCOUNT, PROJECT, REGION, Project

_AT = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
_REFERENCE = "https://cloud.google.com/compute/docs/reference/rest/v1"
_LOGIN = "https://cloud.google.com/compute/docs/oslogin"
_IAM = "https://cloud.google.com/iam/docs"
_MACHINES = {
    "count": "1", "perInstanceProperties": {"demo-1": {}}, "instanceProperties": {
        "machineType": "e2-standard-2", "networkInterfaces": [{"subnetwork": "nodes"}],
        "serviceAccounts": [{"email": ACCOUNT}],
        "metadata": {"items": [{"key": "enable-oslogin", "value": "FALSE"}]},
    },
}  # fmt: skip
MAIL = f"demo-master@{PROJECT}.iam.gserviceaccount.com"


def _ask(method: str, **given: Any) -> Callable[[Account], object]:
    return lambda account: account.ask("iam", method, **given)


def _login(method: str, **given: Any) -> Callable[[Account], object]:
    return lambda account: account.ask("oslogin", method, **given)


def _insert(collection: str, body: dict[str, Any], verb: str = "insert", **where: Any) -> Callable[[Account], object]:
    return lambda account: account.change(collection, verb, body, **where)


def _delete(collection: str, **where: Any) -> Callable[[Account], object]:
    return lambda account: account.change(collection, "delete", **where)


REFUSALS: tuple[tuple[str, str, Callable[[Account], object]], ...] = (
    ("already being used by 'web'", f"{_REFERENCE}/targetPools/delete",
     _delete("targetPools", region=REGION, targetPool="web")),
    ("already being used by 'web'", f"{_REFERENCE}/httpHealthChecks/delete",
     _delete("httpHealthChecks", httpHealthCheck="k8s-1-node")),
    ("already being used by 'inner'", f"{_REFERENCE}/healthChecks/delete",
     _delete("healthChecks", healthCheck="k8s-1-node")),
    ("deleted state", f"{_IAM}/creating-custom-roles#deleting-custom-role",
     _ask("projects.roles.create", parent=f"projects/{PROJECT}", body={"roleId": "gone", "role": {"title": "Gone"}})),
    ("already exists", f"{_IAM}/creating-custom-roles#creating",
     _ask("projects.roles.create", parent=f"projects/{PROJECT}", body={"roleId": "here", "role": {"title": "Here"}})),
    ("must match", f"{_IAM}/creating-custom-roles#creating",
     _ask("projects.roles.create", parent=f"projects/{PROJECT}", body={"roleId": "a-b", "role": {"title": "No"}})),
    ("it is deleted", f"{_IAM}/creating-custom-roles#undeleting",
     _ask("projects.roles.patch", name=f"projects/{PROJECT}/roles/gone", body={"title": "Gone"})),
    ("does not exist", f"{_IAM}/reference/rest/v1/Policy",
     _ask("projects.serviceAccounts.setIamPolicy", resource=f"projects/{PROJECT}/serviceAccounts/{MAIL}", body={
         "policy": {"bindings": [{"role": f"projects/{PROJECT}/roles/gone", "members": [f"serviceAccount:{MAIL}"]}]}})),
    ("does not exist", f"{_IAM}/reference/rest/v1/Policy",
     _ask("projects.serviceAccounts.setIamPolicy", resource=f"projects/{PROJECT}/serviceAccounts/{MAIL}", body={
         "policy": {"bindings": [{"role": "roles/iam.serviceAccountUser", "members": ["serviceAccount:no@a.test"]}]}})),
    ("don't allow oslogin.users.importSshPublicKey", f"{_LOGIN}/rest/v1/users/importSshPublicKey",
     _login("users.importSshPublicKey", parent="users/eve@example.test", body={"key": "ssh-ed25519 AAAA"})),
    ("Invalid SSH public key", f"{_LOGIN}/rest/v1/users/importSshPublicKey",
     _login("users.importSshPublicKey", parent=f"users/{ACCOUNT}", body={"key": "no key"})),
    ("not found", f"{_LOGIN}/rest/v1/users.sshPublicKeys/delete",
     _login("users.sshPublicKeys.delete", name=f"users/{ACCOUNT}/sshPublicKeys/1")),
    ("don't allow compute.networks.updatePolicy", f"{_REFERENCE}/routers/insert",
     _insert("routers", {"name": "out", "network": f"{_AT}/global/networks/demo"}, region=REGION)),
    ("forbids logins without OS Login", f"{_LOGIN}/manage-oslogin-in-an-org",
     _insert("instances", _MACHINES, "bulkInsert", zone=f"{REGION}-a")),
)  # fmt: skip
"""Words of the refusal, the page that has it, and what is refused."""


@pytest.fixture
def account(gcp: Project) -> Account:
    for kind, scope, name, more in (
        ("httpHealthChecks", "global", "k8s-1-node", {}),
        ("healthChecks", "global", "k8s-1-node", {}),
        ("targetPools", REGION, "web", {"healthChecks": [f"{_AT}/global/httpHealthChecks/k8s-1-node"]}),
        ("forwardingRules", REGION, "web", {"target": f"{_AT}/regions/{REGION}/targetPools/web"}),
        ("regionBackendServices", REGION, "inner", {"healthChecks": [f"{_AT}/global/healthChecks/k8s-1-node"]}),
    ):
        gcp.things[kind, scope, name] = {"name": name, "id": gcp.number(), **more}
    gcp.things["subnetworks", REGION, "nodes"] = {"name": "nodes", "ipCidrRange": "10.0.0.0/24"}
    gcp.accounts[ACCOUNT] = {"email": ACCOUNT, "seen": gcp.lag.service_account}
    gcp.policies.add("compute.requireOsLogin")
    gcp.withheld.add("compute.networks.updatePolicy")
    gcp.roles |= {"gone": {"deleted": True}, "here": {}}
    gcp.accounts[MAIL] = {"email": MAIL}
    return Account(PROJECT, REGION)


@pytest.mark.parametrize(("words", "page", "asks"), REFUSALS, ids=[f"{n}-{one[0]}" for n, one in enumerate(REFUSALS)])
def test_what_google_refuses_is_refused(
    account: Account, words: str, page: str, asks: Callable[[Account], object]
) -> None:
    with pytest.raises(GcpError) as error:
        asks(account)
    assert words in error.value.observed, page
