"""The process that asks accounts for suggestions and prices: requests come in, answers go out, one JSON line each.

Clouds' libraries take seconds to load, and no screen may wait for that: only this process and the engine's have them.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import IO, Any

from installer.common.errors import InstallerError
from installer.plan.suggestions import Suggestions

AT_ONCE = 6
"""Requests that are worked on side by side."""


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The suggestions, or the costs, that were asked for; what went wrong is among the answer's fields."""
    try:
        if "plan" in asked:
            return {"costs": _costs(asked["plan"])}
        return asdict(_suggestions(asked))
    except InstallerError as error:
        return {"problem": f"{error.observed}. {error.hint}".strip()}
    except Exception as error:  # whatever a library raises, the page has to be told
        return {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}. Please report this bug."}


def _suggestions(asked: Mapping[str, Any]) -> Suggestions:
    from installer.platforms import suggestions

    given = {name: tuple(value) if isinstance(value, list) else value for name, value in asked["answers"].items()}
    return suggestions(asked["platform"], asked["field"], given)


def _costs(plan: Mapping[str, Any]) -> str:
    from installer.plan.model import InstallPlan
    from installer.platforms.planning import account_costs

    return account_costs(InstallPlan.model_validate(plan))


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Until `requests` ends, which it does with whoever asked. Answers come in any order, by the request's id."""
    writing = threading.Lock()

    def work(asked: Mapping[str, Any]) -> None:
        line = json.dumps({"id": asked["id"], **answer(asked)})
        with writing:
            answers.write(f"{line}\n")
            answers.flush()

    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="account")
    for line in requests:
        pool.submit(work, json.loads(line))
    pool.shutdown(wait=False, cancel_futures=True)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
