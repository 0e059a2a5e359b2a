"""Secrets of several lines. Each watcher sees every line, and says what becomes of those that are its own."""

from __future__ import annotations

import re
from functools import cache
from typing import Protocol

from installer.common.redaction import names
from installer.common.redaction.rules import MASK


class Watcher(Protocol):
    """Follows one kind of secret through the lines of one source."""

    @property
    def idle(self) -> bool:
        """Whether it waits for nothing: it could be forgotten and made again."""

    def take(self, line: str) -> list[str] | None:
        """The lines that are left of `line`, or None where it is not this watcher's to say."""


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def masked(line: str) -> str:
    """The mask, as far to the right as `line` was."""
    return " " * indent(line) + MASK


class PrivateKey:
    """What lies between the first and the last line of a private key is left out, behind a log's prefix too."""

    _BEGINS = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]*(?P<kind>PRIVATE KEY|CERTIFICATE|PUBLIC KEY)")
    _ENDS = re.compile(r"-{4,5} ?END [A-Z0-9 ]+")
    _BODY = re.compile(r"\s*=?[A-Za-z0-9+/]*={0,2}\s*|\s*(?:Proc-Type|DEK-Info|Comment|Version|Hash|Charset): .*")
    _BEHIND = re.compile(r"(?P<prefix>.*[^A-Za-z0-9+/=])[A-Za-z0-9+/]{4,}={0,2}\s*")
    _MIDDLE = re.compile(
        r"""
        \s*+ (?=[^G-Zg-z+/]*+[G-Zg-z+/])                                           # no digest in hex
        (?: (?!(?P<same>.)(?P=same)*\s*$) [A-Za-z0-9+/]{60,80}+                    # as long as lines of keys are
          | (?=[^A-Z]*+[A-Z]) (?=[^a-z]*+[a-z]) (?=[^0-9]*+[0-9]) [A-Za-z0-9+/]{81,}+ )
        ={0,2} \s*
        """,
        re.VERBOSE,
    )
    """A line out of the middle of a key, whose beginning was cut off."""
    _PUTTY = re.compile(r"\s*Private-Lines: (\d{1,3})\s*")
    _MISSES = 3
    """Other lines in a row after which a key that never ended is taken as ended."""

    def __init__(self) -> None:
        self._kind = ""
        self._behind = False
        self._misses = 0
        self._counted = 0

    @property
    def idle(self) -> bool:
        return not self._kind and not self._counted

    def take(self, line: str) -> list[str] | None:
        if self._counted:
            self._counted -= 1
            return [MASK]
        if self._kind:
            return self._inside(line)
        if begins := self._BEGINS.search(line):
            if not self._ENDS.search(line):
                self._kind, self._behind, self._misses = begins["kind"], bool(line[: begins.start()].strip()), 0
            return None
        if putty := self._PUTTY.fullmatch(line):
            self._counted = int(putty[1])
        return [MASK] if self._MIDDLE.fullmatch(line) else None

    def _inside(self, line: str) -> list[str] | None:
        secret = self._kind == "PRIVATE KEY"
        if ends := self._ENDS.search(line):
            self._kind = ""
            prefix = line[: ends.start()] if self._behind else ""
            return ([prefix + MASK] if prefix else []) if secret else [line]
        if self._BODY.fullmatch(line):
            self._misses = 0
            return [] if secret else [line]
        if self._behind and (behind := self._BEHIND.fullmatch(line)):
            return [behind["prefix"] + MASK] if secret else [line]
        self._misses += 1
        if self._misses >= self._MISSES:
            self._kind = ""
        return None


