"""A preflight check: a health check with the words that its documentation and its findings share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from installer.health.check import Check, Finding, Judgement, Subject, Verdict


@dataclass(frozen=True, slots=True)
class PreflightCheck(Check):
    """`what` has to hold, in a sentence; `remedy` is what to do where the judgement names nothing more exact.

    The level is the contract's word where one of its rules is behind the check; else NEEDED where a broken check fails,
    SHOULD where it only warns.
    """

    what: str = ""
    remedy: str = ""

    def examine(self, subject: Subject) -> Finding:
        """The finding on one machine; never raises."""
        # Not super(): dataclasses create a second class for slots, and super() would look at the first.
        finding = Check.examine(self, subject)
        if finding.verdict in (Verdict.WARN, Verdict.FAIL) and not finding.remedy:
            return replace(finding, remedy=self.remedy)
        return finding


def holds(seen: str) -> Judgement:
    return Verdict.PASS, seen, ""


def warns(seen: str, remedy: str = "") -> Judgement:
    """`remedy` empty: the check's own."""
    return Verdict.WARN, seen, remedy


def fails(seen: str, remedy: str = "") -> Judgement:
    """`remedy` empty: the check's own."""
    return Verdict.FAIL, seen, remedy
