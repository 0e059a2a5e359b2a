"""The environment in which Google's libraries find the double, and nothing else: no test can reach Google."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from tests.doubles.gcp.project import ACCOUNT, PROJECT, SERVICES

NOWHERE = "http://127.0.0.1:9"
"""A proxy that nobody is: what is not meant for this computer fails at once."""


def environment(endpoint: str, directory: Path) -> dict[str, str]:
    """Variables for a process of Craton's; the file of a service account is made in `directory`."""
    file = directory / "google-service-account.json"
    document = {
        "type": "service_account", "project_id": PROJECT, "private_key_id": "1", "private_key": _key(),
        "client_email": ACCOUNT, "client_id": "1", "token_uri": f"{endpoint}/token",
    }  # fmt: skip
    file.write_text(json.dumps(document))
    return {
        **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}": f"{endpoint}{'' if name == 'compute' else '/'}"
           for name in SERVICES},
        "GOOGLE_APPLICATION_CREDENTIALS": str(file),
        "NO_GCE_CHECK": "true",
        "HTTPS_PROXY": NOWHERE,
        "HTTP_PROXY": NOWHERE,
        "NO_PROXY": f"127.0.0.0/8,127.0.0.1,localhost,{urlsplit(endpoint).hostname}",
    }  # fmt: skip


@cache
def _key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
