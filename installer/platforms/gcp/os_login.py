"""OS Login: where a project enforces it, keys in metadata count for nothing, and the caller's own profile has them.

https://cloud.google.com/compute/docs/oslogin/manage-oslogin-in-an-org, ".../set-up-oslogin", ".../add-ssh-keys"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.platforms.clouds.listing import Shared
from installer.platforms.gcp.org_policies import enforced

CONSTRAINT = "constraints/compute.requireOsLogin"
ADMIN = "compute.instances.osAdminLogin"
"""The permission to log in as somebody who may use sudo, of the role Compute OS Admin Login."""
_WAY_ROUND = "Set gcp.impersonate to a service account with the role Compute OS Admin Login, or use another project."


@dataclass(frozen=True, slots=True)
class Setting:
    """How a project has it. `why` is empty where metadata may say who logs in."""

    why: str = ""
    second_factor: bool = False
    """Whether people have to prove twice who they are, which no program can."""


class OsLogin:
    """The caller's profile in one project, and what a cluster has in it. Safe from many threads."""

    def __init__(self, account: Account, plan: InstallPlan) -> None:
        self._account, self._plan = account, plan
        self.setting = Shared(self._setting)
        self._profile = Shared(self._read)

    @property
    def enforced(self) -> bool:
        return bool(self.setting.value().why)

    def user(self) -> str:
        """The POSIX account that the caller logs in with. Raises InstallerError."""
        accounts = self._profile.value().get("posixAccounts") or ()
        for one in sorted(accounts, key=lambda one: not one.get("primary")):
            if name := str(one.get("username") or ""):
                return name
        self._profile.changed()
        raise InstallerError(
            "log in through OS Login",
            f"the profile of {self.caller()} has no POSIX account yet",
            hint="Resume: a step of the phase network makes it.",
            retryable=True,
        )

    def caller(self) -> str:
        """The address of whoever logs in. Raises InstallerError where Google doesn't tell it."""
        if "@" in (who := self._account.identity.who):
            return who
        seen = f"Google doesn't say whose credentials these are ({self._account.identity.how})"
        try:
            mail = str(self._account.ask("oauth2", "userinfo.get").get("email") or "")
        except GcpError as error:
            if error.retryable:
                raise
            mail, seen = "", f"{seen}: {error.observed}"
        if not mail:
            raise InstallerError("log in through OS Login", seen, hint=_WAY_ROUND, exit_code=ExitCode.PREFLIGHT)
        return mail

    def lacking(self, keys: Sequence[str]) -> list[str]:
        """Those of these public keys that the profile doesn't have. Raises InstallerError."""
        have = {_material(key) for key in self._keys().values()}
        return [key for key in keys if _material(key) not in have]

    def add(self, keys: Sequence[str]) -> None:
        """Add public keys to the profile; one that is there stays as it is. Raises InstallerError."""
        parent, mark = f"users/{self.caller()}", self._mark
        for key in self.lacking(keys):
            body = {"key": f"{' '.join(key.split()[:2])} {mark}"}
            self._account.ask("oslogin", "users.importSshPublicKey", parent=parent, projectId=self._account.project,
                              body=body)  # fmt: skip
        self._profile.changed()

    def own(self) -> list[str]:
        """The names of the cluster's keys in the profile, from whichever computer they came. Raises InstallerError."""
        return [name for name, key in self._keys().items() if key.endswith(f" {self._mark}")]

    def remove(self, names: Sequence[str]) -> None:
        """Delete keys by their names; no error for one that is gone. Raises InstallerError."""
        for name in names:
            try:
                self._account.ask("oslogin", "users.sshPublicKeys.delete", name=name)
            except GcpError as error:
                if not error.missing:
                    raise
        self._profile.changed()

    @property
    def _mark(self) -> str:
        """What a key's comment says: a profile is for all projects."""
        return f"craton/{self._account.project}/{self._account.region}/{self._plan.name}"

    def _keys(self) -> Mapping[str, str]:
        """The profile's public keys by their names."""
        known: Mapping[str, Any] = self._profile.value().get("sshPublicKeys") or {}
        user = self._profile.value()["name"]
        return {str(one.get("name") or f"users/{user}/sshPublicKeys/{id}"): str(one["key"]).strip()
                for id, one in known.items()}  # fmt: skip

    def _read(self) -> dict[str, Any]:
        return self._account.ask("oslogin", "users.getLoginProfile", name=f"users/{self.caller()}",
                                 projectId=self._account.project)  # fmt: skip

    def _setting(self) -> Setting:
        project = self._account.get("projects", "get")
        listed = (project.get("commonInstanceMetadata") or {}).get("items") or ()
        metadata = {str(one["key"]): str(one.get("value", "")).upper() for one in listed}
        why = ""
        if enforced(self._account, CONSTRAINT):
            why = f"an organisation policy asks for it ({CONSTRAINT})"
        elif metadata.get("enable-oslogin") == "TRUE":
            why = "the project's metadata has enable-oslogin=TRUE"
        return Setting(why, bool(why) and metadata.get("enable-oslogin-2fa") == "TRUE")


def problems(login: OsLogin) -> Iterator[tuple[str, str]]:
    """What keeps the installer from logging in through OS Login, and what to do about it."""
    setting = login.setting.value()
    if setting.second_factor:
        yield (
            "the project wants a second factor of everybody who logs in (enable-oslogin-2fa=TRUE)",
            "Set enable-oslogin-2fa=FALSE in the project's metadata, or use another project.",
        )
    try:
        login.lacking(())
    except InstallerError as error:
        if error.retryable:
            raise
        yield f"OS Login, which the project enforces, can't be used: {error.observed}", error.hint or _WAY_ROUND


def _material(key: str) -> str:
    """What a public key is, without its type and comment."""
    return "".join(key.split()[1:2])
