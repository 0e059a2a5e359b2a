"""The cluster's own SSH key, with which Craton logs in to its machines."""

from __future__ import annotations

import threading

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, write_private

_lock = threading.Lock()


def ensure_key(directory: ClusterDirectory) -> str:
    """Make the cluster's ed25519 key unless it has one; return the public half as `TYPE BASE64 COMMENT`."""
    with _lock:
        if not directory.key.exists():
            _make(directory)
        return public_key(directory)


def public_key(directory: ClusterDirectory) -> str:
    """The public half as `TYPE BASE64 COMMENT`. Raises InstallerError if there is no key, or none that can be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        private = serialization.load_ssh_private_key(directory.key.read_bytes(), password=None)
    except FileNotFoundError:
        raise InstallerError(
            "read the cluster's key",
            f"{directory.key} does not exist",
            hint="the key was made where the cluster was installed: copy it from there, mode 0600",
        ) from None
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InstallerError(
            "read the cluster's key",
            f"{directory.key}: {error}",
            hint="it must be an OpenSSH private key without a passphrase that you may read",
        ) from None
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{public.decode()} craton-{directory.cluster}"


def _make(directory: ClusterDirectory) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    write_private(directory.key, private)
    write_private(directory.key.with_name(directory.key.name + ".pub"), public_key(directory) + "\n")
