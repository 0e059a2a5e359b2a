"""What a machine in Google Cloud is told at its birth: who may log in, and how it proves its host key. Pure.

Google's guest agent, which the images of Debian and Ubuntu have, makes the user that `ssh-keys` names, and runs the
startup script once host keys are made. Debian's images have no cloud-init. The name of a machine is its instance's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from installer.platforms.clouds.host_key_proof import BANNER, CONFIGURATION, MARK, program

LIMIT = 2048
"""Bytes: Compute Engine takes 256 KB, and more than this would be carried by every machine for nothing."""

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
    secret: str = field(repr=False)
    """64 hexadecimal digits."""

    def metadata(self) -> dict[str, list[dict[str, str]]]:
        """The metadata of an instance: a secret until every machine's host key is pinned."""
        items = {
            "ssh-keys": "\n".join(f"{self.user}:{key}" for key in self.authorized_keys),
            "block-project-ssh-keys": "TRUE",
            "enable-oslogin": "FALSE",
            MARK: self.secret,
            "startup-script": _SCRIPT,
        }
        return {"items": [{"key": key, "value": value} for key, value in items.items()]}
