"""What OpenSSH makes of ~/.ssh/config for many hosts, asked once where it makes the same of all of them.

For each of a hundred machines, `ssh -G` is a process; most configurations say nothing about a single host.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from installer.ssh.config_answer import Answer, ask, first, read_files

_PLAIN = re.compile(r"[a-z0-9][a-z0-9.:-]*")
"""Names that OpenSSH takes as they are: neither `USER@HOST` nor a URI, and nothing to be put in lower case."""
_DEPENDS = re.compile(
    rb'^[ \t\f"]*(?:host(?![a-z])(?!["= \t]+\*[ \t\r]*$)|match(?![a-z])|include(?![a-z]).*%)', re.I | re.M
)
"""Lines after which a setting may hold for some hosts only, or is read from a file named after the host. `Host *` is
none.
"""
_HOST, _USER, _PORT = "craton-stands-in-for-a-host", "craton-stands-in-for-a-user", "61213"
"""What is asked about in the place of all hosts: an answer that has it in another value depends on the host."""
_OFF = ("", "no", "false", "none")


@dataclass
class _Kind:
    """Hosts about which the plan says the same, but for name, user and port."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    known: bool = False
    answer: Answer | None = None
    """What OpenSSH says of each of them; None if that depends on the host."""


class Answers:
    """Answers of `ssh -G`, as of the first time that each was asked for. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[tuple[tuple[str, ...], str], _Kind] = {}

    def ask(self, name: str, arguments: Sequence[str], config: str) -> Answer:
        """As `config_answer.ask`."""
        if not _PLAIN.fullmatch(name):
            return ask(name, arguments, config)
        given, rest = _split(arguments)
        with self._lock:
            kind = self._kinds.setdefault((tuple(rest), _renamed(name, config)), _Kind())
        with kind.lock:
            if not kind.known:
                answer, files = read_files(name, arguments, config)
                if not _depends(answer, files):
                    kind.answer = _common(_stand_in(given, rest, _renamed(name, config)))
                kind.known = True
                return answer
        if kind.answer is None:
            return ask(name, arguments, config)
        return {**kind.answer, "host": (name,), "hostname": (name,), **{key: (value,) for key, value in given.items()}}


def _renamed(name: str, config: str) -> str:
    """The configuration as it is for `_HOST`: a host is named where a `Match` asks for it, and nowhere else.

    A name may also be part of any other word: `key`, `e`, `host`.
    """
    return re.sub(rf"(?m)^(Match !?originalhost ){re.escape(name)}$", rf"\g<1>{_HOST}", config)


def _split(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """User and port, by their keywords in answers, and the other arguments."""
    given, rest = {}, []
    for option, setting in zip(arguments[::2], arguments[1::2], strict=True):
        keyword, _, value = setting.partition("=")
        if keyword in ("User", "Port"):
            given[keyword.lower()] = value
        else:
            rest += [option, setting]
    return given, rest


def _depends(answer: Answer, files: Sequence[str] | None) -> bool:
    """Whether the files that were read, or the answer itself, may be other ones for another host."""
    if files is None or first(answer, "canonicalizehostname") not in _OFF:
        return True
    try:
        return any(_DEPENDS.search(Path(file).read_bytes()) for file in files)
    except OSError:
        return True


def _stand_in(given: dict[str, str], rest: Sequence[str], config: str) -> Answer:
    place = {"user": f"User={_USER}", "port": f"Port={_PORT}"}
    return ask(_HOST, [*(word for keyword in given for word in ("-o", place[keyword])), *rest], config)


def _common(answer: Answer) -> Answer | None:
    """The answer about no host in particular; None if it speaks of the host where that can't be replaced."""
    named = {
        keyword: values for keyword, values in answer.items() if keyword not in ("host", "hostname", "user", "port")
    }
    text = os.linesep.join(value for values in named.values() for value in values)
    replaced = first(answer, "hostname") == _HOST and not any(word in text for word in (_HOST, _USER, _PORT))
    return {**named, "user": answer.get("user", ()), "port": answer.get("port", ())} if replaced else None
