"""A command as every login shell understands it: sh runs it, whatever shell the machine's user has."""

from __future__ import annotations

import re
import shlex

_PLAIN = re.compile(r"[A-Za-z0-9_./:,@+-]+( [A-Za-z0-9_./:,@+=-]+)*")
"""Words that mean themselves in every shell."""
_QUOTABLE = re.compile(r"[ -~]*")
_TROUBLE = re.compile(r"[\\!]")
"""Even in single quotes, csh looks for `!` in its history, and fish takes some backslashes."""
_SAFE = re.compile(rb"[A-Za-z0-9_./:,@+=-]")


def for_any_shell(command: str) -> str:
    """`command`, in POSIX sh, as one line that sh, bash, zsh, csh, tcsh and fish all take to mean it."""
    if _PLAIN.fullmatch(command):
        return command
    if _QUOTABLE.fullmatch(command) and not _TROUBLE.search(command):
        return f"exec sh -c {shlex.quote(command)}"
    octal = "".join(chr(byte) if _SAFE.match(bytes([byte])) else f"\\0{byte:03o}" for byte in command.encode())
    return f'exec sh -c \'eval "$(printf %b "{octal}")"\''
