"""What Google's guest agent does with an instance's metadata on a boot, as far as it can be seen from outside.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys: ssh-keys, startup-script, enable-oslogin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.doubles.cloud.cloud_init import Boot
from tests.doubles.cloud.guest_agent_program import users

_SCRIPT = "/etc/startup-script"


def document(
    id: str,
    name: str,
    zone: str,
    address: str,
    attributes: Mapping[str, str],
    profiles: Mapping[str, list[str]] | None = None,
) -> bytes:
    """What the metadata service has of an instance, as one document. Where OS Login is on, `profiles` are the keys of
    everybody who may log in, by their POSIX accounts: those of the moment, which the real service looks up each time.
    """
    found = {"id": int(id), "name": name, "zone": f"projects/1/zones/{zone}", "attributes": dict(attributes),
             "networkInterfaces": [{"ip": address}]}  # fmt: skip
    return json.dumps(found | ({} if profiles is None else {"oslogin": dict(profiles)})).encode()


def read(metadata: bytes) -> Boot:
    """The user that `ssh-keys` names, or OS Login, and the startup script."""
    found = json.loads(metadata)
    attributes, known = found["attributes"], users(found)
    script = attributes.get("startup-script", "")
    return Boot(
        user=known[0][0] if known else "",
        authorized_keys=tuple(key for _, key in known),
        files={_SCRIPT: script} if script else {},
        commands=((_SCRIPT,),) if script else (),
        console=(
            *(() if known else ("google_guest_agent: nobody may log in",)),
            "google_metadata_script_runner: starting startup scripts",
        ),
    )
