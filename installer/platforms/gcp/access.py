"""Who may do what: a service account for each role's machines (rule M12), and who may log in to them."""

from __future__ import annotations

from dataclasses import dataclass

from installer.accounts.gcp.errors import GcpError
from installer.common.text import count
from installer.plan.rules import Role
from installer.platforms.gcp import custom_role, names
from installer.platforms.gcp.machines import login_keys
from installer.platforms.gcp.platform import platform_of
from installer.platforms.gcp.service_accounts import (
    bind,
    email,
    lacking,
    let_use,
    project_roles,
    service_account,
    usable,
)
from installer.steps.platform import Resource
from installer.steps.step import Context, Observation


@dataclass(frozen=True)
class Access:
    """The service account of one role's machines, with its roles in the project."""

    role: Role

    def observe(self, ctx: Context) -> Observation:
        account, plan = platform_of(ctx).account, ctx.world.plan
        mail = email(plan, account.project, self.role)
        found = service_account(account, mail)
        if found is None:
            return Observation(False, f"there is no service account {mail}")
        missing = lacking(account, mail, project_roles(plan, account.project, self.role))
        if plan.integration and not usable(account, mail, self._master(ctx)):
            missing.append("the masters' right to attach disks")
        seen = f"{mail} lacks {', '.join(missing)}" if missing else mail
        return Observation(not missing, seen, remains=True)

    def apply(self, ctx: Context) -> None:
        account, plan = platform_of(ctx).account, ctx.world.plan
        made = {"displayName": f"Craton: {self.role}s of {plan.name}", "description": names.described(plan)}
        body = {"accountId": names.tag(plan.name, self.role), "serviceAccount": made}
        try:
            account.ask("iam", "projects.serviceAccounts.create", name=f"projects/{account.project}", body=body)
        except GcpError as error:
            if not error.exists:
                raise
        mail = email(plan, account.project, self.role)
        if plan.integration and self.role is Role.MASTER:
            custom_role.ensure(account)
        if wanted := project_roles(plan, account.project, self.role):
            bind(account, mail, wanted)
        if plan.integration:
            let_use(account, mail, self._master(ctx))

    def _master(self, ctx: Context) -> str:
        return email(ctx.world.plan, platform_of(ctx).account.project, Role.MASTER)

    def undo(self, ctx: Context) -> None:
        platform = platform_of(ctx)
        mail = email(ctx.world.plan, platform.account.project, self.role)
        platform.delete([Resource("service-account", mail)], ctx)


@dataclass(frozen=True)
class LoginKeys:
    """The keys that get in, in the caller's profile: where the project enforces OS Login, machines look there alone."""

    def observe(self, ctx: Context) -> Observation:
        login = platform_of(ctx).os_login
        if not login.enforced:
            return Observation(True, "machines are told at their birth who may log in")
        lacking, own = login.lacking(login_keys(ctx)), login.own()
        seen = f"{login.caller()} lacks {count(len(lacking), 'key')}" if lacking else f"they get {login.user()} in"
        return Observation(not lacking, seen, remains=bool(own))

    def apply(self, ctx: Context) -> None:
        platform_of(ctx).os_login.add(login_keys(ctx))

    def undo(self, ctx: Context) -> None:
        login = platform_of(ctx).os_login
        if login.enforced:
            login.remove(login.own())
