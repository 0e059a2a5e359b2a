"""The upper stages, in one round trip: the login shell, sudo, and the system that runs there."""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.systems import TESTED_TEXT, Support, support
from installer.ssh.connection import Connection, Result
from installer.ssh.diagnosis import Errand, OnStage, passed

_SPECIAL = re.compile(r"[\\@!=:,()]")
"""The characters that sudoers(5) wants escaped in a name."""

_FLOOD = 2000
"""Lines after which a shell is not listened to any more: the script below prints some thirty."""

_SCRIPT = """\
export LC_ALL=C
mark() { printf '\\n%s %s\\n' NONCE "$*"; }
printf '%s begin\\n' NONCE
mark shell; printf '%s' "$SHELL"
mark user; id -u
mark sudo; if command -v sudo; then sudo -n true </dev/null 2>&1; allowed=$?; mark allowed $allowed; fi
mark kernel; uname -sm
mark system; cat /etc/os-release </dev/null 2>/dev/null || cat /usr/lib/os-release </dev/null 2>/dev/null
ERRANDmark end
"""
_ERRAND = """\
if [ "$(id -u)" = 0 ]; then sudo='' allowed=0; else sudo='sudo -n'; fi
if [ "$allowed" = 0 ]; then
mark errand; $sudo sh -s <<'NONCE script'
SCRIPT
NONCE script
fi
"""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the script printed, by mark, and what was printed before and after it."""

    sections: dict[str, str]
    noise: str


def examine(
    machine: str,
    connection: Connection,
    user: str,
    deadline: Deadline,
    on_stage: OnStage,
    errand: Errand | None = None,
) -> None:
    """Try the stages shell, sudo and system; `on_stage` hears of each that holds. Raises InstallerError.

    `errand` is run in the same round trip, if it may be.
    """
    nonce = secrets.token_hex(8)
    heard: list[str] = []
    on_errand = False

    def hear(line: str) -> None:
        nonlocal on_errand
        if errand and on_errand:
            errand.hear(line)
            return
        if len(heard) == _FLOOD:
            raise _noisy(machine, user, line)
        heard.append(line)
        on_errand = line == f"{nonce} errand"

    if errand:
        errand.begin()
    try:
        text = script(nonce, errand.script if errand else "")
        result = connection.run("sh -s", stdin=text, deadline=deadline.patience, on_line=hear)
    except InstallerError:
        if not on_errand:
            raise
        result = Result(0, "\n".join([*heard, f"{nonce} end"]), "")  # the stages hold even if the errand fails
    answer = _parse(result.stdout, nonce)
    on_stage(passed("shell", _shell(machine, user, result, answer)))
    assert answer is not None
    on_stage(passed("sudo", _sudo(machine, user, answer.sections)))
    on_stage(passed("system", _system(machine, answer.sections)))
    if errand and (output := answer.sections.get("errand")):
        errand.end(output)


def script(nonce: str, errand: str = "") -> str:
    """What a machine runs, with the script of an errand: each part of the answer begins with a line `NONCE NAME`."""
    return _SCRIPT.replace("ERRAND", _ERRAND if errand else "").replace("NONCE", nonce).replace("SCRIPT", errand)


def _parse(stdout: str, nonce: str) -> _Said | None:
    before, begun, rest = stdout.partition(f"{nonce} begin\n")
    if not begun:
        return None
    sections: dict[str, str] = {}
    for part in rest.split(f"\n{nonce} ")[1:]:
        name, _, text = part.partition("\n")
        sections[name] = text.strip()
    return _Said(sections, before.strip() or sections.get("end", ""))


def _shell(machine: str, user: str, result: Result, answer: _Said | None) -> str:
    if answer is None:
        raise _no_shell(machine, user, result)
    if answer.noise:
        raise _noisy(machine, user, answer.noise.splitlines()[0])
    if "end" not in answer.sections:
        raise InstallerError(
            "run a command",
            f"a script was cut off with exit status {result.status}: {_last(result)}",
            machine=machine,
            hint=f"try `sh -s` in a session of {user}'s on the machine",
        )
    return f"{answer.sections.get('shell') or 'the login shell'} runs sh"


def _noisy(machine: str, user: str, line: str) -> InstallerError:
    return InstallerError(
        "run a command",
        f"the login shell prints text of its own, where a command's output belongs: {line.strip()[:80]!r}",
        machine=machine,
        hint=f"let the start files of {user}'s shell (.bashrc, .profile, .cshrc) print nothing unless the shell is "
        "interactive",
    )


def _no_shell(machine: str, user: str, result: Result) -> InstallerError:
    printed = (result.stdout.strip() or result.stderr.strip()).splitlines()
    if printed and "not available" not in printed[0]:
        return InstallerError(
            "run a command",
            f"the server ran something else than the command: exit status {result.status}, {printed[0][:80]!r}",
            machine=machine,
            hint=f"for user {user}, let sshd_config set no ForceCommand, authorized_keys no command=, "
            "and the login shell find sh in PATH",
        )
    seen = repr(printed[0][:80]) if printed else "nothing"
    return InstallerError(
        "run a command",
        f"the login shell runs no command: exit status {result.status}, it printed {seen}",
        machine=machine,
        hint=f"give {user} a login shell (chsh -s /bin/sh {user}) in place of nologin or false",
    )


def _sudo(machine: str, user: str, sections: dict[str, str]) -> str:
    if sections.get("user") == "0":
        return "root needs none"
    name = _SPECIAL.sub(r"\\\g<0>", user)
    rule = _written(f"{name} ALL=(ALL) NOPASSWD:ALL", "/etc/sudoers.d/craton")
    allowed = next((name for name in sections if name.startswith("allowed ")), None)
    if allowed is None:
        raise _sudo_failure(machine, "sudo is not installed", f"as root: apt install sudo, then {rule}")
    if allowed == "allowed 0":
        return "without a password"
    answer = sections.get("sudo", "").partition("\n")[2].strip() or f"exit status {allowed.split()[1]}, no message"
    if "must have a tty" in answer or "requiretty" in answer:
        remedy = _written(f"Defaults:{name} !requiretty", "/etc/sudoers.d/craton-tty")
        raise _sudo_failure(machine, "sudo wants a terminal (requiretty)", f"as root: {remedy}")
    if "password" in answer or "authentication is required" in answer:
        raise _sudo_failure(machine, f"sudo asks {user} for a password", f"as root on the machine: {rule}")
    if "not in the sudoers" in answer or "not allowed" in answer or "may not run" in answer:
        raise _sudo_failure(machine, f"sudo refuses {user}: {_line(answer)}", f"as root on the machine: {rule}")
    raise _sudo_failure(machine, f"sudo fails: {_line(answer)}", "fix sudo on the machine: `sudo -n true` must succeed")


def _written(line: str, path: str) -> str:
    """A command that writes a line to a file. What `echo` makes of a backslash depends on the shell."""
    program = r"printf '%s\n'" if "\\" in line else "echo"
    return f"{program} {shlex.quote(line)} > {path}"


def _sudo_failure(machine: str, seen: str, hint: str) -> InstallerError:
    return InstallerError("use sudo", seen, machine=machine, hint=hint)


def _system(machine: str, sections: dict[str, str]) -> str:
    kernel, _, architecture = sections.get("kernel", "").partition(" ")
    release = _os_release(sections.get("system", ""))
    id, version = release.get("ID", ""), release.get("VERSION_ID", "")
    name = release.get("PRETTY_NAME") or release.get("NAME") or kernel or "a system that does not say its name"
    found = support(id, version, release.get("ID_LIKE", "").split()) if kernel == "Linux" else Support.NONE
    if found is not Support.NONE:
        return f"{name}, {architecture}{': Craton is not tested on it' if found is Support.UNTESTED else ''}"
    raise InstallerError(
        "check the system",
        f"{name} is not supported",
        machine=machine,
        hint=f"install {TESTED_TEXT} on the machine",
    )


def _os_release(text: str) -> dict[str, str]:
    """Values by name; quoted as in sh (os-release(5)). Lines that are not are passed over."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        if equals and words:
            found[name.strip()] = " ".join(words)
    return found


def _line(text: str) -> str:
    return text.splitlines()[0][:200]


def _last(result: Result) -> str:
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    return lines[-1][:200] if lines else "no message"
