"""What any cloud may refuse, and steps can live with."""

from __future__ import annotations

from typing import ClassVar, Self

from installer.common.errors import InstallerError


class CloudError(InstallerError):
    """A request that a cloud refused, or that never got an answer; `code` is the cloud's word for it, or empty."""

    cloud: ClassVar[str]
    """Its name, for people."""
    code: str = ""

    @classmethod
    def no_answer(cls, action: str, seen: str) -> Self:
        """A request that broke off: nobody knows whether it took effect."""
        hint = "Check this computer's connection to the internet, then resume."
        return cls(f"ask {cls.cloud} for {action}", seen, hint=hint, retryable=True)

    @property
    def missing(self) -> bool:
        """Whether what was asked about is not there: not yet known everywhere, or gone."""
        raise NotImplementedError

    @property
    def exists(self) -> bool:
        """Whether what was to be made is there already."""
        raise NotImplementedError

    @property
    def in_use(self) -> bool:
        """Whether something else has to go first."""
        raise NotImplementedError

    @property
    def no_capacity(self) -> bool:
        """Whether the cloud has no such machines left in the zone."""
        raise NotImplementedError
