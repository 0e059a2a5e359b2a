"""What a machine of a worker pool is told at its birth: where its bundle is, and the program that fetches it. Pure.

No secret is in it, since anybody who may look at the instance template can read it. The machine asks Secret Manager as
its service account, and runs nothing whose sum is wrong. The program also keeps pods from the metadata service, which
would let them ask as that service account: Compute Engine has no limit of hops. Packets of pods that are on their way
out match a rule of the machine's own (ip-rule(8)); programs in the machine's network namespace send from its address.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from installer.platforms.clouds import pool_program
from installer.platforms.gcp.startup import logins

LIMIT = 3072
"""Bytes: Compute Engine takes 256 KB."""
_FACTS = "craton-pool"
# A startup script runs at every start, and rules are gone then: all the rest is left out on a machine that has joined.
_BEGINNING = """\
#!/usr/bin/python3
import @IMPORTS@,os,subprocess,sys,urllib.request as u
M="http://metadata.google.internal/computeMetadata/v1/instance/"
o=u.build_opener(u.ProxyHandler({}))
def ask(x,**h):
    return json.load(o.open(u.Request(x,headers=h),timeout=30))
def meta(p):
    return ask(M+p,**{"Metadata-Flavor":"Google"})
m=meta("?recursive=true")
f=json.loads(m["attributes"]["@FACTS@"])
r=["from",f["pods"],"to","169.254.169.254","prohibit"]
subprocess.run(["ip","rule","del",*r])
subprocess.run(["ip","rule","add",*r],check=True)
if os.path.exists("/etc/kubernetes/kubelet.conf"):sys.exit()
def fetch():
    t=meta("service-accounts/default/token")["access_token"]
    return json.loads(base64.b64decode(ask(f["url"],Authorization="Bearer "+t)["payload"]["data"]))
def own(b):
    n=m["name"]
    return {b["node"]:n,f["address"]:m["networkInterfaces"][0]["ip"],
        f["provider"]:"gce://"+f["project"]+"/"+m["zone"].split("/")[-1]+"/"+n}
"""


@dataclass(frozen=True, slots=True)
class PoolBirth:
    """What machines of a pool have in common."""

    url: str
    """Where Secret Manager answers with the newest version of the secret."""
    project: str
    pods: str
    """The network of the pods, as `10.2.0.0/16`."""
    sum: str
    address: str
    provider: str
    """What the bundle has in place of its address and its provider id."""

    def metadata(self, *, os_login: bool) -> dict[str, str]:
        """The metadata of an instance. `os_login`: the project enforces OS Login, and refuses machines without it."""
        facts = {key: getattr(self, key) for key in self.__slots__}
        return {**logins(os_login=os_login), _FACTS: json.dumps(facts), "startup-script": _program()}


def _program() -> str:
    return _BEGINNING.replace("@FACTS@", _FACTS).replace("@IMPORTS@", pool_program.IMPORTS) + pool_program.REST
