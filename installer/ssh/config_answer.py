"""What OpenSSH makes of ~/.ssh/config for one host, asked with `ssh -G`, and the keys and paths that it names."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.homes import account_name, expanded_by_ssh, ssh_home
from installer.common.sanitise import clean
from installer.ssh.endpoint import Credentials
from installer.ssh.host_keys.exchange import missing

OPERATION = "read ~/.ssh/config"
_REFUSED = "Correct ~/.ssh/config; `ssh -G HOST` shows what OpenSSH reads."
_NO_ACCOUNT = (
    "OpenSSH only runs for users who have an account: add one for your user id (in a container, to /etc/passwd), "
    "or run Craton as a user who has one."
)
_SECONDS = 15.0
"""Seconds for one `ssh -G`; a `Match exec` of the user's may take its time."""

_STDIN = "/dev/stdin"
_READ = re.compile(rb"^debug1: Reading configuration data (.*?)\r?$", re.MULTILINE)

Answer = Mapping[str, tuple[str, ...]]
"""What `ssh -G` says: values by lower-case keyword."""


def ask(name: str, arguments: Sequence[str], config: str) -> Answer:
    """What OpenSSH makes of the configuration for one host. Raises InstallerError if it can't be asked, or refuses."""
    return _answer(_run(name, arguments, config))


def read_files(name: str, arguments: Sequence[str], config: str) -> tuple[Answer, tuple[str, ...] | None]:
    """As `ask`, and the files that were read besides `config`; None if OpenSSH doesn't say."""
    done = _run(name, ("-v", *arguments), config)
    files = [os.fsdecode(file) for file in _READ.findall(done.stderr)]
    if _STDIN not in files:
        return _answer(done), None
    return _answer(done), tuple(file for file in files if file != _STDIN)


def _run(name: str, arguments: Sequence[str], config: str) -> subprocess.CompletedProcess[bytes]:
    argv = ["ssh", "-T", "-G", "-F", _STDIN, *arguments, "--", name]
    try:
        done = subprocess.run(argv, input=os.fsencode(config), capture_output=True, timeout=_SECONDS, check=False)
    except FileNotFoundError:
        raise missing(OPERATION) from None
    except subprocess.TimeoutExpired:
        raise InstallerError(
            OPERATION,
            f"`ssh -G {name}` did not end within {_SECONDS:.0f} s",
            hint="a Match exec in ~/.ssh/config may hang: try `ssh -G` yourself",
        ) from None
    if done.returncode != 0:
        told = clean(os.fsdecode(done.stderr)).strip().splitlines()
        lines = [line for line in told if not line.startswith(("debug1: ", "OpenSSH_"))] or ["no message"]
        seen = f"`ssh -G {name}` ended with exit status {done.returncode}: {lines[0]}"
        raise InstallerError(OPERATION, seen, hint=_REFUSED if account_name() else _NO_ACCOUNT)
    return done


def _answer(done: subprocess.CompletedProcess[bytes]) -> Answer:
    answer: dict[str, tuple[str, ...]] = {}
    # Names of files are bytes, of which not all are text: the very file is to be found again.
    for line in os.fsdecode(done.stdout).split("\n"):
        keyword, _, value = line.partition(" ")
        answer[keyword] = (*answer.get(keyword, ()), value)
    return answer


def first(answer: Answer, keyword: str) -> str:
    """The first value of a keyword; empty if there is none."""
    return answer.get(keyword, ("",))[0]


def credentials(answer: Answer, expand: Mapping[str, str]) -> Credentials:
    """The keys and the agent that the answer names; `expand` is what `tokens` returned."""
    return Credentials(
        keys=tuple(_path(file, expand) for file in answer.get("identityfile", ()) if file != "none"),
        certificates=tuple(_path(file, expand) for file in answer.get("certificatefile", ()) if file != "none"),
        agent=_agent(first(answer, "identityagent"), expand),
        only=first(answer, "identitiesonly") == "yes",
    )


def host_key_files(answer: Answer) -> tuple[Path, ...] | None:
    """The files in which OpenSSH looks for host keys; None if it looks elsewhere too, or if a name isn't plain."""
    if any(first(answer, keyword) not in ("", "none") for keyword in ("revokedhostkeys", "knownhostscommand")):
        return None
    names = f"{first(answer, 'userknownhostsfile')} {first(answer, 'globalknownhostsfile')}"
    if re.search(r"[^\w./~ +@-]", names):  # quoted, or with tokens such as %h
        return None
    return tuple(expanded_by_ssh(name) for name in names.split() if name != "none")


def _agent(value: str, expand: Mapping[str, str]) -> str | None:
    if value == "none":
        return None
    if value in ("", "SSH_AUTH_SOCK"):
        return os.environ.get("SSH_AUTH_SOCK") or None
    if value.startswith("$") and not value.startswith("${"):
        return os.environ.get(value[1:]) or None
    return str(_path(value, expand))


def tokens(name: str, answer: Answer) -> Mapping[str, str]:
    """ssh_config(5), TOKENS: those that paths may hold."""
    here = socket.gethostname()
    return {
        "%": "%",
        "d": str(ssh_home()),
        "h": first(answer, "hostname"),
        "i": str(os.getuid()),
        "k": first(answer, "hostkeyalias") or name,
        "L": here.partition(".")[0],
        "l": here,
        "n": name,
        "p": first(answer, "port"),
        "r": first(answer, "user"),
        "u": account_name() or str(os.getuid()),
    }


def _path(text: str, expand: Mapping[str, str]) -> Path:
    """A path whose `~`, `%x` and `${NAME}` expand as in OpenSSH."""
    text = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), text)
    text = re.sub(r"%(.)", lambda found: expand.get(found[1], found[0]), text)
    return expanded_by_ssh(text)
