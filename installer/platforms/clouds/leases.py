"""A lease as it is written in an account. Pure."""

from __future__ import annotations

import json

from installer.common import json_reader
from installer.steps.lease import Held, Holder


def write(held: Held) -> str:
    return json.dumps({"id": held.holder.id, "owner": held.holder.owner, "since": held.since, "renewed": held.renewed})


def read(text: str) -> Held | None:
    """What `write` wrote; None for any other text."""
    try:
        written = json_reader.parse(text)
        holder = Holder(str(written["id"]), str(written["owner"]))
        return Held(holder, float(written["since"]), float(written["renewed"]))
    except (ValueError, KeyError, TypeError):
        return None
