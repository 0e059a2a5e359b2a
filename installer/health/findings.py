"""What a step makes of findings: log lines, and one error that names all that fails."""

from __future__ import annotations

from collections.abc import Sequence

from installer.common.errors import InstallerError
from installer.health.check import Finding, Verdict
from installer.steps.step import Context

_SHOWN = 8
"""Findings of several machines that an error names."""


def raise_on_failure(ctx: Context, findings: Sequence[Finding]) -> None:
    """Log what is not well; raise InstallerError with all that fails, one by one."""
    for finding in findings:
        if finding.verdict in (Verdict.FAIL, Verdict.WARN):
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            ctx.log(f"{finding.verdict} {finding.check}: {finding.seen}{remedy}")
    failed = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    if failed:
        blamed = {finding.machine for finding in failed}
        raise InstallerError(
            f"check {failed[0].check}",
            _told(failed, named=len(blamed) > 1),
            machine=failed[0].machine if len(blamed) == 1 else None,
            hint="; ".join(dict.fromkeys(finding.remedy for finding in failed if finding.remedy)),
        )


def _told(failed: Sequence[Finding], *, named: bool) -> str:
    """What was seen, one by one; `named` says of which machine each time, and leaves what is too much to the log."""
    if not named:
        return "; ".join(finding.seen for finding in failed)
    shown = [f"{finding.machine}: {finding.seen}" for finding in failed[:_SHOWN]]
    more = [f"and {len(failed) - _SHOWN} more, in the log"] if len(failed) > _SHOWN else []
    return "; ".join([*shown, *more])
