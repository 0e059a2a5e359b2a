"""What a machine of a worker pool runs once it has fetched its bundle: it prepares itself, and joins when it may.

It goes on until it is a node: whatever fails is said on the console, and tried again. Python's own library alone.
"""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PROGRAM = "/usr/local/sbin/craton-node"
_PAUSE = 15


def enrol(bundle: Mapping[str, str], own: Mapping[str, str], invited: Callable[[], Mapping[str, str]]) -> None:
    """`own` maps placeholders in the bundle's texts to this machine's values; `invited` fetches token and CA's sum."""
    name = own[bundle["node"]]
    _until_done("write the program", lambda: _write(bundle["program"]))
    _until_done("set the host name", lambda: _name(name))
    _until_done("prepare", lambda: _run("prepare", _filled(bundle["configuration"], own)))
    _until_done("join", lambda: _join(bundle, own, invited()))
    _say(f"{name} has joined")


def _join(bundle: Mapping[str, str], own: Mapping[str, str], invitation: Mapping[str, str]) -> None:
    if not invitation["token"]:
        raise RuntimeError("nobody is invited now: `craton resume` lets it join")
    facts = dict(line.partition("=")[::2] for line in _run("status", "").splitlines())
    plain = facts.get("cgroup") != "1" and facts.get("container") != "yes"
    given = {bundle["token"]: invitation["token"], bundle["ca_hash"]: invitation["ca_hash"]}
    _run("join", _filled(bundle["join" if plain else "join_excused"], {**own, **given}))


def _filled(text: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def _write(program: str) -> None:
    new = Path(f"{PROGRAM}.new")
    new.write_text(program)
    new.chmod(0o755)
    new.replace(Path(PROGRAM))


def _name(name: str) -> None:
    subprocess.run(["hostnamectl", "set-hostname", name], check=True)  # noqa: S607 (as PATH has it)
    hosts, line = Path("/etc/hosts"), f"127.0.1.1 {name}\n"
    known = hosts.read_text()
    if line not in known.splitlines(keepends=True):
        hosts.write_text(known + line)


def _run(verb: str, given: str) -> str:
    done = subprocess.run([PROGRAM, verb], input=given, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"craton-node {verb} ended with {done.returncode}: {said}")
    return done.stdout


def _until_done(what: str, attempt: Callable[[], object]) -> None:
    while True:
        try:
            attempt()
        except Exception as error:  # whatever it is, the next attempt may be luckier
            _say(f"can't {what} yet: {error}")
            time.sleep(_PAUSE)
        else:
            return


def _say(words: str) -> None:
    print(f"craton-pool: {words}", flush=True)  # noqa: T201 (cloud-init shows it on the console)
