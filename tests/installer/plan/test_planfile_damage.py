"""Damaged plans, random text and random structures: always a plan, or problems with a position and words."""

from __future__ import annotations

import json
import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.planfile import PlanFileError, Problem
from tests.strategies import examples

FILES = [
    planfile.dump(InstallPlan(name="demo", subdomain="example.test")),
    "name: demo # mine\nsubdomain: a.b\ningress:\n  infra: 2\nmay:\n- M6 # etcd\n",
    '{"name": "demo", "subdomain": "a.b", "may": ["M6"]}',
]


def _sound(text: str) -> None:
    """`text` is a plan, or is refused with positions that exist; nothing else happens."""
    for problem in _problems(text):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.line <= len(re.split("\r\n|[\r\n\x85\u2028\u2029]", text))
        assert problem.text
        assert str(problem).isprintable()


def _problems(text: str) -> tuple[Problem, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            planfile.loads(text)
        except PlanFileError as error:
            return error.problems
    return ()


_PIECES = st.sampled_from(
    ["`", "\n", " ", ": ", "- ", "#", "'", '"', "[", "]", "{", "}", ",", "&a ", "*a", "!!int ", "!x ", "|", ">", "%",
     "---\n", "...\n", "? ", "<<: ", "\t", "\r", "\0", "\x85", "\u2028", "\ufeff", "~", "null", "0x", "1e9", "é", "🙂",
     "\\", "@", "workers: ", "masters", "infra: 9\n", "%YAML 1.1\n", "%TAG ! x\n",
     '"\\x', '"\\U0011ffff"', "2001-01-01"]
)  # fmt: skip


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    """A valid file with pieces put in, cut out and moved."""
    text = draw(st.sampled_from(FILES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 12, len(text))))
        text = text[:start] + draw(_PIECES | st.text(max_size=3)) + text[end:]
    return text


_STRUCTURES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["name", "workers", "ingress", "networks", "pods", "may", "ssh"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@examples(120)
@given(_mutated())
def test_a_damaged_plan_is_refused_in_words(text: str) -> None:
    _sound(text)


@examples(80)
@given(st.text(max_size=80) | st.lists(_PIECES, max_size=12).map("".join))
def test_random_text_is_refused_in_words(text: str) -> None:
    _sound(text)


@examples(80)
@given(_STRUCTURES.map(lambda data: json.dumps(data, ensure_ascii=True)))
def test_a_random_structure_is_refused_in_words(text: str) -> None:
    _sound(text)


@examples(40)
@given(st.binary(max_size=60))
def test_random_bytes_in_a_file_are_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanFileError):
        planfile.load(path)
