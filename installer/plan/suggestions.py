"""Answers to one question that exist in an account: what the wizard suggests while somebody types. Values, no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from installer.plan.question import Answers

Depends = Mapping[str, tuple[str, ...]]
"""Fields for which an account has suggestions, each with the fields whose answers decide what they are."""

OF_NAMES: Depends = {
    "dns.profile": ("dns.profile",),
    "dns.hosted_zone": ("dns.profile", "subdomain"),
    "dns.project": ("dns.impersonate",),
    "dns.impersonate": ("dns.project",),
    "dns.managed_zone": ("dns.project", "dns.impersonate", "subdomain"),
}
"""Of the accounts that publish names, whatever the platform."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One answer as it is typed, and what to know of it in a few words."""

    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What an account has for one question. None of it is needed: every answer may be typed all the same."""

    found: tuple[Suggestion, ...] = ()
    source: str = ""
    """Where they come from, as people read it."""
    problem: str = ""
    """Why there are none, or not all, and what to do; empty if nothing is wrong."""
    waiting: bool = False
    """Whether they are still being asked for."""
    several: bool = False
    """Whether an answer may be several of them, with commas."""


def matching(found: Sequence[Suggestion], typed: str, *, several: bool = False) -> tuple[Suggestion, ...]:
    """Those that have every typed word in their value or detail; of several answers, by the last one that is typed.

    All of them where the text is one of them, so that a default hides none.
    """
    before, last = parted(typed) if several else ("", typed)
    words = last.lower().split()
    if not before and typed.strip() in {one.value for one in found}:
        return tuple(found)
    taken = {word.strip() for word in before.split(",")}
    return tuple(
        one
        for one in found
        if one.value not in taken
        and not (before and "," in one.value)
        and all(word in f"{one.value} {one.detail}".lower() for word in words)
    )


def parted(typed: str) -> tuple[str, str]:
    """A list with commas, parted into what is before its last answer, and that answer."""
    before, comma, last = typed.rpartition(",")
    return (f"{before}{comma} ", last.strip()) if comma else ("", typed.strip())


def key(platform: str, field: str, depends: Depends, answers: Answers) -> tuple[str, str, tuple[object, ...]]:
    """What one look-up is about: the same key has the same suggestions."""
    return platform, field, tuple(answers.get(one) for one in depends.get(field, ()))
