"""Plan files: YAML to plan with every mistake at its line and column, and plan to YAML with comments kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.common import yaml_editor, yaml_reader
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import write_private
from installer.common.sanitise import clean
from installer.common.text import shown
from installer.plan import validation
from installer.plan.file_layout import GROUPS
from installer.plan.model import InstallPlan

MAX_SIZE = 1 << 19
"""Bytes; a plan has about 2,000, and 60 more for each machine that it lists. Parsing more would take too long."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a plan file. `line` and `column` count from 1, and are 0 where the file can't be read at all;
    `field` is a dotted path, or empty.
    """

    file: str
    line: int
    column: int
    field: str
    found: str
    allowed: str = ""
    hint: str = ""
    message: str = ""
    """As of validation.Mistake."""

    @property
    def text(self) -> str:
        return self.message or validation.sentence(self.found, self.allowed, self.hint)

    def __str__(self) -> str:
        """`plan.yaml:12:3 masters: Enter 1, 3 or 5 instead of 2.`"""
        field = f"{self.field}: " if self.field else ""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else f"{self.file}:"
        return clean(f"{place} {field}{self.text}")


class PlanFileError(InstallerError):
    """A plan file that is no plan; `problems` holds everything wrong with it, in the file's order."""

    def __init__(
        self,
        problems: tuple[Problem, ...],
        hint: str = "correct the plan file; `craton schema` prints what it can hold",
    ) -> None:
        self.problems = problems
        super().__init__(
            "read the plan",
            "\n".join(map(str, problems)),
            hint=hint,
            exit_code=ExitCode.PLAN,
        )

    def __str__(self) -> str:
        return self.observed

    def as_dict(self) -> dict[str, Any]:
        fields = ("file", "line", "column", "field", "found", "allowed", "hint", "text")
        problems = [{name: getattr(problem, name) for name in fields} for problem in self.problems]
        return {**super().as_dict(), "problems": problems}


def load(path: Path) -> InstallPlan:
    """The plan in a file. Raises PlanFileError, also where there is no such file."""
    return loads(_text(path), str(path))


def loads(text: str, name: str = "plan.yaml") -> InstallPlan:
    """The plan in a YAML text; `name` is the file's name in errors. Raises PlanFileError."""
    return _read(text, name)[0]


def dump(plan: InstallPlan) -> str:
    """A plan file for `plan`, with a comment above each group of fields."""
    data = _data(plan)
    for field in _puzzling(plan):
        *parents, key = field.split(".")
        inner = data
        for parent in parents:
            inner = inner.get(parent, {})
        inner.pop(key, None)
    data = {key: value for key, value in data.items() if value != {}}
    parts = []
    for comment, fields in GROUPS:
        group = {field: data.pop(field) for field in fields if field in data}
        if group:
            parts.append("".join(f"# {line}\n" for line in comment.splitlines()) + yaml_editor.block(group))
    if data:
        parts.append(yaml_editor.block(data))
    return "\n".join(parts)


def save(path: Path, plan: InstallPlan, *, replace: bool = False) -> None:
    """Write `plan` to `path`; into an existing plan file only what differs, so that the rest stays as it is.

    With `replace`, nothing of a file that is there stays. Raises PlanFileError if that is no plan and is not to be
    replaced, and InstallerError if it cannot be written: then it is as it was.
    """
    try:
        target = path.resolve()
        exists = target.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_written(path, error) from None
    if replace or not exists:
        _write(target, dump(plan))
        return
    text = _text(target)
    present, root = _read(text, str(path))
    if present != plan:
        mode = target.stat().st_mode & 0o777
        _write(target, _updated(text, root, present, plan))
        target.chmod(mode)


def schema() -> dict[str, Any]:
    """The JSON schema of plan files."""
    return validation.schema()


def _puzzling(plan: InstallPlan) -> list[str]:
    """Fields that mean nothing where this plan installs, and hold what they hold by default."""
    from installer.plan.questions.catalogue import QUESTIONS

    values, defaults = validation.values(plan), validation.defaults()
    meant = {"craton", *(question.field for question in QUESTIONS if question.applies(values))}
    return [field for field, value in values.items() if field not in meant and value == defaults[field]]


def _data(plan: InstallPlan) -> dict[str, Any]:
    """The plan as a file holds it: what is None is left out."""
    dumped: dict[str, Any] = plan.model_dump(mode="json", exclude_none=True)
    return dumped


