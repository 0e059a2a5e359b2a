"""No secret is shown or stored, in whatever form it comes; what is no secret stays readable."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common.sanitise import MAX_LINE, clean
from installer.common.scrub import LineScrubber, holds_secret, safe, safe_data
from tests.installer.common import harmless_lines, secret_lines
from tests.installer.common.secret_lines import HEX, PASSWORD, TOKEN, Secret
from tests.installer.common.secret_tools import OF_TOOLS, OF_TOOLS_HARMLESS
from tests.strategies import repeatable

SECRETS = (*secret_lines.SECRETS, *OF_TOOLS)
HARMLESS = (*harmless_lines.HARMLESS, *OF_TOOLS_HARMLESS)
TRANSCRIPTS = sorted((Path(__file__).parent.parent / "cluster" / "transcripts").glob("*.txt"))
INVISIBLE = "\u200b\u200d\u2060\u00ad\ufeff\u061c\u180e\u206a\u2800\u3164\ufe0f\U000e0041\x00\x07\x7f\x9f"
CASES = pytest.mark.parametrize("case", SECRETS, ids=[case.id for case in SECRETS])


def hides(case: Secret, left: str) -> None:
    for part in case.hidden:
        assert part not in left
    assert "***" in left
    assert case.kept in left


def test_the_tables_are_as_large_as_they_should_be() -> None:
    assert len({case.text for case in SECRETS}) >= 160
    assert len(set(HARMLESS)) >= 80


@CASES
def test_a_secret_is_masked_and_what_is_around_it_stays(case: Secret) -> None:
    hides(case, safe(case.text))


@CASES
def test_a_secret_is_masked_when_its_lines_come_one_by_one_between_those_of_others(case: Secret) -> None:
    scrubber = LineScrubber()
    left = list[str]()
    for line in case.text.split("\n"):
        left += scrubber.lines("one", line)
        assert list(scrubber.lines("other", "an ordinary line")) == ["an ordinary line"]
    hides(case, "\n".join(left))


@CASES
def test_a_secret_is_masked_although_its_lines_were_seen_by_themselves_before(case: Secret) -> None:
    for line in case.text.split("\n"):
        safe(line)
    scrubber = LineScrubber()
    hides(case, "\n".join(left for line in case.text.split("\n") for left in scrubber.lines("one", line)))


@CASES
def test_a_secret_is_masked_in_the_string_of_a_json_document(case: Secret) -> None:
    document = safe_data({"error": {"observed": [case.text]}})
    hides(case, document["error"]["observed"][0])
    json.dumps(document)


@CASES
def test_masking_again_changes_nothing(case: Secret) -> None:
    assert safe(safe(case.text)) == safe(case.text)


@repeatable
@given(st.sampled_from(SECRETS), st.data())
def test_invisible_letters_and_escapes_do_not_split_a_secret(case: Secret, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(case.text)), min_size=1, max_size=8).map(sorted))
    between = st.text(INVISIBLE, min_size=1, max_size=3) | st.sampled_from(["\x1b[1m", "\x1b]0;t\x07", "\x1b[0m\x1b[K"])
    ends = [0, *places, len(case.text)]
    hides(case, safe("".join(case.text[a:b] + data.draw(between) for a, b in pairwise(ends))))


@pytest.mark.parametrize("line", HARMLESS)
def test_an_ordinary_line_stays_as_it_is(line: str) -> None:
    assert safe(line) == line


def test_ordinary_lines_stay_one_after_the_other() -> None:
    text = "\n".join(HARMLESS)
    assert safe(text) == text


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=[path.stem for path in TRANSCRIPTS])
def test_what_kubeadm_and_the_kubelet_print_stays_readable(path: Path) -> None:
    text = clean(path.read_text(encoding="utf-8"))
    assert safe(text) == text


def test_certificates_stay() -> None:
    body = "MIIDBTCCAe2gAwIBAgIIQ0r1cO7yZlMwDQYJKoZIhvcNAQELBQAwFTETMBEGA1UE"
    text = f"-----BEGIN CERTIFICATE-----\n{body}\n{body}\nMIID=\n-----END CERTIFICATE-----\nafter"
    assert safe(text) == text


def test_a_log_goes_on_after_a_key_that_never_ended() -> None:
    lines = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEowIBAAKCAQEA", "one line.", "two lines.", "three lines.", "done"]
    assert safe("\n".join(lines)).split("\n") == ["***", "one line.", "two lines.", "three lines.", "done"]


def test_a_line_of_others_does_not_let_the_rest_of_a_key_through() -> None:
    lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEowIBAAKCAQEA",
        "a line of stderr.",
        "c2VjcmV0",
        "-----END RSA PRIVATE KEY-----",
    ]
    assert safe("\n".join(lines)).split("\n") == ["***", "a line of stderr."]


@pytest.mark.parametrize("before", [MAX_LINE - 30, MAX_LINE - 10, MAX_LINE - 1, MAX_LINE + 10, 2 * MAX_LINE - 10])
def test_no_half_of_a_secret_is_left_where_a_long_line_is_cut(before: int) -> None:
    for secret in (TOKEN, HEX[:40] + "ghijk", f"password={PASSWORD}"):
        left = safe("x" * (before - 1) + " " + secret)
        assert secret[:9] not in left.replace("password=***", "")
        assert len(left) <= MAX_LINE


def test_what_a_secret_name_leads_to_is_masked_in_data() -> None:
    data = {
        "token": "opaque",
        "dbPassword": "simple",
        "nested": [{"client_secret": "plain"}],
        "count": 3,
        "password": None,
    }
    assert safe_data(data) == {
        "token": "***",
        "dbPassword": "***",
        "nested": [{"client_secret": "***"}],
        "count": 3,
        "password": None,
    }


def test_an_answer_that_holds_a_secret_is_known() -> None:
    assert holds_secret(f"10.0.0.1 password={PASSWORD}")
    assert not holds_secret("10.0.0.1\tmaster\n10.0.0.2\tworker")


@repeatable
@given(st.text() | st.text("pas:=word \"'-token\n", max_size=200))
def test_any_text_is_made_safe_and_stays_so(text: str) -> None:
    left = safe(text)
    assert safe(left) == left
