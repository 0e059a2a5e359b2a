"""A journal that is lost, damaged or of a newer Craton: every command says so, and what needs no journal works."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.craton import Craton
from tests.doubles.installed import Installed

SPEED = ("--speed", "100")


def half(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])


def rubbish(journal: Path) -> None:
    journal.write_bytes(b"not a journal" * 1000)


def newer(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA user_version = 99")


DAMAGES: dict[Callable[[Path], None], str] = {
    half: "is damaged", rubbish: "is damaged", newer: "has format 99; this Craton reads format 1",
}  # fmt: skip


def test_every_command_says_what_is_wrong_with_the_journal_and_what_needs_none_works(
    craton: Craton, installed: Installed
) -> None:
    path = installed(masters=1, workers=1)
    journal = craton.home / "clusters" / "demo" / "journal.db"
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    saved = journal.read_bytes()
    for damage, words in DAMAGES.items():
        journal.write_bytes(saved)
        damage(journal)
        listed = craton.cluster()
        assert listed["state"] == "unreadable", damage
        assert listed["machines"] == 3
        assert words in listed["trouble"]
        assert "craton destroy demo" in craton.run("list").stdout
        for command in (("resume", "demo"), ("apply", str(path))):
            refused = craton.run(*command, "--yes", "--plain", *SPEED, expect=2)
            assert words in refused.stderr, command
            assert "`craton check` and `craton destroy demo` work without the journal" in refused.stderr
    craton.run("check", "demo", "--plain")

    done = craton.run("destroy", "demo", "--yes", "--plain", *SPEED)
    assert "is destroyed" in done.stdout
    assert not journal.parent.exists()


def test_a_cluster_whose_journal_is_lost_is_listed_and_resumed_and_an_engine_that_is_killed_is_said_to_be(
    craton: Craton,
) -> None:
    plan, killed = craton.plan(masters=1, workers=1), craton.signalled(signal.SIGKILL, 1)
    told = killed.run("apply", str(plan), "--yes", "--plain", *SPEED, expect=8).stderr
    assert "was killed by signal 9 (SIGKILL)" in told
    assert "craton resume demo" in told
    directory = craton.home / "clusters" / "demo"
    watched = craton.run("watch", "demo", "--plain", expect=8)
    assert "was killed, most likely by signal 9 (SIGKILL)" in watched.stderr

    for file in directory.glob("journal.db*"):
        file.unlink()
    listed = craton.cluster()
    assert (listed["state"], listed["trouble"][:19]) == ("unknown", "Its journal is lost")
    craton.run("resume", "demo", "--yes", "--plain", *SPEED)
    assert craton.cluster()["state"] == "installed"