def _unreadable(name: str, found: str, hint: str) -> PlanFileError:
    """A file of which there is nothing to correct line by line."""
    return PlanFileError((Problem(name, 0, 0, "", found),), hint)


def _text(path: Path) -> str:
    """The text of a file, byte for byte. Raises PlanFileError."""
    name = str(path)
    try:
        if path.is_dir():
            raise _unreadable(name, "this is a directory, not a plan file", "name a file in it")
        with path.open("rb") as file:
            content = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        raise _unreadable(name, "there is no such file", "check the path, or make a plan with `craton new`") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(name, f"cannot be read: {reason}", "make the file readable, or name another") from None
    if len(content) > MAX_SIZE:
        words = f"this file is larger than {MAX_SIZE >> 10} KiB, too large for a plan"
        raise _unreadable(name, words, "check that it is the file you meant")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line, column = yaml_reader.position_of(content[: error.start].decode(), error.start)
        found = f"byte 0x{content[error.start]:02x} isn't UTF-8 text"
        raise PlanFileError((Problem(name, line, column, "", found),)) from None


def _read(text: str, name: str) -> tuple[InstallPlan, yaml_reader.Mapping]:
    document = yaml_reader.read(text)
    flaws = [Problem(name, flaw.line, flaw.column, flaw.field, flaw.found, flaw.allowed) for flaw in document.flaws]
    root = document.root
    if root is None and flaws:
        raise PlanFileError(tuple(flaws))
    if not isinstance(root, yaml_reader.Mapping):
        raise PlanFileError((*flaws, _no_mapping(root, name)))
    found = validation.validate(yaml_reader.data(root))
    mistakes = () if isinstance(found, InstallPlan) else found
    problems = [*flaws, *(_problem(mistake, root, name) for mistake in mistakes)]
    if isinstance(found, InstallPlan) and not problems:
        return found, root
    raise PlanFileError(tuple(sorted(problems, key=lambda problem: (problem.line, problem.column))))


def _no_mapping(root: yaml_reader.Node | None, name: str) -> Problem:
    span = root.span if root else yaml_reader.Span(0, 0, 1, 1)
    value = yaml_reader.data(root) if root else None
    found = "an empty file" if value is None else "a list" if isinstance(value, list) else "a single value"
    return Problem(name, span.line, span.column, "", f"this is {found}; a plan has fields such as `name: demo`")


def _problem(mistake: validation.Mistake, root: yaml_reader.Mapping, name: str) -> Problem:
    span = _place(root, mistake.field)
    field = shown(".".join(map(str, mistake.field)))
    return Problem(name, span.line, span.column, field, mistake.found, mistake.allowed, mistake.hint, mistake.message)


def _place(root: yaml_reader.Mapping, field: tuple[str | int, ...]) -> yaml_reader.Span:
    """Where a field's key is, or the nearest mapping around it that is in the file."""
    node: yaml_reader.Node = root
    span = root.span
    for key in field:
        if isinstance(node, yaml_reader.Mapping) and key in node.entries:
            entry = node.entries[str(key)]
            span, node = entry.span, entry.value
        elif isinstance(node, yaml_reader.Sequence) and isinstance(key, int) and key < len(node.items):
            node = node.items[key]
            span = node.span
    return span


def _updated(text: str, root: yaml_reader.Mapping, present: InstallPlan, plan: InstallPlan) -> str:
    updated = yaml_editor.changed(text, root, yaml_editor.difference(_present(root, present, plan), _data(plan)))
    try:
        if loads(updated) == plan:
            return updated
    except PlanFileError:
        pass
    # YAML can be written in ways that no edit of single values covers; the plan comes before its layout.
    return dump(plan)


def _present(root: yaml_reader.Mapping, present: InstallPlan, plan: InstallPlan) -> dict[str, Any]:
    """What the file holds of the fields of `plan`: sections of platforms that it does not name stay as they are."""
    data = _data(present)
    if plan.platform != present.platform:
        del data[present.platform]
        written = yaml_reader.data(root).get(plan.platform)
        defaults = type(plan.settings)().model_dump(mode="json", exclude_none=True)
        data[plan.platform] = {**defaults, **written} if isinstance(written, Mapping) else defaults
    return data


def _write(path: Path, text: str) -> None:
    try:
        write_private(path, text)
    except OSError as error:
        raise _not_written(path, error) from None


def _not_written(path: Path, error: Exception) -> InstallerError:
    reason = getattr(error, "strerror", None) or str(error)
    return InstallerError("save the plan", f"{path}: {reason}", hint="save it elsewhere", exit_code=ExitCode.USAGE)
