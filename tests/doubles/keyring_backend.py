"""A user's keyring, as a backend of the library `keyring`: locked, it says so as Secret Service does."""

from __future__ import annotations

from dataclasses import dataclass, field

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


@dataclass
class FakeKeyring(KeyringBackend):
    """`kept` is by service and user name. `asked` counts every question: none is asked where no keyring is used."""

    kept: dict[tuple[str, str], str] = field(default_factory=dict)
    locked: bool = False
    asked: int = 0
    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        self._ask()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._ask()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._ask()
        if (service, username) not in self.kept:
            raise PasswordDeleteError("No such password!")
        del self.kept[service, username]

    def _ask(self) -> None:
        self.asked += 1
        if self.locked:
            raise KeyringLocked("Failed to unlock the collection!")
