"""What every platform registers, and that nothing else asks for one by its name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from installer.plan.fields import Part
from installer.plan.platforms import DEFAULT, PLATFORMS
from installer.plan.registration import Registration
from tests.craton import ROOT

OWN = re.compile(r"installer/(plan/)?platforms/\w+/|installer/cli/(local|aws)\.py")
"""Where a platform's name is its own: its packages, and its own command."""
SHARED = {"firewall": bool, "load_balancers": bool}
"""Settings that mean the same wherever a platform has them."""


def test_the_platforms_are_found_in_the_order_in_which_people_choose() -> None:
    assert list(PLATFORMS) == ["rehearsal", "machines", "local", "aws", "gcp"]
    assert DEFAULT == "rehearsal"


@pytest.mark.parametrize(("name", "platform"), PLATFORMS.items())
def test_a_platform_says_who_it_is_and_what_its_section_holds(name: str, platform: Registration) -> None:
    assert platform.traits.name == name
    assert (ROOT / "installer/platforms" / name / "platform.py").exists()
    assert (ROOT / "installer/platforms" / name / "steps.py").exists()
    settings = platform.settings()
    assert issubclass(settings, Part)
    assert settings(), "every setting has a default"
    questions = [question for page in platform.questions.values() for question in page]
    assert {question.field for question in questions} == {f"{name}.{field}" for field in settings.model_fields}
    assert ("inventory" in settings.model_fields) == platform.traits.inventory
    for field, type_ in SHARED.items():
        assert field not in settings.model_fields or settings.model_fields[field].annotation is type_


def names_asked_for(path: Path) -> set[str]:
    """Names of platforms that a module compares something with, and dotted fields that begin with one."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and "platform" in ast.unparse(node):  # "machines" is a word, too
            constants = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
            found |= {str(part.value) for part in constants if part.value in PLATFORMS}
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name, dot, field = node.value.partition(".")
            fields = PLATFORMS[name].settings().model_fields if dot and name in PLATFORMS else {}
            found |= {node.value} if field in fields else set()
    return found


def test_nothing_outside_a_platforms_packages_asks_for_it_by_name() -> None:
    modules = [path for top in ("installer", "screens") for path in sorted((ROOT / top).rglob("*.py"))]
    asked = {
        str(path.relative_to(ROOT)): names
        for path in modules
        if not OWN.match(str(path.relative_to(ROOT))) and (names := names_asked_for(path))
    }
    assert len(modules) > 300
    assert asked == {}


def test_a_name_that_is_asked_for_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        'if plan.platform == "local" or platform in ("machines", 1):\n    get("rehearsal.load_balancers")\n'
    )
    assert names_asked_for(path) == {"local", "machines", "rehearsal.load_balancers"}
