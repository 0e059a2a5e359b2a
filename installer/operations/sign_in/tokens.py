"""The tokens of somebody who signed in, kept in the user's keyring, or in the cluster's directory, mode 0600."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from installer.common import json_reader
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.common.shape import NUMBER, shaped
from installer.operations.sign_in import keyrings

_SHAPE = {"id_token": str, "refresh_token": str, "issuer": str, "expires": NUMBER}
_ELSEWHERE = {"kept_in": "keyring"}
"""What the file says where the keyring has the tokens, so that nobody asks a keyring that has none."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires` is when the id token ends, in Unix seconds; `issuer` is who gave them."""

    issuer: str
    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires: float

    def lasts(self, seconds: float) -> bool:
        """Whether the id token can be used for that long yet."""
        return self.expires - time.time() > seconds

    @property
    def claims(self) -> dict[str, Any]:
        """What the id token says of its owner, unchecked: the API server judges it. Raises ValueError."""
        part = self.id_token.split(".")[1] if self.id_token.count(".") == 2 else ""
        found: dict[str, Any] = shaped(
            json_reader.parse(base64.urlsafe_b64decode(part + "==").decode()), {"exp": NUMBER}
        )
        return found


def place(directory: ClusterDirectory) -> Path:
    return directory.path / "session.json"


def save(directory: ClusterDirectory, tokens: Tokens) -> None:
    """Keep them in the user's keyring; where there is none, or it refuses, in the file."""
    kept = {"issuer": tokens.issuer, "id_token": tokens.id_token, "refresh_token": tokens.refresh_token}
    text = json.dumps(kept | {"expires": tokens.expires})
    in_keyring = keyrings.usable() and keyrings.put(_key(directory), text)
    write_private(place(directory), json.dumps(_ELSEWHERE) if in_keyring else text)


def load(directory: ClusterDirectory) -> Tokens | None:
    """None if nobody is signed in. Raises InstallerError if file or keyring cannot be read."""
    path = place(directory)
    try:
        text = path.read_text(encoding="utf-8")
        if json_reader.parse(text) == _ELSEWHERE:
            kept = keyrings.get(_key(directory))
            if kept is None:
                return None
            text = kept
        found = shaped(json_reader.parse(text), _SHAPE)
        return Tokens(found["issuer"], found["id_token"], found["refresh_token"], float(found["expires"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise InstallerError(
            "read your session",
            f"{path}: {getattr(error, 'strerror', None) or 'it is damaged'}",
            hint=f"sign in again: craton login {directory.cluster}",
            exit_code=ExitCode.USAGE,
        ) from None


def forget(directory: ClusterDirectory) -> bool:
    """Remove the tokens; whether there were any. Raises InstallerError if the keyring keeps them."""
    path = place(directory)
    try:
        in_keyring = json_reader.parse(path.read_text(encoding="utf-8")) == _ELSEWHERE
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        in_keyring = False
    if in_keyring:
        keyrings.remove(_key(directory))
    path.unlink(missing_ok=True)
    return True


def _key(directory: ClusterDirectory) -> str:
    """By which the keyring knows a cluster's tokens: two homes may have a cluster of one name."""
    return str(directory.path.absolute())
