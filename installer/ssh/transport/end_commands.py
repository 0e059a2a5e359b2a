"""Ending whatever a connection's commands still do on the machine: first asked (SIGTERM), then killed.

A session that is closed ends no command which prints nothing, and sshd passes no signal on to processes of root
(RFC 4254, 6.9 is optional). So a command of its own does it: sshd gives every session of a connection the same
SSH_CONNECTION and a process group, in which sudo runs what it was given, or to which it passes signals on.
"""

from __future__ import annotations

import paramiko

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.ssh.transport.command import Session
from installer.ssh.transport.output import Output

_SCRIPT = r"""
group_of() {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 3
}
own=$(group_of $$)
found=
for entry in $(grep -lzxF "SSH_CONNECTION=$1" /proc/[0-9]*/environ 2>/dev/null); do
    pid=${entry#/proc/}
    pid=${pid%/environ}
    [ "$pid" != "$own" ] && [ "$(group_of "$pid")" = "$pid" ] && found="$found -$pid"
done
[ -n "$found" ] || exit 0
kill -s TERM -- $found 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -s 0 -- $found 2>/dev/null || exit 0
    sleep 0.2
done
kill -s KILL -- $found 2>/dev/null
exit 0
"""


def end_commands(machine: str, transport: paramiko.Transport, user: str, seconds: float) -> None:
    """End the commands of a connection, with all that they started, within so many seconds.

    Raises InstallerError, TimeoutError, OSError.
    """
    sudo = "" if user == "root" else "sudo -n "
    session = Session(machine, _SCRIPT, Deadline(seconds), Output(), Output())
    try:
        result = session.run(transport, f'{sudo}sh -s "$SSH_CONNECTION"')
    finally:
        session.close()
    if result.status != 0:
        raise InstallerError("end commands", result.stderr.strip() or f"exit status {result.status}", machine=machine)
