"""`make words` finds what people read, and leaves out what they don't."""

from __future__ import annotations

import pytest

from tests.words import words


@pytest.fixture(scope="module")
def printed() -> str:
    return "\n".join(text for _, _, text in words())


def test_hints_help_of_commands_and_titles_of_keys_are_printed(printed: str) -> None:
    assert "list every term with `craton glossary`" in printed  # a hint
    assert "Upgrade Kubernetes to a patch release or the next minor, one machine at a time." in printed  # of a command
    assert "Use with kubectl" in printed  # a key
    assert "What is the cluster's name?" in printed  # a question


def test_docstrings_of_other_functions_are_left_out(printed: str) -> None:
    assert "The term with this name or spelling" not in printed
