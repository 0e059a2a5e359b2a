"""Which image machines start from: the newest of its publisher, by owner and name."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from installer.accounts.aws.account import Account
from installer.common.errors import InstallerError
from installer.plan.platforms.aws.instance_types import Architecture, architecture

_PUBLISHERS = {
    "debian-13": ("136693071363", "debian-13-{0}-*"),
    "ubuntu-24.04": ("099720109477", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{0}-server-*"),
}
"""Owner and name, as each publisher documents them for EC2."""
_AS_AWS_SAYS: dict[Architecture, str] = {"amd64": "x86_64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Image:
    id: str
    name: str
    device: str
    """Of the root disk."""


class Images:
    """Images that were looked up, each once in a run. Safe from many threads."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._found: dict[tuple[str, Architecture], Image] = {}

    def of(self, system: str, instance_type: str) -> Image:
        """The newest image of a system for an instance type. Raises InstallerError if there is none."""
        wanted = (system, architecture(instance_type))
        with self._lock:
            if wanted not in self._found:
                self._found[wanted] = self._newest(*wanted)
            return self._found[wanted]

    def _newest(self, system: str, processor: Architecture) -> Image:
        owner, pattern = _PUBLISHERS[system]
        name = pattern.format(processor)
        filters = {"name": name, "architecture": _AS_AWS_SAYS[processor], "state": "available"}
        listed = self._account.pages(
            "ec2",
            "describe_images",
            "Images",
            Owners=[owner],
            Filters=[{"Name": key, "Values": [value]} for key, value in filters.items()],
        )
        # Publishers put other images under the same owner; the name is matched by AWS, and the newest one counts.
        newest = max(listed, key=lambda image: str(image.get("CreationDate", "")), default=None)
        if newest is None:
            raise InstallerError(
                "find the image",
                f"the owner {owner} has no image {name} in {self._account.region}",
                hint="Choose the other system (aws.image), or another region.",
            )
        return Image(str(newest["ImageId"]), str(newest["Name"]), str(newest.get("RootDeviceName") or "/dev/xvda"))
