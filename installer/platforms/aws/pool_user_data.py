"""What a machine of a worker pool is told at its birth: where its bundle is, and the program that fetches it. Pure.

No secret is in it, since anybody who may describe the launch template can read it. The machine asks Secrets Manager
with the rights of its instance profile, signs the request itself (Signature Version 4), and runs nothing whose sum is
wrong.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

from installer.platforms.clouds import pool_program

LIMIT = 2048
"""Bytes: EC2 takes 16 KB."""
_FACTS, _PROGRAM = "/etc/craton/pool.json", "/usr/local/sbin/craton-pool"
_BEGINNING = """\
#!/usr/bin/python3
import @IMPORTS@,hmac,urllib.request as u
f=json.load(open("@FACTS@"))
M="http://169.254.169.254/latest/"
o=u.build_opener(u.ProxyHandler({}))
def ask(x,d=None,m=None,**h):
    return o.open(u.Request(x,d,h,method=m),timeout=30).read().decode()
def meta(p):
    t=ask(M+"api/token",m="PUT",**{"X-aws-ec2-metadata-token-ttl-seconds":"300"})
    return ask(M+"meta-data/"+p,**{"X-aws-ec2-metadata-token":t})
def fetch():
    r="iam/security-credentials/"
    c=json.loads(meta(r+meta(r).split()[0]))
    b=json.dumps({"SecretId":f["secret"]}).encode()
    d=time.strftime("%Y%m%dT%H%M%SZ",time.gmtime())
    h={"content-type":"application/x-amz-json-1.1","host":f["url"].split("/")[2],"x-amz-date":d,
       "x-amz-security-token":c["Token"],"x-amz-target":"secretsmanager.GetSecretValue"}
    s=lambda x:hashlib.sha256(x).hexdigest()
    q="\\n".join(["POST","/","",*(k+":"+v for k,v in h.items()),"",";".join(h),s(b)])
    z=[d[:8],f["region"],"secretsmanager","aws4_request"]
    k=("AWS4"+c["SecretAccessKey"]).encode()
    for x in z:
        k=hmac.new(k,x.encode(),"sha256").digest()
    g=hmac.new(k,"\\n".join(["AWS4-HMAC-SHA256",d,"/".join(z),s(q.encode())]).encode(),"sha256").hexdigest()
    h["authorization"]="AWS4-HMAC-SHA256 Credential="+"/".join([c["AccessKeyId"],*z])+",SignedHeaders="+";".join(
        k for k in h)+",Signature="+g
    return json.loads(json.loads(ask(f["url"],b,**h))["SecretString"])
def own(b):
    i=meta("instance-id")
    return {b["node"]:f["base"]+i[2:],f["address"]:meta("local-ipv4"),
        f["provider"]:"aws:///"+meta("placement/availability-zone")+"/"+i}
"""


@dataclass(frozen=True, slots=True)
class PoolBirth:
    """What machines of a pool have in common: host names `base` with the rest of their instance's id."""

    base: str
    secret: str
    region: str
    url: str
    """Secrets Manager's endpoint."""
    sum: str
    address: str
    provider: str
    """What the bundle has in place of its address and its provider id."""

    def render(self) -> bytes:
        """What cloud-init takes: its text, compressed."""
        facts = {key: getattr(self, key) for key in self.__slots__}
        document = {
            "preserve_hostname": True,
            "disable_root": True,
            "ssh_pwauth": False,
            "write_files": [
                {"path": _FACTS, "permissions": "0600", "content": json.dumps(facts)},
                {"path": _PROGRAM, "permissions": "0755", "content": _program()},
            ],
            "runcmd": [[_PROGRAM]],
        }
        # JSON is YAML: no name can break out of its place.
        text = "#cloud-config\n" + json.dumps(document, separators=(",", ":")) + "\n"
        return gzip.compress(text.encode(), mtime=0)


def _program() -> str:
    return _BEGINNING.replace("@FACTS@", _FACTS).replace("@IMPORTS@", pool_program.IMPORTS) + pool_program.REST
