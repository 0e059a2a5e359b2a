"""What a machine in Google Cloud is told at its birth: who may log in, and how it proves its host key. Pure.

Google's guest agent, which the images of Debian and Ubuntu have, makes the user that `ssh-keys` names unless OS Login
is on, and runs the startup script once host keys are made. Debian's images have no cloud-init. The name of a machine is
its instance's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from installer.platforms.clouds.host_key_proof import BANNER, CONFIGURATION, MARK, program

LIMIT = 2048
"""Bytes: Compute Engine takes 256 KB, and more than this would be carried by every machine for nothing."""

_OS_LOGIN = "enable-oslogin"

# A startup script runs at every start: on a machine that has craton-node, there is nothing left to prove.
_SCRIPT = program(
    f"""\
import os,sys,urllib.request as u
if os.path.exists("/var/lib/craton"):sys.exit()
q=u.Request("http://metadata.google.internal/computeMetadata/v1/instance/?recursive=true")
q.add_header("Metadata-Flavor","Google")
m=json.load(u.urlopen(q))
i=str(m["id"])
n=m["name"]
s=m["attributes"]["{MARK}"]
open("{CONFIGURATION}","w").write("Banner {BANNER}\\n")
subprocess.run(["systemctl","try-reload-or-restart","ssh"])
"""
)


@dataclass(frozen=True, slots=True)
class Birth:
    """What all machines of one request have in common."""

    user: str
    authorized_keys: tuple[str, ...]
    """None where OS Login says who may log in."""
    secret: str = field(repr=False)
    """64 hexadecimal digits."""

    def metadata(self) -> dict[str, str]:
        """The metadata of an instance: a secret until every machine's host key is pinned."""
        return {
            **({"ssh-keys": "\n".join(f"{self.user}:{key}" for key in self.authorized_keys)}
               if self.authorized_keys else {}),
            **logins(os_login=not self.authorized_keys),
            MARK: self.secret,
            "startup-script": _SCRIPT,
        }  # fmt: skip


def logins(*, os_login: bool) -> dict[str, str]:
    """Metadata by which the project's own keys let nobody in; whether OS Login does is its administrators' affair."""
    return {"block-project-ssh-keys": "TRUE", _OS_LOGIN: "TRUE" if os_login else "FALSE"}


def by_profile(instance: Mapping[str, Any]) -> bool:
    """Whether OS Login says who may log in to an instance, as it is listed."""
    items = (instance.get("metadata") or {}).get("items") or ()
    return any(one["key"] == _OS_LOGIN and str(one.get("value", "")).upper() == "TRUE" for one in items)
