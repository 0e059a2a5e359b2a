"""The environment in which boto3 finds the double, and nothing else: no test can reach AWS."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.doubles.aws.account import KEY, REGION, SECRET

NOWHERE = "http://127.0.0.1:9"
"""A proxy that nobody is: what is not meant for this computer fails at once."""


def environment(endpoint: str, directory: Path) -> dict[str, str]:
    """Variables for a process of Craton's; `directory` has no credentials file."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(directory / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(directory / "no-aws-credentials"),
        "HTTPS_PROXY": NOWHERE,
        "HTTP_PROXY": NOWHERE,
        "NO_PROXY": f"127.0.0.0/8,127.0.0.1,localhost,{urlsplit(endpoint).hostname}",
    }
