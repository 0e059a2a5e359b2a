"""A process in which stories of killed engines play (`tests/bench/crash_story.py` and those like it)."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection

from tests.bench.crash_story import Outcome
from tests.patience import PATIENCE


class Player:
    """A process of its own that plays one story after the other: what it imports takes longer than most of them."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._stories, theirs = context.Pipe()
        self._process = context.Process(target=_play_all, args=(theirs,))
        self._process.start()
        theirs.close()

    def play(self, story: partial[Outcome], patience: float = PATIENCE) -> Outcome:
        self._stories.send(story)
        assert self._stories.poll(patience), "the story comes to no end"
        found: Outcome = self._stories.recv()
        return found

    def close(self) -> None:
        self._stories.close()
        self._process.join(PATIENCE)
        self._process.kill()


def _play_all(stories: Connection) -> None:
    with suppress(EOFError):
        while True:
            story = stories.recv()
            stories.send(story())


@contextmanager
def story_player() -> Iterator[Player]:
    player = Player()
    try:
        yield player
    finally:
        player.close()
