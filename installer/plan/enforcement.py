"""The answers to the question whether machines enforce the contract's rules themselves, which several platforms ask."""

from __future__ import annotations

from installer.plan.guidance import Advice, Guidance
from installer.plan.question import Answers, Choice

_YES = Guidance(
    "Each machine drops what the contract doesn't allow, with an nftables table of Craton's own.",
    "If nothing else protects the machines, or you want checks to see the rules at work.",
    "Anything else that the machines serve on other ports can't be reached from outside.",
)
_NO = Guidance(
    "Craton changes no packet filter on the machines.",
    "If another firewall already keeps the rules. The review lists every port to open.",
    "Nothing, but ports that should be closed may be open.",
)


def choices(_answers: Answers) -> tuple[Choice, ...]:
    return (Choice(True, "Yes", guidance=_YES), Choice(False, "No", guidance=_NO))


def advised_elsewhere(_answers: Answers) -> Advice:
    """For machines that something else may protect already."""
    return Advice(False, "if another firewall keeps the rules, and Yes if none does.")


def advised_here(_answers: Answers) -> Advice:
    """For machines that nothing else protects."""
    return Advice(True, "so that checks see the rules at work.")
