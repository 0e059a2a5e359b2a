"""What has to hold in an account before anything is made there: all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic

from installer.common.errors import ExitCode, InstallerError
from installer.common.text import count
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.platforms.clouds.platform import cloud_of
from installer.platforms.clouds.things import P
from installer.steps.estimate import Estimate
from installer.steps.step import Context, Observation, Proof


@dataclass(frozen=True, slots=True)
class Problem:
    """What was seen in the account, and what to do about it."""

    seen: str
    remedy: str


@dataclass(frozen=True)
class AccountCheck(Proof, Generic[P]):
    """Credentials that work; and, while machines are missing, all that making them needs."""

    def observe(self, ctx: Context) -> Observation:
        platform: P = cloud_of(ctx)  # type: ignore[assignment]  # a platform's steps run with that platform
        who, how = self.caller(platform)
        ctx.log(f"{who} (credentials found by: {how})")
        there = platform.instances.by_machine()
        if all(machine.name in there for machine in ctx.world.shape.machines):
            return Observation(True, f"{who}; all machines exist")
        checks = self.checks()
        problems = [problem for check in checks for problem in check(ctx.world.plan, platform)]
        for problem in problems:
            ctx.log(f"missing: {problem.seen}. {problem.remedy}")
        if problems:
            raise InstallerError(
                f"check the {platform.cloud} account",
                "; ".join(problem.seen for problem in problems),
                hint=" ".join(dict.fromkeys(problem.remedy for problem in problems)),
                exit_code=ExitCode.PREFLIGHT,
            )
        costs = self._costs(ctx.world.plan, platform)
        ctx.log(costs)
        return Observation(True, f"{who}; {count(len(checks), 'check')} passed; {costs}")

    def _costs(self, plan: InstallPlan, platform: P) -> str:
        try:
            found = self.estimate(plan, platform)
        except InstallerError as error:
            return f"what the machines cost is unknown: {error.observed}"
        if found is None:
            return f"what the machines cost is unknown: see {platform.cloud}'s own calculator"
        return f"the machines and their disks cost {found}, before addresses, balancers and traffic"

    def estimate(self, plan: InstallPlan, platform: P) -> Estimate | None:  # noqa: ARG002 (a cloud's own)
        """What machines and disks cost; None where the cloud has no price list to ask. Raises InstallerError."""
        return None

    def caller(self, platform: P) -> tuple[str, str]:
        """Who the credentials are, and how they were found. Raises InstallerError."""
        raise NotImplementedError

    def checks(self) -> tuple[Callable[[InstallPlan, P], Iterator[Problem]], ...]:
        raise NotImplementedError


def roles(plan: InstallPlan) -> dict[Role, int]:
    """How many machines of each role the plan has, without those of which it has none."""
    counts = {Role.MASTER: plan.masters, Role.INFRA: plan.infra, Role.WORKER: plan.workers}
    return {role: number for role, number in counts.items() if number}


def taken_names(plan: InstallPlan, platform: P) -> Iterator[Problem]:
    """There is a zone for the names, and nobody else has records at them."""
    records = platform.records
    try:
        zone = records.zone()
        taken = [name for name in (plan.api_host, plan.console_host) if records.read(name).taken]
    except InstallerError as error:
        if error.retryable and not getattr(error, "missing", False):
            raise
        yield Problem(error.observed, error.hint)
        return
    for name in taken:
        remedy = "Delete the records there, or give the cluster another name or subdomain."
        yield Problem(f"the zone {zone} has records at {name} that Craton didn't make", remedy)
