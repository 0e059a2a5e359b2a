"""What the organisation of a project forbids there."""

from __future__ import annotations

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError


def enforced(account: Account, constraint: str) -> bool | None:
    """Whether a constraint is in force in the project; None where the caller may not read policies.

    Raises GcpError if Google can't be asked.
    """
    try:
        found = account.ask(
            "cloudresourcemanager",
            "projects.getEffectiveOrgPolicy",
            resource=f"projects/{account.project}",
            body={"constraint": constraint},
        )
    except GcpError as error:
        if error.retryable:
            raise
        return None
    listed, on = found.get("listPolicy") or {}, (found.get("booleanPolicy") or {}).get("enforced")
    return bool(on) or listed.get("allValues") == "DENY"
