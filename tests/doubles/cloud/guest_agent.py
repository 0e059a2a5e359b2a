"""What Google's guest agent does with an instance's metadata on a boot, as far as it can be seen from outside.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys: ssh-keys, startup-script, enable-oslogin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.doubles.cloud.cloud_init import Boot
from tests.doubles.cloud.guest_agent_program import users

_SCRIPT = "/etc/startup-script"


def document(id: str, name: str, zone: str, attributes: Mapping[str, str]) -> bytes:
    """What the metadata service has of an instance, as one document."""
    found = {"id": int(id), "name": name, "zone": f"projects/1/zones/{zone}", "attributes": dict(attributes)}
    return json.dumps(found).encode()


def read(metadata: bytes) -> Boot:
    """The user that `ssh-keys` names, and the startup script."""
    attributes = json.loads(metadata)["attributes"]
    known = users(attributes)
    if not known:
        return Boot(console=("google_guest_agent: no user may log in by ssh-keys",))
    script = attributes.get("startup-script", "")
    return Boot(
        user=known[0][0],
        authorized_keys=tuple(key for _, key in known),
        files={_SCRIPT: script} if script else {},
        commands=((_SCRIPT,),) if script else (),
        console=("google_metadata_script_runner: starting startup scripts",),
    )
