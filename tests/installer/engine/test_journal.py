"""The journal: what is recorded is durable, safe and bounded, and reading never gets in the way."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.engine.events import Event, EventType, LogLine, Outcome, RunKind, StepState
from installer.engine.journal import Journal, JournalError, Reader
from installer.engine.progress import Progress
from installer.engine.store import set_aside
from tests.doubles.actions import Effects, fake_step
from tests.patience import PATIENCE

ONE = fake_step(Effects(), "prepare/one", machine="demo-worker-1")
TWO = fake_step(Effects(), "prepare/two", "prepare/one", machine="demo-worker-2")
TOKEN = "abcdef.0123456789abcdef"


def begin(journal: Journal) -> int:
    return journal.begin(RunKind.INSTALL, [ONE, TWO], {"speed": 2.0})


def texts(reader: Reader, machine: str | None = None, **options: int) -> list[str]:
    return [line.text for line in reader.logs(machine=machine, **options)]


def test_a_run_is_recorded_from_its_start_to_its_end(journal: Journal, reader: Reader) -> None:
    begin(journal)
    started = reader.runs()[0]
    journal.end(Outcome.FAILED, ExitCode.MACHINES)
    ended = reader.runs()[0]
    assert (started.kind, started.outcome, started.options) == (RunKind.INSTALL, None, {"speed": 2.0})
    assert (ended.outcome, ended.exit_code) == (Outcome.FAILED, 5)
    assert [event.type for event in reader.events()] == [EventType.RUN_STARTED, EventType.RUN_ENDED]
    assert reader.events()[0].data["steps"] == [ONE.id, TWO.id]


def test_steps_are_read_in_order_with_their_newest_state(journal: Journal, reader: Reader) -> None:
    begin(journal)
    journal.transition(ONE, StepState.APPLYING).result()
    first, second = reader.steps()
    assert (first.id, first.state, first.machine) == (ONE.id, StepState.APPLYING, "demo-worker-1")
    assert (second.needs, second.state) == ((ONE.id,), StepState.WAITING)


def test_a_new_run_has_its_own_steps_and_the_old_ones_events(journal: Journal, reader: Reader) -> None:
    begin(journal)
    journal.transition(ONE, StepState.DONE).result()
    assert journal.begin(RunKind.INSTALL, [ONE], {}) == 2
    assert [(step.id, step.state) for step in reader.steps()] == [(ONE.id, StepState.WAITING)]
    assert [event.run for event in reader.events()] == [1, 1, 2]


def test_a_transition_is_on_disk_when_its_future_is_done(journal_path: Path) -> None:
    program = f"""
import os
from pathlib import Path
from installer.engine.journal import Journal
from tests.installer.engine.test_journal import ONE, StepState, begin
journal = Journal(Path({str(journal_path)!r}))
begin(journal)
journal.log(ONE, "about to")
journal.transition(ONE, StepState.APPLYING).result()
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    with Reader(journal_path) as reader:
        assert ended.returncode == -9
        assert reader.steps()[0].state is StepState.APPLYING
        assert texts(reader) == ["about to"]


def test_sequence_numbers_have_no_gaps_however_many_threads_record(journal: Journal, reader: Reader) -> None:
    begin(journal)

    def record() -> None:
        for number in range(1, 51):
            journal.record(EventType.STAGE, ONE, number=number, of=50, title="stage")

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.transition(ONE, StepState.DONE).result()
    assert [event.seq for event in reader.events()] == list(range(1, 203))
    assert [event.seq for event in reader.events(after=200)] == [201, 202]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", ["plain"]),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07and \x07bell", ["red and bell"]),
        ("10%\r100%", ["100%"]),
        ("first\nsecond", ["first", "second"]),
        (f"kubeadm join --token {TOKEN}", ["kubeadm join --token ***"]),
        (f"kubeadm join --token abc\x1b[1mdef{TOKEN[6:]}", ["kubeadm join --token ***"]),
        ("x" * 3990 + " " + TOKEN, ["x" * 3990 + " ***"]),
        ("safe \u202eevil", ["safe evil"]),
    ],
)
def test_log_lines_are_cleaned_and_redacted(journal: Journal, reader: Reader, text: str, stored: list[str]) -> None:
    begin(journal)
    journal.log(ONE, text)
    journal.transition(ONE, StepState.DONE).result()
    assert texts(reader) == stored


