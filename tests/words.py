"""`make words`: every string that people read, with its place: to be read from end to end after words were changed.

Taken from the syntax trees of `installer/` and `screens/`: docstrings of commands, and whatever is written in words
(two or more of them) outside of other docstrings; and from `assets/`, what its shell programs print.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
_WORDS = re.compile(r"[A-Za-z][a-z']+[ ,;:]+\S*[a-z]")
_CODE = re.compile(r"^(SELECT|INSERT|UPDATE|CREATE|PRAGMA|\s*[\w-]+ \{|[a-z_-]+ --)", re.MULTILINE)
_SAYS = re.compile(r"^\s*(?:fail|say|die|warn|stage|hint)\b.*$", re.MULTILINE)
Found = tuple[str, int, str]
"""File, line, text."""


def of_python(path: Path) -> Iterator[Found]:
    """The strings of one module that people read."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(node) for node in _docstrings(tree)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in silent or id(node) in inside:
            continue
        text = _text(node)
        if text and _WORDS.search(text) and not _CODE.search(text):
            yield str(path.relative_to(ROOT)), node.lineno, " ".join(text.split())  # type: ignore[attr-defined]


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Docstrings and remarks below fields; those of commands are printed by `--help`."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        command = isinstance(node, ast.FunctionDef) and any(
            "command" in ast.unparse(one) for one in node.decorator_list
        )
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and not command:
                yield statement.value


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


def of_shell(path: Path) -> Iterator[Found]:
    text = path.read_text(encoding="utf-8")
    for match in _SAYS.finditer(text):
        yield str(path.relative_to(ROOT)), text.count("\n", 0, match.start()) + 1, match[0].strip()


def words() -> Iterator[Found]:
    """All of them, file by file."""
    for folder in ("installer", "screens"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from of_python(path)
    for path in sorted((ROOT / "assets").rglob("*")):
        if path.suffix == ".sh" or path.name == "craton-node":
            yield from of_shell(path)


def main() -> int:
    found = list(words())
    for file, line, text in found:
        print(f"{file}:{line}: {text}")
    print(f"{len(found)} strings", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
