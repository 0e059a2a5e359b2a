"""What any cloud may refuse, and steps can live with."""

from __future__ import annotations

from installer.common.errors import InstallerError


class CloudError(InstallerError):
    """A request that a cloud refused, or that never got an answer; `code` is the cloud's word for it, or empty."""

    code: str = ""

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
