"""Trials of machines that are not there: how far each is reached is said by its address."""

from __future__ import annotations

from dataclasses import replace

from installer.operations.login.connection_tests import Notify, State, Trial
from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh.diagnosis import STAGES, Stage, passed

SEEN = {
    "connect": "{address}:22",
    "banner": "SSH-2.0-OpenSSH_10.0p2 Debian-7",
    "host key": "~/.ssh/known_hosts line 12",
    "log in": "ada with SHA256:r4Bb0uqWm2oZ ada@laptop (agent)",
    "shell": "bash",
    "sudo": "without a password",
    "system": "Debian 13",
}
REFUSED = (
    "ada was refused with SHA256:r4Bb0uqWm2oZ ada@laptop (agent)",
    "add the key to ~/.ssh/authorized_keys there, or name another with key=",
)
UNKNOWN = (
    "the host key SHA256:Vt8mH1sYc3k9 (ssh-ed25519) is not known",
    "Compare it with what `ssh-keygen -lf` says of the .pub files in /etc/ssh on the machine.",
)


class FakeConnectionTester:
    """Reaches every machine but those in `ends`: by address, the stage that fails, what is seen, the remedy."""

    def __init__(self, ends: dict[str, tuple[str, str, str]] | None = None) -> None:
        self.ends = ends or {}
        self.tried: list[str] = []

    def __call__(self, host: Host, ssh: SSH, notify: Notify) -> Trial:
        again = host.address in self.tried
        self.tried.append(host.address)
        trial = Trial(State.CONNECTING, user=host.user or ssh.user, port=host.port or ssh.port)
        held: list[Stage] = []
        for stage in STAGES:
            if not again and host.address in self.ends and self.ends[host.address][0] == stage.id:
                return self._ended(trial, held, stage, *self.ends[host.address][1:])
            held.append(passed(stage.id, self._seen(host, stage.id)))
            trial = replace(trial, stages=(*held, *STAGES[len(held) :]))
            notify(trial)
        return replace(trial, state=State.READY)

    def close(self) -> None: ...

    @staticmethod
    def _seen(host: Host, id: str) -> str:
        if id == "resolve":
            return host.address if host.address[0].isdigit() else "10.0.0.16"
        return SEEN[id].format(address=host.address)

    @staticmethod
    def _ended(trial: Trial, held: list[Stage], stage: Stage, seen: str, remedy: str) -> Trial:
        asks = f"new host key {seen.split()[3]}" if stage.id == "host key" else ""
        if seen == "...":
            return replace(trial, stages=(*held, *STAGES[len(held) :]))  # still under way
        failed = replace(stage, verdict="failed", seen=seen, remedy=remedy)
        stages = (*held, failed, *STAGES[len(held) + 1 :])
        return replace(trial, state=State.ASKS if asks else State.FAILED, stages=stages, asks=asks)
