"""docs/preflight.md says what the checks say."""

from __future__ import annotations

from installer.health.preflight import PREFLIGHT
from installer.plan.rules import Level
from tests.craton import ROOT


def test_the_page_has_every_check_with_its_level_and_remedy() -> None:
    page = (ROOT / "docs/preflight.md").read_text(encoding="utf-8")
    table = page.split("|---|---|---|---|\n")[1]
    rows = [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in table.splitlines() if line]
    assert rows == [(check.id, check.what, str(check.level), check.remedy) for check in PREFLIGHT]


def test_every_check_has_a_name_of_its_own_and_says_what_has_to_hold() -> None:
    assert len({check.id for check in PREFLIGHT}) == len(PREFLIGHT)
    for check in PREFLIGHT:
        assert check.what, check.id
        assert check.remedy, check.id
        assert check.probes, check.id
        assert check.level is not Level.MAY, check.id
