"""`craton-node etcd` on a stand-in master: members, health, removal, snapshots and what is made of them."""

from __future__ import annotations

import hashlib
import json
import re
import time

from pydantic import ValidationError

from installer.platforms.rehearsal.records import ClusterRecord
from installer.platforms.rehearsal.simulator import cluster
from installer.platforms.rehearsal.simulator.command import Command, Exit

_CLIENT = re.compile(r"https://([0-9.]+):2379")


async def etcd(command: Command, known: ClusterRecord, arguments: list[str]) -> None:
    match arguments:
        case ["members"]:
            command.say(members(known))
        case ["health", _, *_]:
            for url in arguments[1:]:
                command.say(f"{url} {_health(command, known, url)}")
        case ["remove", number]:
            await _remove(command, known, number)
        case ["snapshot", path]:
            await _snapshot(command, known, path)
        case ["restore", path]:
            await _restore(command, known, path)
        case _:
            raise Exit(2, f"craton-node: no such verb: etcd {' '.join(arguments)}")


def members(known: ClusterRecord) -> str:
    """As etcd's gateway answers `/v3/cluster/member/list`: numbers of 64 bits are text."""
    listed = [
        {
            "ID": str(member.id),
            "name": name,
            "peerURLs": [f"https://{member.address}:2380"],
            "clientURLs": [f"https://{member.address}:2379"],
        }
        for name, member in known.members.items()
    ]
    return json.dumps({"header": {"revision": str(known.revision)}, "members": listed}, separators=(",", ":"))


def _health(command: Command, known: ClusterRecord, url: str) -> str:
    asked = _CLIENT.fullmatch(url)
    name = next((name for name, member in known.members.items() if asked and member.address == asked[1]), "")
    if not cluster.is_up(command.site.record, name):
        return "connection refused"
    return "ok" if cluster.has_quorum(command.site.record) else "etcdserver: no leader"


async def _remove(command: Command, known: ClusterRecord, number: str) -> None:
    name = next((name for name, member in known.members.items() if str(member.id) == number), "")
    if not name:
        raise Exit(1, "craton-node: etcd: etcdserver: member not found")
    if not cluster.may_go(command.site.record, name):
        observed = "etcdserver: re-configuration failed due to not enough started members"
        raise Exit(1, f"craton-node: etcd: {observed}")
    await command.pause(0.3, "remove", number)
    del known.members[name]
    known.revision += 1
    await command.site.store.save()
    command.say(f"removed member {number}")


async def _snapshot(command: Command, known: ClusterRecord, path: str) -> None:
    await command.pause(1.0, "snapshot")
    text = known.model_dump_json()
    command.machine.files[path] = text
    await command.site.store.save()
    command.say(f"{path} {hashlib.sha256(text.encode()).hexdigest()} {known.revision}")


async def _restore(command: Command, known: ClusterRecord, path: str) -> None:
    """What the snapshot says of the cluster holds again; of etcd's members there is this one alone."""
    text = command.machine.files.get(path)
    if text is None:
        raise Exit(1, f"craton-node: {path} is not on this machine")
    try:
        then = ClusterRecord.model_validate_json(text)
    except ValidationError:
        raise Exit(1, f"craton-node: {path} is no snapshot, or it is damaged") from None
    if then.ca_hash != known.ca_hash:
        raise Exit(1, f"craton-node: {path} is a snapshot of another cluster")
    await command.pause(3.0, "restore")
    then.members = {command.machine.name: cluster.new_member(command.machine)}
    command.site.record.cluster = then
    await command.site.store.save()
    command.say(f"kept /var/lib/etcd.before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
