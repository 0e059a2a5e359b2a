"""Judges of the benchmark: each is made of what an item asks, and answers from a machine's facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from installer.health.benchmark.facts import Facts
from installer.health.benchmark.item import Answer, Judge


class Wanted(NamedTuple):
    """What a flag or setting has to be: `accepts` takes its text, or None where it is not given."""

    words: str
    accepts: Callable[[str | None], bool]


def equal(value: str, default: str = "") -> Wanted:
    """`value`; where it is not given, Kubernetes takes `default`."""
    return Wanted(value, lambda given: (default if given is None else given) == value)


def includes(word: str) -> Wanted:
    return Wanted(f"with {word}", lambda given: word in (given or "").split(","))


def excludes(word: str) -> Wanted:
    return Wanted(f"without {word}", lambda given: word not in (given or "").split(","))


def at_least(number: int) -> Wanted:
    return Wanted(
        f"{number} or more", lambda given: bool(re.fullmatch(r"[0-9]{1,9}", given or "")) and int(given or 0) >= number
    )


def among(words: Collection[str]) -> Wanted:
    """A list, not empty, of nothing but these."""
    return Wanted("strong ciphers alone", lambda given: bool(given) and set((given or "").split(",")) <= set(words))


GIVEN = Wanted("given", bool)
ABSENT = Wanted("not given", lambda given: given is None)


def flag(process: str, *wanted: tuple[str, Wanted]) -> Judge:
    """Flags of a process that runs."""

    def judge(facts: Facts) -> Answer:
        flags = facts.flags(process)
        return _all([(f"--{name}", flags.get(name), want) for name, want in wanted])

    return judge


def setting(path: str, flag: str, want: Wanted) -> Judge:
    """A setting of the kubelet's configuration; its flag, if it is given, comes before it."""

    def judge(facts: Facts) -> Answer:
        given = facts.flags("kubelet").get(flag) if flag else None
        name, text = (path, _text(facts.kubelet(path))) if given is None else (f"--{flag}", given)
        return _all([(name, text, want)])

    return judge


def mode(limit: int, *patterns: str, optional: bool = False) -> Judge:
    """No file that matches gives more than the permissions `limit`."""

    def judge(facts: Facts) -> Answer:
        files = facts.files(*patterns)
        wrong = [f"{file.path} {file.mode:o}" for file in files if file.mode & ~limit]
        if wrong or not files:
            return _missing_or(wrong, patterns, optional=optional)
        return Answer(True, _counted([f"{file.path} {file.mode:o}" for file in files]))

    return judge


def owner(name: str, *patterns: str, optional: bool = False) -> Judge:
    """Every file that matches is owned by `name`, USER:GROUP."""

    def judge(facts: Facts) -> Answer:
        files = facts.files(*patterns)
        wrong = [f"{file.path} {file.owner}" for file in files if file.owner != name]
        if wrong or not files:
            return _missing_or(wrong, patterns, optional=optional)
        return Answer(True, _counted([f"{file.path} {file.owner}" for file in files]))

    return judge


def _all(checked: list[tuple[str, str | None, Wanted]]) -> Answer:
    wrong = [f"{_given(name, text)}, not {want.words}" for name, text, want in checked if not want.accepts(text)]
    if wrong:
        return Answer(False, "; ".join(wrong))
    return Answer(True, "; ".join(_given(name, text) for name, text, _ in checked))


def _given(name: str, text: str | None) -> str:
    """As it was seen, cut where it is long."""
    if text is None:
        return f"{name} is not given"
    return f"{name}={text}" if len(text) <= 60 else f"{name}={text[:59]}…"


def _missing_or(wrong: list[str], patterns: tuple[str, ...], *, optional: bool) -> Answer:
    if wrong:
        return Answer(False, _counted(wrong))
    return Answer(optional, f"there is no {patterns[0]}")


def _counted(words: list[str]) -> str:
    return words[0] + (f" and {len(words) - 1} more" if len(words) > 1 else "")


def _text(value: object) -> str | None:
    """A setting as a flag would have it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
