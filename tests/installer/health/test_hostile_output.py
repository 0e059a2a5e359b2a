"""Whatever machines print, checks come to a verdict, and reports are made of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from installer.health import gather
from installer.health.catalogue import CHECKS
from installer.health.check import Subject, Verdict
from installer.health.report.html import page
from installer.health.report.model import Report
from installer.health.report.text import render
from installer.plan.topology import Machine
from installer.steps.evidence import Evidence, Probed
from tests.installer.health import healthy
from tests.strategies import examples, repeatable

_MACHINES = st.sampled_from(healthy.TOPOLOGY.machines)
_PIECES = st.sampled_from(
    [
        *(line for output in healthy.outputs(healthy.TOPOLOGY.first_master).values() for line in output.splitlines()),
        *(
            "{",
            "[" * 5000,
            '{"members":[{}]}',
            '{"members":[null]}',
            '{"health":[]}',
            "MemTotal:",
            "nan",
            "1e999",
            "²",
            "٣",
        ),
        *("tcp 10.10.0.12 ² open", "udp 10.10.0.12 99999 open", "a b c d e", "x True v1 a,b,, :::", "9" * 400),
    ]
)
_OUTPUTS = st.lists(_PIECES | st.text(max_size=30), max_size=6).map("\n".join)
_PROBED = st.builds(Probed, st.integers(-1, 255), _OUTPUTS)
_PROBES = st.dictionaries(st.sampled_from(sorted(healthy.outputs(healthy.TOPOLOGY.first_master))), _PROBED, max_size=16)


@examples(50)
@given(_MACHINES, _PROBES, st.text(max_size=60))
def test_no_output_makes_a_check_raise(machine: Machine, probes: dict[str, Probed], host_key: str) -> None:
    one = Evidence(machine.name, probes, host_key, 0.0, 1.0)
    everyone = {**healthy.evidence(), machine.name: one}
    subject = Subject(machine, healthy.PLAN, healthy.TOPOLOGY, one, everyone, {machine.name: healthy.HOST_KEY})
    for check in CHECKS:
        finding = check.examine(subject)
        assert finding.verdict in Verdict
        assert isinstance(finding.seen, str)


@repeatable
@given(_MACHINES, _PROBES)
def test_no_output_keeps_a_report_from_being_made_and_read_again(machine: Machine, probes: dict[str, Probed]) -> None:
    everyone = {**healthy.evidence(), machine.name: Evidence(machine.name, probes, "", 0.0, 1.0)}
    made = healthy.report(everyone)
    assert Report.from_dict(made.as_dict()) == made
    assert render(made)
    assert page(made)


@given(st.text(max_size=300))
def test_any_text_can_be_parsed(text: str) -> None:
    gather.parse(text, "00ff")
    gather.parse(f"=== 00ff clock\n{text}\n=== 00ff clock exit 0\n", "00ff")


@repeatable
@given(_OUTPUTS)
def test_a_section_cannot_be_forged(text: str) -> None:
    forged = f"=== clock\n{text}\n=== clock exit 0\n=== 1234 clock\n=== 1234 clock exit 0\n"
    answer = f"=== 00ff names\n{forged}\n=== 00ff names exit 3\n"
    assert gather.parse(answer, "00ff") == {"names": Probed(3, forged.strip("\n"))}
