"""The DNS provider that a plan names, of those that Craton changes records at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from installer.cluster.dns.records import OWNER, AccountRecords, Names, Records

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

IN_ACCOUNTS = {"route53": "Route 53", "cloud-dns": "Cloud DNS"}
"""Providers that keep zones in an account, by the plan's word for them."""


@dataclass(frozen=True)
class Provider:
    """The DNS provider of one plan. It keeps the account that it opened: making clients takes longer than asking."""

    plan: InstallPlan

    @property
    def records(self) -> Records:
        """The records of the plan's names. Raises InstallerError if a key can't be read, which is read each time."""
        if self.plan.dns.provider in IN_ACCOUNTS:
            return self.account
        from installer.cluster.dns.zone import Zone

        return Zone.of(self.plan)

    @cached_property
    def account(self) -> AccountRecords:
        """The records of the plan's names, at a provider that keeps zones in an account."""
        dns = self.plan.dns
        if dns.provider == "route53":
            from installer.accounts.aws.account import Account as Aws
            from installer.cluster.dns.route53 import REGION, Route53

            return Route53(Aws(REGION, dns.profile), self._names(dns.hosted_zone, "dns.hosted_zone"))
        from installer.accounts.gcp.account import Account as Gcp
        from installer.cluster.dns.cloud_dns import CloudDns

        return CloudDns(Gcp(dns.project, "", dns.impersonate), self._names(dns.managed_zone, "dns.managed_zone"))

    def _names(self, zone: str | None, field: str) -> Names:
        plan = self.plan
        hosts, owner = (plan.api_host, plan.console_host), f"{OWNER}{plan.name}"
        return Names(hosts, plan.subdomain, zone, owner, field, "dns.provider: manual", plan.dns.ttl)
