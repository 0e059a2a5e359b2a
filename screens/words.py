"""How times, bars and states are said: pure functions from values to short texts."""

from __future__ import annotations

import os
import time

from rich.cells import cell_len, set_cell_size

from installer.engine.events import StepState
from installer.engine.progress import StepView
from installer.health.check import Verdict
from screens import theme

MARK_OF_STEP = {
    StepState.WAITING: theme.WAITING,
    StepState.OBSERVING: theme.RUNNING,
    StepState.APPLYING: theme.RUNNING,
    StepState.UNDOING: theme.RUNNING,
    StepState.DONE: theme.DONE,
    StepState.UNDONE: theme.DONE,
    StepState.FAILED: theme.FAILED,
    StepState.BLOCKED: theme.NOT_APPLICABLE,
}
MARK_OF_VERDICT = {
    Verdict.PASS: theme.DONE,
    Verdict.WARN: theme.WARNING,
    Verdict.FAIL: theme.FAILED,
    Verdict.UNKNOWN: theme.UNKNOWN,
    Verdict.NOT_APPLICABLE: theme.NOT_APPLICABLE,
}


def clock(at: float) -> str:
    """The local clock time of a moment given in Unix seconds, such as 12:04:31."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def duration(seconds: float) -> str:
    """Minutes and seconds, such as 0:38, or hours before them, such as 1:02:03."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` cells of the terminal: padded, or cut with an ellipsis."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"


def bar(fraction: float, width: int) -> tuple[str, str]:
    """A progress bar of `width` cells as its done part and the rest, which are styled differently."""
    fraction = max(0.0, min(1.0, fraction))
    if not theme.has_unicode(os.environ):
        return "#" * round(fraction * width), "-" * (width - round(fraction * width))
    halves = round(fraction * width * 2)
    done = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return done, "─" * (width - len(done))


def wait_words(view: StepView) -> str:
    """What a step waits for, until when, and what was seen last; empty if it waits for nothing."""
    if view.wait is None:
        return ""
    seen = f", last seen: {view.wait.seen}" if view.wait.seen else ""
    return f"waits for {view.wait.what} until {clock(view.wait.until)}{seen}"


def retry_words(view: StepView) -> str:
    """Which attempt comes next, and why the last one failed; empty if none has."""
    if view.retry is None:
        return ""
    until = f", until {clock(view.retry['until'])}" if "until" in view.retry else ""
    return f"attempt {view.retry['attempt']}{until}, after: {view.retry['error'].get('observed', '')}"


def step_pairs(view: StepView, now: float) -> list[tuple[str, str]]:
    """All that is known of a step, as labels and texts."""
    error = view.error or {}
    took = f"{duration(view.duration(now))} of at most {duration(view.record.deadline)}"
    return [
        ("step", view.record.id),
        ("machine", view.record.machine or ""),
        ("phase", view.record.phase),
        ("state", f"{view.state}{f', {view.how}' if view.how else ''}"),
        ("operation", str(error.get("operation", ""))),
        ("observed", str(error.get("observed", "")) or view.seen),
        ("what to do", str(error.get("hint", ""))),
        ("why it did not run", view.because),
        ("waits", wait_words(view)),
        ("tries again", retry_words(view)),
        ("stage", f"{view.stage[0]} of {view.stage[1]}, {view.stage[2]}" if view.stage else ""),
        ("started", f"{clock(view.started)}, {took}" if view.started is not None else ""),
        ("needs", ", ".join(view.record.needs)),
    ]
