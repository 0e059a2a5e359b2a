"""What every machine of a worker pool needs to become a node, in one text: the same for all of them, and no secret.

A machine of a pool is told nothing but where this text and an invitation are, and the sum of the text. It fetches them
with the rights of its own role in the cloud, and fills in its name and address. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from ipaddress import IPv4Address

from installer.cluster.kubeadm import Facts, Invitation, join_payload
from installer.common import json_reader
from installer.common.errors import InstallerError
from installer.node.configuration import configuration
from installer.node.program import source
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Pool, Topology

LIMIT = 60_000
"""Bytes: AWS Secrets Manager and Google's Secret Manager take 64 KiB, which the invitation shares."""
NODE, PROVIDER_ID = "craton-name-of-this-node", "craton-provider-id-of-this-node"
ADDRESS = "192.0.2.253"
"""In place of a machine's address: one that is nobody's (RFC 5737)."""
_TOKEN, _CA_HASH = "craton-token-of-this-join", "craton-sum-of-the-ca"


@dataclass(frozen=True, slots=True)
class Held:
    """What a pool's secret holds. `token` and `ca_hash` are empty while nobody is invited."""

    bundle: str
    token: str = field(default="", repr=False)
    ca_hash: str = ""

    @property
    def text(self) -> str:
        """As machines and `parse` read it."""
        return json.dumps(asdict(self))


def parse(text: str) -> Held:
    """What a secret's text says; an empty one for what Craton didn't write."""
    try:
        found = json_reader.parse(text)
        return Held(str(found["bundle"]), str(found["token"]), str(found["ca_hash"]))
    except (KeyError, TypeError, ValueError):
        return Held("")


def bundle(plan: InstallPlan, topology: Topology, pool: Pool) -> str:
    """JSON, compressed, in base64. Raises InstallerError if it's too big, or (retryable) a master has no address."""
    machine = replace(pool.member(NODE, IPv4Address(ADDRESS)), provider_id=PROVIDER_ID)
    shape = replace(topology, machines=(*topology.machines, machine))
    settings = configuration(plan, shape, NODE)
    invitation = Invitation(_TOKEN, _CA_HASH, "", "")
    document = {
        "node": NODE,
        "token": _TOKEN,
        "ca_hash": _CA_HASH,
        "enrol": (resources.files("assets") / "node" / "enrol.py").read_text(encoding="utf-8"),
        "program": source(),
        # Nobody logs in to machines of a pool, whose host keys are not known.
        "configuration": "".join(line for line in settings.splitlines(True) if not line.startswith("LOGIN=")),
        "join": join_payload(plan, machine, Facts(), invitation),
        "join_excused": join_payload(plan, machine, Facts(container=True), invitation),
    }
    text = base64.b64encode(lzma.compress(json.dumps(document).encode(), format=lzma.FORMAT_ALONE)).decode()
    if len(text) > LIMIT:
        raise InstallerError("make the pool", f"what its machines need takes {len(text)} bytes, more than {LIMIT}")
    return text


def bundle_sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def generation(plan: InstallPlan, topology: Topology) -> str:
    """What machines of a pool were made for: those of another are replaced, since nobody changes them in place."""
    masters = sorted(str(master.located) for master in topology.of_role(Role.MASTER))
    return hashlib.sha256(" ".join((plan.kubernetes, *masters)).encode()).hexdigest()[:16]
