"""The NoCloud seed: how cloud-init in a system container gets its user data, without a file left on this computer."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from installer.platforms.cloud_init import UserData

DIRECTORY = "/usr/local/lib/craton"
"""Where the archive is unpacked in the machine; the entrypoint takes the seed from there."""


def archive(user_data: UserData) -> bytes:
    """A tar archive with the directory `seed`, readable by root alone.

    A recreated machine has another host key and is another instance, on which cloud-init does everything again.
    """
    text = user_data.render()
    instance = f"{user_data.hostname}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    meta_data = json.dumps({"instance-id": instance, "local-hostname": user_data.hostname}) + "\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        directory = tarfile.TarInfo("seed")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(directory)
        for name, content in (("user-data", text), ("meta-data", meta_data)):
            entry = tarfile.TarInfo(f"seed/{name}")
            entry.size, entry.mode = len(content.encode()), 0o600
            tar.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()
