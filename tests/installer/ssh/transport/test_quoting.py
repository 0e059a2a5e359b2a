"""A command means the same to every login shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from installer.ssh.transport.quoting import for_any_shell
from tests.needs import tool

SHELLS = ("sh", "dash", "bash", "zsh", "csh", "tcsh", "fish")
COMMANDS = (
    "echo plain words",
    "printf '%s\\n' 'it'\"'\"'s' \"a!b\" '\\\\' '\\'",
    "echo '!!' !x '!'",
    "printf 'ä%%\\n\\tx'\necho two lines\n",
    "echo `echo hi` $((1+2)) {a,b} *.nosuch ^x ?(y) 2>&1",
    "for i in 1 '2 3'; do echo \"$i\" | tr 2 4; done # comment",
    "echo \"'\" '\"' '\"'\"'\"'",
    "exit 3",
    "cat; echo $?",
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("shell", [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in SHELLS])
def test_every_shell_runs_a_command_as_sh_does(shell: str, command: str, tmp_path: Path) -> None:
    path = tool(shell)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(argv: list[str]) -> tuple[int, bytes]:
        done = subprocess.run(argv, input=b"input\n", capture_output=True, env=environment, cwd=tmp_path)
        return done.returncode, done.stdout

    assert run([path, "-c", for_any_shell(command)]) == run(["sh", "-c", command])


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_line_of_printable_characters(command: str) -> None:
    assert for_any_shell(command).isascii()
    assert for_any_shell(command).isprintable()


@pytest.mark.parametrize("command", ["sh -s", "sudo -n craton-node label node demo-1 a.b/c=d --overwrite"])
def test_words_that_mean_themselves_stay_as_they_are(command: str) -> None:
    assert for_any_shell(command) == command
