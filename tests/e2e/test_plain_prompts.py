"""`craton new --plain` driven by expect, as a script or a screen reader would: a line, an answer, the next line."""

from __future__ import annotations

import io
import re

import pexpect
import pytest

from installer.common.errors import ExitCode
from installer.plan import planfile
from installer.plan.platforms import PLATFORMS
from tests.craton import Craton
from tests.patience import PATIENCE
from tests.test_errors import SENTENCES, sentences

PROMPT = r"\n([A-Z][^\r\n:]*?)(?: \((?:yes or no|numbers, or none)\))?(?: \[([^\r\n]*)\])?: $"


RUBBISH = "what's this?! | rm -rf"
"""Something that answers no question but those that take any path."""
ANY = {"SSH key"}
PASTED = ("NAME      STATUS   ROLES    AGE", "worker-1  Ready    <none>   4d", "10.0.0.4,root,secret")


def given(platform: str) -> dict[str, str]:
    """Answers where the default won't do."""
    answers = {"Name": "shop", "Platform": platform, "Machines": "10.0.0.[1-5]", "Subdomain": "shop.example.com"}
    if PLATFORMS[platform].traits.cloud:  # nobody else knows from where people come
        answers["User network"] = "203.0.113.7/32"
    return answers


def prompted(craton: Craton, *arguments: str) -> tuple[pexpect.spawn[str], io.StringIO]:
    """`craton new --plain` on a terminal, and all that it has written so far."""
    argv = craton.argv("new", "--plain", *arguments)
    child = pexpect.spawn(
        argv[0], argv[1:], env=craton.environment, cwd=str(craton.directory), timeout=PATIENCE, encoding="utf-8"
    )
    child.logfile_read = io.StringIO()
    return child, child.logfile_read


def _ends_interrupted(child: pexpect.spawn[str], log: io.StringIO) -> None:
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == ExitCode.INTERRUPTED, log.getvalue()


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_each_question_is_a_line_with_its_default_and_takes_a_line(craton: Craton, platform: str) -> None:
    answers, asked = given(platform), dict[str, str | None]()
    child, log = prompted(craton)
    while child.expect([PROMPT, pexpect.EOF]) == 0:
        assert isinstance(child.match, re.Match)
        title = child.match[1]
        assert title not in asked, f"{title} was asked twice"
        asked[title] = child.match[2]
        child.sendline(answers.get(title, ""))
    child.close()
    assert child.exitstatus == 0, log.getvalue()
    assert "\x1b" not in log.getvalue()
    assert (asked["Name"], asked["Platform"]) == ("demo", "1")
    assert planfile.load(craton.directory / "shop.yaml").platform == platform


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_a_newcomers_mistake_is_answered_in_short_sentences_and_asked_again(craton: Craton, platform: str) -> None:
    answers, refused = given(platform), dict[str, str]()
    child, log = prompted(craton)
    accepted, waiting = set[str](), ""
    while child.expect([PROMPT, pexpect.EOF]) == 0:
        assert isinstance(child.match, re.Match)
        title = child.match[1]
        if waiting == title:  # asked again: what came before says why
            refused[title] = (child.before or "").replace("\r", "").partition("\n")[2].strip()
            child.sendline(answers.get(title, ""))
            waiting = ""
        elif waiting or title.startswith("Password"):  # any text is a password: Craton makes one
            accepted |= {waiting} - {""}
            child.sendline(answers.get(title, ""))
            waiting = ""
        else:
            child.sendline(RUBBISH)
            waiting = title
        assert title not in refused or waiting == "", log.getvalue()
    child.close()
    assert child.exitstatus == 0, log.getvalue()
    assert accepted <= ANY, log.getvalue()
    assert len(refused) > 12
    for title, words in refused.items():
        assert words, f"{title} doesn't say what is wrong"
        assert len(sentences(words)) <= SENTENCES, words
        assert words[0].isupper() or words.startswith("line 1: "), words
    assert planfile.load(craton.directory / "shop.yaml").platform == platform


def test_lines_pasted_into_a_question_are_each_refused_there(craton: Craton) -> None:
    child, log = prompted(craton, "--subdomain", "example.test", "--platform", "rehearsal")
    child.expect_exact("Name [demo]: ")
    child.send("".join(f"{line}\n" for line in PASTED))
    for _ in PASTED:
        child.expect_exact("Enter a name: ")
        child.expect_exact("Name [demo]: ")
    child.sendline("shop")
    child.expect_exact("Load balancers (yes or no) [yes]: ")
    child.sendline("?")
    child.expect_exact("Allowed: yes or no")
    child.expect_exact("Load balancers (yes or no) [yes]: ")
    child.sendintr()
    _ends_interrupted(child, log)
    assert "your answers are kept: `craton new` continues with them" in log.getvalue()
    assert "Traceback" not in log.getvalue()
    assert not list(craton.directory.glob("*.yaml"))


def test_the_end_of_input_keeps_the_answers_as_ctrl_c_does(craton: Craton) -> None:
    child, log = prompted(craton, "--name", "shop")
    child.expect_exact("Platform [1]: ")
    child.sendeof()
    _ends_interrupted(child, log)
    assert "your answers are kept" in log.getvalue()
