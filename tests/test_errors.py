"""An error says what happened, why, and what to do: in three short sentences at most.

Read from the syntax trees: whoever raises an InstallerError, and the tables from which errors are made.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from installer.cluster.diagnosis import images, known, preflight, static
from tests.words import ROOT

SENTENCES = 3
WORDS = 25
"""Of a sentence, without what is filled in."""
_END = re.compile(r"(?<=[^A-Z\s])[.!?](?=\s|$)|;(?=\s)")


def sentences(text: str) -> list[str]:
    """Parts between full stops and semicolons."""
    return [part.strip() for part in _END.split(text) if part.strip(" .`…")]


@cache
def _trees() -> dict[Path, ast.Module]:
    folders = (ROOT / "installer", ROOT / "screens")
    return {path: ast.parse(path.read_text("utf-8")) for folder in folders for path in sorted(folder.rglob("*.py"))}


@cache
def _errors() -> frozenset[str]:
    """Names of InstallerError and of all that derive from it."""
    found = {"InstallerError"}
    bases = {
        node.name: [ast.unparse(base).rpartition(".")[2] for base in node.bases]
        for tree in _trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    while more := {name for name, of in bases.items() if found.intersection(of)} - found:
        found |= more
    return frozenset(found)


@cache
def _constants() -> dict[str, str]:
    """Texts that modules give a name, the longest of each name."""
    found: dict[str, str] = {}
    for tree in _trees().values():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name, text = node.targets[0].id, _text(node.value, {})
                found[name] = max(text, found.get(name, ""), key=len)
    return found


def _text(node: ast.AST | None, constants: dict[str, str]) -> str:
    """What is written there; an ellipsis for what is filled in, and the longer one of two choices."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(value, constants) for value in values)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return _text(left, constants) + _text(right, constants)
        case ast.IfExp(body=body, orelse=orelse):
            return max(_text(body, constants), _text(orelse, constants), key=lambda text: len(sentences(text)))
        case ast.Name(id=name):
            return constants.get(name, "…")
        case ast.Attribute(attr=name):
            return constants.get(name, "…")
    return "" if node is None else "…"


def _raised() -> Iterator[tuple[str, str]]:
    """Where an error is made, and its words as a person reads them."""
    for path, tree in _trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _errors():
                hints = [keyword.value for keyword in node.keywords if keyword.arg == "hint"]
                said = ": ".join(_text(argument, _constants()) for argument in node.args[:2])
                hint = _text(hints[0], _constants()) if hints else ""
                yield f"{path.relative_to(ROOT)}:{node.lineno}", f"{said.rstrip('.')}. {hint}"


def _diagnosed() -> Iterator[tuple[str, str]]:
    """What kubeadm's failures are made of."""
    tables = {name: table for name, table in vars(known).items() if name.isupper() and isinstance(table, tuple)}
    for name, table in tables.items():
        for number, pattern in enumerate(table):
            yield f"known.{name}[{number}]", f"{pattern.observed}. {pattern.hint}"
    for name, text in (preflight.REMEDIES | preflight.PREFIXES).items():
        yield f"preflight {name}", f"kubeadm's preflight found. {text}; then resume"
    for number, (_, text) in enumerate(images._REASONS):
        yield f"images[{number}]", f"not pulled. {text}; then resume"
    for kind, rows in (("kubelet", static._KUBELET), ("container", static._CONTAINER)):
        for number, (_, text) in enumerate(rows):
            yield f"static {kind}[{number}]", f"it ended. {static._then_resume(text)}"


def test_errors_are_found_where_they_are_made() -> None:
    assert len(list(_raised())) > 250
    assert len(list(_diagnosed())) > 80
    assert {"GcpError", "AwsError", "PlanFileError", "FileError"} <= _errors()


def test_an_error_has_three_short_sentences_at_most() -> None:
    """In one test, since whoever collects tests would read all of the source for their names."""
    found = {where: sentences(words) for where, words in (*_raised(), *_diagnosed())}
    longest = {where: max((len(sentence.split()) for sentence in said), default=0) for where, said in found.items()}
    assert {where: said for where, said in found.items() if len(said) > SENTENCES or longest[where] > WORDS} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("connect: refused by 10.0.0.4. Start sshd.", 2),
        ("it needs Kubernetes v1.36.2 or newer", 1),
        ("stop it; then resume. Look at the log.", 3),
        ("", 0),
    ],
)
def test_sentences_end_with_full_stops_and_semicolons(text: str, count: int) -> None:
    assert len(sentences(text)) == count
