"""The lease of a cluster, in its project: a network firewall policy without rules, whose description holds it.

Such a policy costs nothing, filters nothing as long as it is attached to no network, and is there before the cluster's
own network. Of two that create it, Google lets one; a change needs the fingerprint of what was read, and is refused if
somebody else changed it since. Project metadata could do the same, but there a mistake would hit others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.platforms.clouds import leases
from installer.steps.lease import Held, Holder


@dataclass(frozen=True, slots=True)
class _Written:
    fingerprint: str
    held: Held | None
    """None: the policy is not one that Craton wrote."""


class GcpLease:
    def __init__(self, account: Account, cluster: str) -> None:
        self._account = account
        self._name = f"{cluster}-lease"

    def take(self, holder: Holder, *, seize: bool = False) -> Held | None:
        last, now = self._read(), time.time()
        if last is None:
            self._unless_changed("insert", {"name": self._name, "description": leases.write(Held(holder, now, now))})
        elif last.held is None or seize or last.held.holder.id == holder.id:
            mine = last.held and last.held.holder.id == holder.id
            held = Held(last.held.holder, last.held.since, now) if mine and last.held else Held(holder, now, now)
            body = {"description": leases.write(held), "fingerprint": last.fingerprint}
            self._unless_changed("patch", body, firewallPolicy=self._name)
        else:
            return last.held
        return self.held()  # another may have taken it at the same time

    def held(self) -> Held | None:
        last = self._read()
        return last.held if last else None

    def drop(self, holder: Holder) -> None:
        last = self._read()
        if last and last.held and last.held.holder.id == holder.id:
            try:
                self._account.change("networkFirewallPolicies", "delete", firewallPolicy=self._name)
            except GcpError as error:
                if not error.missing:
                    raise

    def _unless_changed(self, method: str, body: dict[str, str], **where: str) -> None:
        try:
            self._account.change("networkFirewallPolicies", method, body, **where)
        except GcpError as error:
            if not (error.exists or error.changed_meanwhile):
                raise

    def _read(self) -> _Written | None:
        try:
            found = self._account.get("networkFirewallPolicies", "get", firewallPolicy=self._name)
        except GcpError as error:
            if not error.missing:
                raise
            return None
        return _Written(str(found.get("fingerprint", "")), leases.read(str(found.get("description", ""))))