class Announced:
    """A value on the lines after the one that announces it: `Using certificate key:`, `password: |`, `--token \\`."""

    _PATIENCE = 2
    """Blank lines that may come before the value."""
    _LAST = (":", "=", "\\", *"|>+-123456789")
    _VALUE = re.compile(r"(?P<before>\s*(?:- )?[\"']?value[\"']?\s*[:=]\s*)\S.*")
    _ONE_WORD = re.compile(r"(?P<before>\s*[\"']?)(?P<word>[^\s\"']+)(?P<after>[\"']?[,\\]?\s*\\?\s*)")

    def __init__(self) -> None:
        self._waits = ""
        self._indent = 0
        self._left = 0

    @property
    def idle(self) -> bool:
        return not self._waits

    def take(self, line: str) -> list[str] | None:
        taken = self._awaited(line) if self._waits else None
        if taken is None and self._may_announce(line) and (found := _announcement().search(line)):
            self._waits = found.lastgroup or ""
            self._indent, self._left = indent(line), self._PATIENCE
        return taken

    def _may_announce(self, line: str) -> bool:
        """Whether the pattern need be tried: it is slow, and few lines end as one that it matches."""
        return (line.rstrip().endswith(self._LAST) or "name" in line.lower()) and names.hinted(line)

    def _awaited(self, line: str) -> list[str] | None:
        if not line.strip():
            self._left -= 1
            if self._left < 0 and self._waits != "block":
                self._waits = ""
            return [line]
        waits, self._waits = self._waits, ""
        if waits == "block":
            if indent(line) <= self._indent:
                return None
            self._waits = "block"
            return [masked(line)]
        if waits == "value":
            found = self._VALUE.fullmatch(line)
            return [found["before"] + MASK] if found else None
        found = self._ONE_WORD.fullmatch(line)
        if not found or names.harmless(found["word"]) or found["word"].endswith((":", "{", "[")):
            return None
        if indent(line) > self._indent:
            self._waits = "block"  # base64 goes on for several lines
        return [found["before"] + MASK + found["after"]]


@cache
def _announcement() -> re.Pattern[str]:
    tag = r"(?:!\S*\s+|&\w+\s+)*"
    return re.compile(
        rf"""
        {names.NAME} \\*[\"']? \s* [:=] \s* {tag} (?: (?P<block> [|>][-+\d]{{0,2}} ) | (?P<word> \\? ) ) \s* $
      | (?<![\w-]) --? [\w.-]{{0,64}}? {names.NAME} \s* \\ (?P<flag>) \s* $
      | (?: password | passphrase ) [^:=]{{0,60}} : (?P<prompt>) \s* $
      | name [\"']? \s* [:=] \s* [\"']? [\w.-]{{0,64}}? {names.NAME} [\"']? (?P<value> ,? ) \s* $
        """,
        re.VERBOSE | re.IGNORECASE,
    )


class ChangePasswords:
    """Lines `user:password` after the word chpasswd."""

    _LINE = re.compile(r"(?P<before>\s*(?:- )?[\"']?[a-z_][\w.-]*\$?:)(?=\S)[^:]+")
    _OTHER = re.compile(r"\s*(?:list|users|expire)\s*:.*|\s*")

    def __init__(self) -> None:
        self._on = False

    @property
    def idle(self) -> bool:
        return not self._on

    def take(self, line: str) -> list[str] | None:
        if self._on:
            if found := self._LINE.fullmatch(line):
                return [found["before"] + MASK]
            self._on = self._OTHER.fullmatch(line) is not None
        if "chpasswd" in line:
            self._on = True
        return None


class SecretObject:
    """The values under `data:` of a Secret of Kubernetes; before its kind is known, those that look like base64."""

    _KIND = re.compile(r"\s*(?:- )?[\"']?kind[\"']?\s*:\s*[\"']?(?P<kind>\w+)[\"']?,?\s*")
    _DATA = re.compile(r"\s*[\"']?(?:data|stringData)[\"']?\s*:\s*\{?\s*")
    _PAIR = re.compile(r"(?P<before>\s*[\"']?[\w.-]+[\"']?\s*:\s*[\"']?)(?P<value>[^\"']+?)(?P<after>[\"']?,?\s*)")
    _BASE64 = re.compile(r"(?=[^A-Z0-9=]*[A-Z0-9=])(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

    def __init__(self) -> None:
        self._kind = ""
        self._under: int | None = None

    @property
    def idle(self) -> bool:
        return not self._kind and self._under is None

    def take(self, line: str) -> list[str] | None:
        if self._under is not None and line.strip():
            if indent(line) > self._under:
                return self._value(line)
            self._under = None
        if found := self._KIND.fullmatch(line):
            self._kind = found["kind"] if found["kind"] == "Secret" else ""
        elif line.startswith("---"):
            self._kind = ""
        elif self._DATA.fullmatch(line):
            self._under = indent(line)
        return None

    def _value(self, line: str) -> list[str] | None:
        found = self._PAIR.fullmatch(line)
        if found and (self._kind or self._BASE64.fullmatch(found["value"])):
            block = found["value"][0] in "|>"
            return [line] if block else [found["before"] + MASK + found["after"]]
        return [masked(line)] if self._kind and not found and line.strip("} ,") else None
