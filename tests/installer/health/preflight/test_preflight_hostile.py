"""Whatever machines print, preflight comes to findings, and machines to a row in a table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from installer.health.check import Verdict
from installer.health.preflight import PREFLIGHT, at_work, evaluate_preflight, facts, summary
from installer.plan.topology import Machine
from installer.steps.evidence import Evidence, Probed
from tests.installer.health.preflight import bare
from tests.strategies import repeatable

BARE = bare.evidence()

_MACHINES = st.sampled_from(bare.TOPOLOGY.machines)
_PRINTED = bare.outputs(bare.TOPOLOGY.first_master)
_WORDS = st.sampled_from(
    [
        "9" * 400,
        "²",
        "٣",
        "-1",
        "nan",
        "1e999",
        "0x",
        "/",
        "//",
        "::",
        "[::]:99999",
        "10.0.0.1/99",
        "\x1b[2J",
        "\ufffd",
        "=",
        ",,",
    ]
)
_KINDS = sorted({line.split()[0] for output in _PRINTED.values() for line in output.splitlines() if line.strip()})
_LINES = (
    st.sampled_from([line for output in _PRINTED.values() for line in output.splitlines()])
    | st.builds(" ".join, st.lists(_WORDS | st.sampled_from(_KINDS) | st.text(max_size=10), max_size=8))
    | st.builds(
        lambda kind, rest: " ".join([kind, *rest]),
        st.sampled_from(
            [*_KINDS, "neighbour", "chain", "claim", "proxy", "busy", "containers", "hex", "controller", "disk"]
        ),
        st.lists(_WORDS | st.text(max_size=8), max_size=9),
    )
)
_PROBED = st.builds(Probed, st.integers(-1, 255), st.lists(_LINES, max_size=10).map("\n".join))
_PROBES = st.dictionaries(st.sampled_from(sorted(_PRINTED)), _PROBED, max_size=len(_PRINTED))


@repeatable
@given(_MACHINES, _PROBES, st.text(max_size=40))
def test_no_output_makes_a_preflight_check_raise(machine: Machine, probes: dict[str, Probed], host_key: str) -> None:
    one = Evidence(machine.name, {**BARE[machine.name].probes, **probes}, host_key, 0.0, 1.0)
    everyone = {bare.MASTER: BARE[bare.MASTER], bare.WORKER: BARE[bare.WORKER], machine.name: one}
    findings = evaluate_preflight(bare.PLAN, bare.TOPOLOGY, everyone)
    assert len(findings) == len(PREFLIGHT) * len(everyone)
    for finding in findings:
        assert finding.verdict in Verdict
        assert finding.seen
        assert len(finding.seen) < 1000, "a sentence, whatever the machine printed"


@repeatable
@given(_MACHINES, _PROBES)
def test_no_output_keeps_a_machine_out_of_the_table(machine: Machine, probes: dict[str, Probed]) -> None:
    one = Evidence(machine.name, probes, "", 0.0, 1.0)
    assert summary(one)
    assert isinstance(facts(one).architecture, str)
    assert at_work(bare.PLAN, machine, one) in (True, False)