def test_a_private_key_logged_line_by_line_is_left_out(journal: Journal, reader: Reader) -> None:
    begin(journal)
    for line in ("before", "-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "", "MIIEpAIBAAKCAQEA", "AbC="):
        journal.log(ONE, line)
    journal.log(TWO, "another machine")
    journal.log(ONE, "-----END RSA PRIVATE KEY-----")
    journal.log(ONE, "after")
    journal.transition(ONE, StepState.DONE).result()
    assert texts(reader, "demo-worker-1") == ["before", "***", "after"]
    assert texts(reader, "demo-worker-2") == ["another machine"]


def test_what_is_recorded_is_cleaned_and_redacted_at_any_depth(journal: Journal, reader: Reader) -> None:
    begin(journal)
    journal.record(EventType.WAIT, ONE, what="\x1b[1mwait", seen=f"token {TOKEN}", until=1.5)
    journal.record(EventType.RESULT, ONE, topic="health", report={"seen": [f"\x9b2J{TOKEN}", 3, None, True]})
    journal.transition(
        ONE, StepState.FAILED, error={"operation": "x", "observed": f"\x1b[31m{TOKEN}", "exit_code": None}
    ).result()
    wait, result, failed = (event.data for event in reader.events(after=1))
    assert wait == {"what": "wait", "seen": "token ***", "until": 1.5}
    assert result["report"] == {"seen": ["***", 3, None, True]}
    assert failed == {"state": "failed", "error": {"operation": "x", "observed": "***", "exit_code": None}}


def test_no_secret_is_anywhere_in_the_files(journal: Journal, journal_path: Path) -> None:
    journal.begin(RunKind.INSTALL, [ONE], {"odd": TOKEN})
    journal.log(ONE, f"token {TOKEN}")
    journal.transition(ONE, StepState.DONE, how="observed", seen=f"token {TOKEN}").result()
    files = list(journal_path.parent.iterdir())
    assert any(file.name.endswith("-wal") for file in files)
    assert not any(TOKEN.encode() in file.read_bytes() for file in files)


def test_only_the_newest_lines_of_each_machine_are_kept(journal_path: Path, reader: Reader) -> None:
    with Journal(journal_path, lines_per_machine=100) as journal:
        begin(journal)
        journal.log(TWO, "quiet")
        for number in range(1000):
            journal.log(ONE, f"line {number}")
            if number % 50 == 0:
                journal.transition(ONE, StepState.APPLYING).result()
    kept = texts(reader, "demo-worker-1", limit=1000)
    assert 100 <= len(kept) <= 110
    assert kept[-1] == "line 999"
    assert texts(reader, "demo-worker-2") == ["quiet"]


def test_the_bound_holds_across_runs(journal_path: Path, reader: Reader) -> None:
    for _ in range(4):
        with Journal(journal_path, lines_per_machine=100) as journal:
            begin(journal)
            journal.log(ONE, "\n".join(f"line {number}" for number in range(60)))
    assert len(texts(reader)) <= 110


def test_ten_thousand_lines_from_a_thousand_machines_are_all_there(journal: Journal, reader: Reader) -> None:
    steps = [fake_step(Effects(), f"prepare/{number}", machine=f"demo-worker-{number}") for number in range(1000)]
    journal.begin(RunKind.INSTALL, steps, {})
    for number in range(10):
        for step in steps:
            journal.log(step, f"Unpacking package {number} ...")
    journal.transition(steps[0], StepState.DONE).result()
    assert len(reader.logs(limit=20_000)) == 10_000
    assert texts(reader, "demo-worker-7", limit=2) == ["Unpacking package 8 ...", "Unpacking package 9 ..."]


def test_logs_are_the_newest_lines_after_a_sequence_number_oldest_first(journal: Journal, reader: Reader) -> None:
    begin(journal)
    journal.log(ONE, "a\nb\nc")
    journal.log(TWO, "d")
    journal.transition(ONE, StepState.DONE).result()
    assert texts(reader, limit=2) == ["c", "d"]
    assert texts(reader, after=reader.logs()[2].seq) == ["d"]
    assert [line.text for line in reader.tail("demo-worker-1", 2)] == ["b", "c"]
    assert [line.text for line in reader.tail(None, 1)] == ["d"]


def test_what_is_new_comes_in_the_order_in_which_it_was_recorded_page_by_page(journal: Journal, reader: Reader) -> None:
    begin(journal)
    for number in range(7):
        journal.log(ONE, f"line {number}")
        journal.record(EventType.STAGE, ONE, number=number + 1, of=7, title="t")
    journal.end(Outcome.DONE, ExitCode.DONE)
    found: list[Event | LogLine] = []
    event = line = 0
    while new := reader.news(1, event, line, limit=3):
        found += new
        event = next((item.seq for item in reversed(new) if isinstance(item, Event)), event)
        line = next((item.seq for item in reversed(new) if isinstance(item, LogLine)), line)
    words = [item.text if isinstance(item, LogLine) else str(item.data.get("number", item.type)) for item in found]
    assert words == ["run-started", *(word for n in range(7) for word in (f"line {n}", str(n + 1))), "run-ended"]


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_a_clock_that_is_set_while_a_run_goes_on_changes_no_order_and_no_duration(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    begin(journal)
    journal.transition(ONE, StepState.APPLYING)
    monkeypatch.setattr(time, "time", lambda: time.clock_gettime(time.CLOCK_REALTIME) + step)
    journal.log(ONE, "later")
    running = Progress.of(reader.steps())
    running.extend(reader.events())
    assert 0 <= running.now() - (running.started or 0) < PATIENCE
    journal.transition(ONE, StepState.DONE, how="applied")
    journal.end(Outcome.DONE, ExitCode.DONE)
    times = [item.at for item in reader.news(1, 0, 0)]
    assert times == sorted(times)
    assert times[-1] - times[0] < PATIENCE
    progress = Progress.of(reader.steps())
    progress.extend(reader.events())
    assert 0 <= progress.steps[ONE.id].duration(0.0) < PATIENCE
    assert (progress.ended or 0) >= (progress.started or 0)


def test_events_of_former_runs_are_trimmed_and_what_each_came_to_stays(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("installer.engine.journal.KEPT_EVENTS", 50)
    for number in range(1, 31):
        begin(journal)
        if number == 1:
            journal.record(EventType.RESULT, ONE, topic="health", report={"verdict": "fail"})
            journal.record(EventType.RESULT, ONE, topic="health", report={"verdict": "pass"})
        for step in (ONE, TWO):
            journal.transition(step, StepState.OBSERVING)
            journal.transition(step, StepState.DONE)
        journal.end(Outcome.DONE, ExitCode.DONE)
    kept = {event.run for event in reader.events()}
    assert kept == {1, *range(22, 31)}, "the newest that fit, and the run with the newest report"
    assert [event.data["topic"] for event in reader.events() if event.run == 1] == ["health"]
    assert reader.result("health") == {"topic": "health", "report": {"verdict": "pass"}}
    assert [run.outcome for run in reader.runs()] == [Outcome.DONE] * 30


def test_a_run_of_many_events_is_kept_until_the_next_has_ended(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("installer.engine.journal.KEPT_EVENTS", 3)
    for _ in range(3):
        begin(journal)
        for _ in range(10):
            journal.transition(ONE, StepState.OBSERVING)
        journal.end(Outcome.DONE, ExitCode.DONE)
    assert {event.run for event in reader.events()} == {2, 3}


def test_the_newest_result_of_a_topic_is_found(journal: Journal, reader: Reader) -> None:
    begin(journal)
    assert reader.result("health") is None
    for verdict in ("fail", "pass"):
        journal.record(EventType.RESULT, ONE, topic="health", report={"verdict": verdict})
    journal.record(EventType.RESULT, ONE, topic="other", report={})
    journal.transition(ONE, StepState.DONE).result()
    assert reader.result("health") == {"topic": "health", "report": {"verdict": "pass"}}


def test_the_directory_and_the_files_are_private(journal: Journal, journal_path: Path) -> None:
    begin(journal)
    assert stat.S_IMODE(journal_path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in journal_path.parent.iterdir()} == {0o600}


def test_what_is_pending_is_written_when_the_journal_closes(journal_path: Path, reader: Reader) -> None:
    with Journal(journal_path) as journal:
        begin(journal)
        journal.log(ONE, "last words")
        journal.record(EventType.STOPPING)
    journal.log(ONE, "too late")
    with pytest.raises(JournalError):
        journal.record(EventType.STOPPING)
    assert texts(reader) == ["last words"]
    assert reader.events()[-1].type is EventType.STOPPING


def test_a_journal_that_is_closed_leaves_no_log_of_writes_beside_it_although_somebody_reads(
    journal_path: Path, reader: Reader
) -> None:
    with Journal(journal_path) as journal:
        journal.begin(RunKind.INSTALL, [ONE, TWO], {})
        assert reader.runs()
    beside = journal_path.with_name(f"{journal_path.name}-wal")
    assert not beside.exists() or not beside.stat().st_size
    assert reader.runs()


def test_a_journal_that_is_not_there_reads_as_empty(reader: Reader, journal_path: Path) -> None:
    assert (reader.steps(), reader.runs(), reader.events(), reader.logs()) == ([], [], [], [])
    assert reader.result("health") is None
    assert not journal_path.exists()


def test_a_reader_follows_a_journal_that_is_made_removed_and_made_again(reader: Reader, journal_path: Path) -> None:
    assert reader.runs() == []
    with Journal(journal_path) as journal:
        begin(journal)
        assert len(reader.runs()) == 1
        for file in journal_path.parent.iterdir():
            file.unlink()
        journal.end(Outcome.DONE, 0)
        assert reader.runs()[-1].outcome is Outcome.DONE, "the end of a destroy stands in a removed file"
    with Journal(journal_path) as journal:
        begin(journal)
        journal.begin(RunKind.DESTROY, [], {})
        assert [run.kind for run in reader.runs()] == [RunKind.INSTALL, RunKind.DESTROY]
    assert len(reader.runs()) == 2


def test_a_reader_in_the_midst_of_reading_does_not_block_the_writer(journal: Journal, journal_path: Path) -> None:
    begin(journal)
    other = sqlite3.connect(f"file:{journal_path}?mode=ro", uri=True)
    other.execute("BEGIN")
    other.execute("SELECT * FROM events").fetchone()
    journal.transition(ONE, StepState.DONE).result(timeout=PATIENCE)
    other.close()


def test_readers_on_many_threads_see_whole_transactions_while_the_engine_writes(
    journal: Journal, reader: Reader
) -> None:
    begin(journal)
    finished = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        seen = 0
        while not finished.is_set():
            events = reader.events(after=seen)
            if [event.seq for event in events] != list(range(seen + 1, seen + 1 + len(events))):
                wrong.append(events)
            seen += len(events)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        journal.transition(ONE, StepState.APPLYING).result()
    finished.set()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("opener", [Journal, lambda path: Reader(path).runs()])
def test_a_journal_of_a_newer_craton_is_refused(journal_path: Path, opener: type[Journal]) -> None:
    Journal(journal_path).close()
    with sqlite3.connect(journal_path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InstallerError, match="has format 99") as raised:
        opener(journal_path)
    assert "newer Craton" in raised.value.hint


@pytest.mark.parametrize("opener", [Journal, lambda path: Reader(path).runs()])
def test_a_file_that_is_no_journal_is_refused(journal_path: Path, opener: type[Journal]) -> None:
    journal_path.parent.mkdir()
    journal_path.write_text("not a database, but long enough to look like one to a careless reader" * 20)
    with pytest.raises(InstallerError, match="open the journal"):
        opener(journal_path)


@pytest.mark.parametrize(
    ("damage", "reads"),
    [
        ("UPDATE runs SET options = '[]'", "runs"),
        ('UPDATE runs SET options = \'{"machines": "all"}\'', "runs"),
        ("UPDATE runs SET kind = 'party'", "runs"),
        ("UPDATE events SET data = '{\"kind\": null}'", "events"),
        ("UPDATE events SET data = '[1]'", "events"),
        ("UPDATE events SET type = 'song'", "events"),
        ('UPDATE events SET data = \'{"kind": "install", "pid": 1, "steps": [], "ticks": []}\'', "events"),
        ("UPDATE steps SET needs = '{}'", "steps"),
        ("UPDATE steps SET state = ''", "steps"),
    ],
)
def test_a_damaged_record_is_an_error_that_names_the_file(
    journal: Journal, reader: Reader, journal_path: Path, damage: str, reads: str
) -> None:
    begin(journal)
    with sqlite3.connect(journal_path) as connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(InstallerError, match=f"read the journal: {journal_path}: a record in it is damaged"):
        getattr(reader, reads)()


def test_a_journal_that_can_not_be_written_says_so_to_whoever_records(journal: Journal, journal_path: Path) -> None:
    begin(journal)
    breaker = sqlite3.connect(journal_path)
    breaker.execute("DROP TABLE events")
    breaker.close()
    with pytest.raises(JournalError, match="no such table"):
        journal.transition(ONE, StepState.APPLYING).result()
    with pytest.raises(JournalError, match="no such table"):
        journal.transition(ONE, StepState.APPLYING)
    journal.log(ONE, "dropped")


def _fill(journal: Journal) -> None:
    for number in range(1000):
        error = {"operation": str(number), "observed": "x" * 500}
        journal.transition(ONE, StepState.FAILED, error=error).result()


def test_a_full_disk_ends_the_writing_and_leaves_the_journal_readable(journal_path: Path, reader: Reader) -> None:
    with Journal(journal_path) as journal:
        begin(journal)
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")  # as a full disk: SQLITE_FULL
        with pytest.raises(JournalError, match="full") as raised:
            _fill(journal)
        assert "Make space" in raised.value.hint
        assert reader.runs()[0].outcome is None
    set_aside(journal_path)
    with Journal(journal_path) as journal:
        assert begin(journal) == 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_part_of_a_journal_is_refused_before_anything_is_done_and_set_aside_whole(
    journal_path: Path, share: float
) -> None:
    with Journal(journal_path) as journal:
        begin(journal)
        for number in range(300):
            journal.log(ONE, f"line {number}" * 20)
    whole = journal_path.read_bytes()
    journal_path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InstallerError, match="is damaged") as raised:
        Journal(journal_path)
    assert f"craton destroy {journal_path.parent.name}" in raised.value.hint
    assert [set_aside(journal_path), set_aside(journal_path)] == [journal_path.with_name("journal.db.broken-1"), None]
