"""What a machine in EC2 is told at its birth, and how it proves its host key before anybody has seen it. Pure.

All machines of one request share their user data, so no private host key can be in it. Each makes its own, and shows
in sshd's banner, before anybody has logged in, what only it and Craton can compute:

    craton-first-contact INSTANCE-ID HMAC-SHA256(secret, "INSTANCE-ID TYPE BASE64")

The secret is random, made for these machines, and known to whoever may read their user data, by
ec2:DescribeInstanceAttribute or on one of them. The banner goes as soon as craton-node is there, and Craton forgets the
secret once every host key is pinned.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field

LIMIT = 2048
"""Bytes: EC2 takes 16 KB, and more than this would be carried by every machine for nothing."""
MARK = "craton-first-contact"
_BANNER, _FACTS = f"/run/{MARK}", f"/etc/craton/{MARK}.json"
_PROGRAM = f"/usr/local/sbin/{MARK}"

# systemd-run's path unit is transient: the banner file is in /run, and neither outlives a restart.
_SCRIPT = f"""\
#!/usr/bin/python3
import hashlib,hmac,json,subprocess
f=json.load(open("{_FACTS}"))
d=json.load(open("/run/cloud-init/instance-data.json"))
i=d["v1"]["instance_id"]
n=f["base"]+str(f["first"]+int(d["ds"]["meta_data"]["ami-launch-index"])*f["stride"])
r=lambda *a:subprocess.run(a,check=True)
r("hostnamectl","set-hostname",n)
open("/etc/hosts","a").write("127.0.1.1 "+n+"\\n")
k=" ".join(open("/etc/ssh/ssh_host_ed25519_key.pub").read().split()[:2])
h=hmac.new(bytes.fromhex(f["secret"]),(i+" "+k).encode(),hashlib.sha256).hexdigest()
open("{_BANNER}","w").write("{MARK} "+i+" "+h+"\\n")
r("systemd-run","--path-property=PathExists=/var/lib/craton","rm","-f","{_BANNER}","{_FACTS}")
"""


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
                {"path": f"/etc/ssh/sshd_config.d/10-{MARK}.conf", "content": f"Banner {_BANNER}\n"},
                {"path": _FACTS, "permissions": "0600", "content": json.dumps(facts)},
                {"path": _PROGRAM, "permissions": "0755", "content": _SCRIPT},
            ],
            "runcmd": [[_PROGRAM]],
        }
        # JSON is YAML: no key and no name can break out of its place.
        return "#cloud-config\n" + json.dumps(document, separators=(",", ":")) + "\n"


def proof(secret: str, instance: str, host_key: str) -> str:
    """The banner's only line on the machine `instance` whose host key is `host_key` (`TYPE BASE64`)."""
    digest = hmac.new(bytes.fromhex(secret), f"{instance} {host_key}".encode(), hashlib.sha256).hexdigest()
    return f"{MARK} {instance} {digest}"


def proves(secret: str, instance: str, host_key: str, banner: str) -> bool:
    """Whether a banner vouches for the host key. Takes the same time wherever it differs."""
    lines = [line.strip() for line in banner.splitlines() if line.startswith(MARK)]
    wanted = proof(secret, instance, host_key).encode()
    return any(hmac.compare_digest(line.encode(), wanted) for line in lines)
