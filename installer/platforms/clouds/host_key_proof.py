"""How a new machine proves its host key before anybody has logged in. Pure.

All machines of one request share what they are told at their birth, so no private host key can be in it. Each makes its
own, and shows in sshd's banner, before anybody has logged in, what only it and Craton can compute:

    craton-first-contact INSTANCE-ID HMAC-SHA256(secret, "INSTANCE-ID TYPE BASE64")

The secret is random, made for these machines, and known to whoever may read in the cloud's API what they were told, and
to whatever runs on them. The banner goes as soon as craton-node is there, and Craton forgets the secret once every host
key is pinned.
"""

from __future__ import annotations

import hashlib
import hmac

MARK = "craton-first-contact"
BANNER = f"/run/{MARK}"
CONFIGURATION = f"/etc/ssh/sshd_config.d/10-{MARK}.conf"

# systemd-run's path unit is transient: the banner file is in /run, and neither outlives a restart. {0} are further
# files that go with the banner.
_SHOW = """\
r=lambda *a:subprocess.run(a,check=True)
r("hostnamectl","set-hostname",n)
open("/etc/hosts","a").write("127.0.1.1 "+n+"\\n")
k=" ".join(open("/etc/ssh/ssh_host_ed25519_key.pub").read().split()[:2])
h=hmac.new(bytes.fromhex(s),(i+" "+k).encode(),hashlib.sha256).hexdigest()
open("{banner}","w").write("{mark} "+i+" "+h+"\\n")
r("systemd-run","--path-property=PathExists=/var/lib/craton","rm","-f",{gone})
"""


def program(facts: str, *files: str) -> str:
    """The program of a first boot, in Python. `facts` are lines that set i, n and s: id, host name, secret.

    `files` hold the secret, and go when the banner goes.
    """
    gone = ",".join(f'"{path}"' for path in (BANNER, *files))
    head = "#!/usr/bin/python3\nimport hashlib,hmac,json,subprocess\n"
    return head + facts + _SHOW.format(banner=BANNER, mark=MARK, gone=gone)


def proof(secret: str, instance: str, host_key: str) -> str:
    """The banner's only line on the machine `instance` whose host key is `host_key` (`TYPE BASE64`)."""
    digest = hmac.new(bytes.fromhex(secret), f"{instance} {host_key}".encode(), hashlib.sha256).hexdigest()
    return f"{MARK} {instance} {digest}"


def proves(secret: str, instance: str, host_key: str, banner: str) -> bool:
    """Whether a banner vouches for the host key. Takes the same time wherever it differs."""
    lines = [line.strip() for line in banner.splitlines() if line.startswith(MARK)]
    wanted = proof(secret, instance, host_key).encode()
    return any(hmac.compare_digest(line.encode(), wanted) for line in lines)
