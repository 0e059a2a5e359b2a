"""What Google's guest agent does with an instance's metadata on a boot, as far as it can be seen from outside.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys: ssh-keys, startup-script, enable-oslogin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.doubles.cloud.cloud_init import Boot

_SCRIPT = "/etc/startup-script"


def document(id: str, name: str, zone: str, attributes: Mapping[str, str]) -> bytes:
    """What the metadata service has of an instance, as one document."""
    found = {"id": int(id), "name": name, "zone": f"projects/1/zones/{zone}", "attributes": dict(attributes)}
    return json.dumps(found).encode()


def read(metadata: bytes) -> Boot:
    """The user that `ssh-keys` names, and the startup script. Where OS Login is on, `ssh-keys` counts for nothing."""
    attributes = json.loads(metadata)["attributes"]
    if attributes.get("enable-oslogin", "").upper() == "TRUE":
        return Boot(console=("google_guest_agent: OS Login is enabled",))
    keys = [line.partition(":") for line in attributes.get("ssh-keys", "").splitlines() if ":" in line]
    script = attributes.get("startup-script", "")
    return Boot(
        user=keys[0][0] if keys else "",
        authorized_keys=tuple(key for _, _, key in keys),
        files={_SCRIPT: script} if script else {},
        commands=((_SCRIPT,),) if script else (),
        console=("google_metadata_script_runner: starting startup scripts",),
        metadata=metadata,
    )
