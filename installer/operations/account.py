"""Questions to an account while the wizard or a review is open: asked in a process of their own, waited for by nobody.

The process starts with the first question and ends with whoever asked it.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from installer.common import json_reader
from installer.common.sanitise import clean
from installer.common.shape import shaped
from installer.plan.model import InstallPlan
from installer.plan.question import Answers
from installer.plan.suggestions import Depends, Suggestion, Suggestions, key

SECONDS = 40.0
"""After which an account that hasn't answered is slow, and the page says so."""
_AGAIN = "Coming back to this page asks again."
_ENDED = "The process that asks the account has ended. You can type the answer all the same."
_SHAPE = {"id": int, "found": [{"value": str, "detail": str}], "source": str, "problem": str, "several": bool,
          "costs": str}  # fmt: skip
_Key = tuple[str, str, tuple[object, ...]]


Heard = Callable[[Mapping[str, Any]], None]
"""Is told the answer to a request, once and on any thread; it has a `problem` where nothing can be had."""


class AccountProcess:
    """The process, and the requests that it has not answered yet. Its methods wait for nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._waiting: dict[int, tuple[Heard, threading.Timer]] = {}
        self._asked = 0

    def __call__(self, request: Mapping[str, Any], heard: Heard) -> None:
        """Send a request; `heard` gets the answer."""
        with self._lock:
            self._asked += 1
            number = self._asked
            timer = threading.Timer(SECONDS, self._hear, [{"id": number, "problem": f"No answer in {SECONDS:.0f} s."}])
            timer.daemon = True
            self._waiting[number] = (heard, timer)
            timer.start()
            try:
                process = self._running()
                assert process.stdin is not None
                process.stdin.write(json.dumps({"id": number, **request}) + "\n")
                process.stdin.flush()
                return
            except OSError:  # it has ended: with the next question comes the next process
                self._process = None
        self._hear({"id": number, "problem": _ENDED})

    def close(self) -> None:
        """End the process. Whoever waits is told nothing any more."""
        with self._lock:
            for _, timer in self._waiting.values():
                timer.cancel()
            self._waiting.clear()
            process, self._process = self._process, None
        if process:
            process.kill()  # it changes nothing: there is nothing to finish

    def _running(self) -> subprocess.Popen[str]:
        """The process, started if there is none. The lock is held."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "installer.operations.account_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONSAFEPATH": "1"},
                start_new_session=True,  # ctrl+c in the terminal is not for it
            )
            threading.Thread(target=self._listen, args=(self._process,), name="account", daemon=True).start()
        return self._process

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """Hand answers on until the process has ended; then whoever still waits is told so."""
        assert process.stdout is not None
        for line in process.stdout:
            if found := read(line):
                self._hear(found)
        process.wait()
        with self._lock:
            left = list(self._waiting) if self._process is process else []
            self._process = None if self._process is process else self._process
        for number in left:
            self._hear({"id": number, "problem": _ENDED})

    def _hear(self, answer: Mapping[str, Any]) -> None:
        with self._lock:
            found = self._waiting.pop(answer["id"], None)
        if found:
            heard, timer = found
            timer.cancel()
            heard(answer)


def read(line: str) -> Mapping[str, Any] | None:
    """An answer of the process, without control characters; None if it is none."""
    try:
        found: dict[str, Any] = shaped(json_reader.parse(line), _SHAPE)
        return {**_cleaned(found), "id": found["id"]}
    except (ValueError, KeyError):
        return None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    return {name: _cleaned(one) for name, one in value.items()} if isinstance(value, dict) else value


class AccountSuggestions:
    """What accounts suggest, each look-up asked for once. `notify` is called, on any thread, when one has come."""

    def __init__(self, notify: Callable[[], None]) -> None:
        self._notify = notify
        self._ask = AccountProcess()
        self._lock = threading.Lock()
        self._known: dict[_Key, Suggestions] = {}

    def want(
        self, platform: str, fields: Iterable[str], depends: Depends, answers: Answers, *, again: bool = False
    ) -> None:
        """Ask for the suggestions of these fields, unless that was done before with the same answers.

        What couldn't be had is asked for `again` if told so: somebody may have signed in since.
        """
        for field in fields:
            wanted = key(platform, field, depends, answers)
            with self._lock:
                known = self._known.get(wanted)
                if known and (known.waiting or not (again and known.problem)):
                    continue
                self._known[wanted] = Suggestions(waiting=True)
            given = {name: answers[name] for name in depends[field] if name in answers}
            request = {"platform": platform, "field": field, "answers": given}
            self._ask(request, lambda answer, wanted=wanted: self._heard(wanted, answer))  # type: ignore[misc]

    def of(self, platform: str, field: str, depends: Depends, answers: Answers) -> Suggestions | None:
        """What is known by now; None if nobody asked."""
        with self._lock:
            return self._known.get(key(platform, field, depends, answers))

    def close(self) -> None:
        """Ask nothing more."""
        self._ask.close()

    def _heard(self, wanted: _Key, answer: Mapping[str, Any]) -> None:
        found = tuple(Suggestion(one["value"], one.get("detail", "")) for one in answer.get("found", ()))
        problem = f"{answer['problem'].rstrip('.')}. {_AGAIN}" if answer.get("problem") else ""
        with self._lock:
            self._known[wanted] = Suggestions(
                found, answer.get("source", ""), problem, several=answer.get("several", False)
            )
        self._notify()


def ask_costs(plan: InstallPlan, ask: AccountProcess, heard: Callable[[str], None]) -> None:
    """Ask the account what the plan's machines cost; `heard` gets a sentence, also where nobody can know."""

    def read_costs(answer: Mapping[str, Any]) -> None:
        if costs := answer.get("costs", ""):
            heard(f"{costs}; {plan.traits.cost} until you destroy the cluster")
        else:
            heard(f"unknown: {answer.get('problem', 'no answer')} {plan.traits.prices} works it out.")

    ask({"plan": plan.model_dump(mode="json")}, read_costs)


def costs(plan: InstallPlan) -> str:
    """As `ask_costs`; waits for the answer, for SECONDS at most."""
    process, answers = AccountProcess(), queue.SimpleQueue[str]()
    try:
        ask_costs(plan, process, answers.put)
        return answers.get(timeout=2 * SECONDS)
    finally:
        process.close()
