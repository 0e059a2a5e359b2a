"""What a machine in EC2 is told at its birth: who may log in, its name, and how it proves its host key. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from installer.platforms.clouds.host_key_proof import BANNER, CONFIGURATION, MARK, program

LIMIT = 2048
"""Bytes: EC2 takes 16 KB, and more than this would be carried by every machine for nothing."""
_FACTS = f"/etc/craton/{MARK}.json"
_PROGRAM = f"/usr/local/sbin/{MARK}"
_SCRIPT = program(
    f"""\
f=json.load(open("{_FACTS}"))
d=json.load(open("/run/cloud-init/instance-data.json"))
i=d["v1"]["instance_id"]
s=f["secret"]
n=f["base"]+str(f["first"]+int(d["ds"]["meta-data"]["ami-launch-index"])*f["stride"])
""",
    _FACTS,
)


@dataclass(frozen=True, slots=True)
class Birth:
    """What machines of one batch have in common: host names `base` with `first + launch index * stride`."""

    base: str
    first: int
    stride: int
    user: str
    authorized_keys: tuple[str, ...]
    secret: str = field(repr=False)
    """64 hexadecimal digits."""

    def render(self) -> str:
        """The text that cloud-init takes: a secret until every machine's host key is pinned."""
        facts = {"base": self.base, "first": self.first, "stride": self.stride, "secret": self.secret}
        document = {
            "preserve_hostname": True,
            "users": [
                {
                    "name": self.user,
                    "shell": "/bin/bash",
                    "sudo": "ALL=(ALL) NOPASSWD:ALL",
                    "lock_passwd": True,
                    "ssh_authorized_keys": list(self.authorized_keys),
                }
            ],
            "disable_root": True,
            "ssh_pwauth": False,
            "ssh_deletekeys": True,
            "ssh_genkeytypes": ["ed25519"],
            "write_files": [
                {"path": CONFIGURATION, "content": f"Banner {BANNER}\n"},
                {"path": _FACTS, "permissions": "0600", "content": json.dumps(facts)},
                {"path": _PROGRAM, "permissions": "0755", "content": _SCRIPT},
            ],
            "runcmd": [[_PROGRAM]],
        }
        # JSON is YAML: no key and no name can break out of its place.
        return "#cloud-config\n" + json.dumps(document, separators=(",", ":")) + "\n"
