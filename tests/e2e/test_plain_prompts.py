"""`craton new --plain` driven by expect, as a script or a screen reader would: a line, an answer, the next line."""

from __future__ import annotations

import io
import re

import pexpect
import pytest

from installer.plan import planfile
from installer.plan.platforms import PLATFORMS
from tests.craton import Craton
from tests.patience import PATIENCE

PROMPT = r"\n([A-Z][^\r\n:]*?)(?: \((?:yes or no|numbers, or none)\))?(?: \[([^\r\n]*)\])?: $"


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_each_question_is_a_line_with_its_default_and_takes_a_line(craton: Craton, platform: str) -> None:
    given = {"Name": "shop", "Platform": platform, "Machines": "10.0.0.[1-5]", "Subdomain": "shop.example.com"}
    if PLATFORMS[platform].traits.cloud:  # nobody else knows from where people come
        given["User network"] = "203.0.113.7/32"
    log, asked = io.StringIO(), dict[str, str | None]()
    child = pexpect.spawn(
        craton.argv("new", "--plain")[0],
        craton.argv("new", "--plain")[1:],
        env=craton.environment,
        cwd=str(craton.directory),
        timeout=PATIENCE,
        encoding="utf-8",
    )
    child.logfile_read = log
    while child.expect([PROMPT, pexpect.EOF]) == 0:
        assert isinstance(child.match, re.Match)
        title = child.match[1]
        assert title not in asked, f"{title} was asked twice"
        asked[title] = child.match[2]
        child.sendline(given.get(title, ""))
    child.close()
    assert child.exitstatus == 0, log.getvalue()
    assert "\x1b" not in log.getvalue()
    assert (asked["Name"], asked["Platform"]) == ("demo", "1")
    assert planfile.load(craton.directory / "shop.yaml").platform == platform
