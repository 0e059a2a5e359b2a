"""A check that every machine has its wheels on."""

from __future__ import annotations

from dataclasses import replace

from installer.health.check import Check, Judgement, Subject, Verdict
from installer.health.probing import quick_line
from installer.plan.rules import Level

WHEELS = replace(quick_line("wheels", "echo 4 wheels"), healthy="4 wheels")


def _wheels(subject: Subject) -> Judgement:
    said = subject.evidence.output("wheels").strip()
    return (Verdict.PASS, said, "") if said == "4 wheels" else (Verdict.FAIL, said, "put the wheels back on")


CHECKS = (Check("wheels", "wheels", Level.SHOULD, _wheels, (WHEELS,)),)
