"""The glossary: each term once, found by any of its spellings, and the page that is made from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from installer.plan import glossary
from installer.plan.glossary import GLOSSARY
from tests.craton import ROOT, Craton


def test_no_spelling_belongs_to_two_terms() -> None:
    spellings = Counter(spelling.lower() for term in GLOSSARY for spelling in term.spellings)
    assert [spelling for spelling, times in spellings.items() if times > 1] == []


def test_terms_are_in_alphabetical_order() -> None:
    names = [term.name.lower() for term in GLOSSARY]
    assert names == sorted(names)


@pytest.mark.parametrize("word", ["Dex", "console", "infra node", "etcd", "VXLAN", "overlay", "ingress", "quorum"])
def test_what_a_newcomer_meets_is_explained(word: str) -> None:
    term = glossary.find(word)
    assert term is not None
    assert len(term.meaning) > 20


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Masters run etcd and the control plane.", ["control plane", "etcd", "master"]),
        ("May your workloads run on masters?", ["master"]),
        ("infra\nnodes take it", ["infra node"]),
        ("demo-master-1 is planned", []),
        ("console.example.test", []),
        ("my-console", []),
    ],
)
def test_terms_are_recognised_as_words(text: str, names: list[str]) -> None:
    assert [term.name for term in glossary.mentioned(text)] == names


def test_a_search_finds_names_before_meanings() -> None:
    found = [term.name for term in glossary.matching("ETCD")]
    assert found[0] == "etcd"
    assert "quorum" in found
    assert glossary.matching("no such thing") == ()


def test_the_page_is_that_of_the_glossary() -> None:
    """`craton glossary --markdown > docs/glossary.md` writes it."""
    assert (ROOT / "docs/glossary.md").read_text(encoding="utf-8") == glossary.page()


def test_the_command_explains_a_term_and_says_where_all_are(tmp_path: Path) -> None:
    user = Craton(tmp_path)
    said = user.run("glossary", "vxlan").stdout
    assert said.startswith("VXLAN\n  The way flannel carries packets")
    unknown = user.run("glossary", "zeppelin", expect=ExitCode.USAGE).stderr
    assert "`craton glossary`" in unknown
