"""From a verb that failed to the one explanation that says most, in the order in which they are asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from installer.cluster.diagnosis import clock, images, known, preflight, static
from installer.cluster.diagnosis.transcript import Transcript, read
from installer.common.errors import InstallerError
from installer.common.scrub import safe
from installer.node.program import Explain
from installer.plan.model import InstallPlan
from installer.ssh.connection import Result

Now = Callable[[], float]
"""This computer's time, in Unix seconds."""
_LONGEST = 1200
"""Letters of an observation: what fits one screen."""


def explain_init(plan: InstallPlan, machine: str, now: Now = time.time) -> Explain:
    """Explains a `craton-node init` on `machine` that failed."""
    table = known.CONFIGURATION
    return _Case(plan, "kubeadm init", machine, machine, table, now).explain


def explain_join(plan: InstallPlan, machine: str, master: str, now: Now = time.time) -> Explain:
    """Explains a `craton-node join` on `machine` that failed; `master` is who invited it.

    A master whose API does not answer is named in place of the machine that asked it.
    """
    table = (*known.JOIN, *known.CONFIGURATION, *known.DISCOVERY)
    return _Case(plan, "kubeadm join", machine, master, table, now).explain


def explain_upgrade(plan: InstallPlan, machine: str, now: Now = time.time) -> Explain:
    """Explains a `craton-node upgrade` on `machine` that failed."""
    table = (*known.UPGRADE, *known.CONFIGURATION)
    return _Case(plan, "kubeadm upgrade", machine, machine, table, now).explain


def explain_images(plan: InstallPlan, machine: str, now: Now = time.time) -> Explain:
    """Explains a `craton-node images bring` on `machine` that failed."""
    return _Case(plan, "bring the images", machine, machine, (), now).explain


@dataclass(frozen=True)
class _Case:
    plan: InstallPlan
    operation: str
    machine: str
    master: str
    table: tuple[known.ErrorPattern, ...]
    now: Now

    def explain(self, result: Result) -> InstallerError | None:
        """None where kubeadm said nothing: it did not run, and the verb's own last line says why."""
        transcript = read(result)
        ahead = clock.skew(transcript.clock, self.now())
        for hypothesis in self._hypotheses(transcript, ahead):
            if hypothesis is not None:
                return hypothesis
        return None

    def _hypotheses(self, transcript: Transcript, ahead: float) -> Iterator[InstallerError | None]:
        """From the most specific to the least."""
        yield self._image(transcript)
        yield self._waiting(transcript)
        yield self._preflight(transcript)
        yield self._certificate_time(transcript, ahead)
        yield self._kubelet(transcript, known_only=True)
        yield self._container(transcript, known_only=True)
        yield self._known(transcript, self.table, ahead)
        yield self._kubelet(transcript, known_only=False)
        yield self._container(transcript, known_only=False)
        yield self._known(transcript, known.CONTROL_PLANE, ahead)
        yield self._unknown(transcript)

    def _image(self, transcript: Transcript) -> InstallerError | None:
        pulls = transcript.pulls or (
            images.of_findings(transcript.findings) if all(one.id == "ImagePull" for one in transcript.findings) else ()
        )
        return self._error(images.observed(pulls), images.hint(pulls)) if pulls else None

    def _waiting(self, transcript: Transcript) -> InstallerError | None:
        """Of a Job or a rollout that doesn't come to its end, the node that lacks its image."""
        if not transcript.waiting:
            return None
        pod = transcript.waiting[0]
        hint = f"`craton resume {self.plan.name}` first brings the images that machines lack; where they can't pull "
        hint += "them, add --artifacts DIR"
        return self._error(images.waiting_words(transcript.waiting), hint, machine=pod.node or self.machine)

    def _preflight(self, transcript: Transcript) -> InstallerError | None:
        if not transcript.findings:
            return None
        return self._error(preflight.observed(transcript.findings), preflight.hint(transcript.findings))

    def _certificate_time(self, transcript: Transcript, ahead: float) -> InstallerError | None:
        """The machine's clock is to blame if it differs from this computer's, else that of who made the certificate."""
        invalid = clock.invalid_certificate(f"{transcript.error}\n{transcript.kubelet}")
        if invalid is None:
            return None
        if transcript.clock is None and (current := clock.seconds(invalid.current)) is not None:
            ahead = clock.skew(int(current), self.now())
        words = f"a certificate of the cluster is not valid at {self.machine}'s time, {invalid.current}: "
        words += f"that is {invalid.side} its {'first' if invalid.side == 'before' else 'last'} moment, {invalid.limit}"
        if ahead:
            words += f"\nthe machine's clock is {clock.in_words(ahead)}"
            return self._error(
                words, f"set the clock of {self.machine}: `timedatectl set-ntp true` (or chrony) on it; then resume"
            )
        hint = (
            f"{self.machine}'s clock agrees with this computer's: the certificate was made with {self.master}'s clock "
        )
        hint += "wrong, or has ended: see `timedatectl` and `kubeadm certs check-expiration` there, and `kubeadm certs "
        return self._error(words, hint + "renew all`; then resume", machine=self.master)

    def _kubelet(self, transcript: Transcript, *, known_only: bool) -> InstallerError | None:
        words = static.kubelet_words(transcript.kubelet) if transcript.kubelet_started else ""
        hint = static.kubelet_hint(words)
        if not words or (known_only and not hint):
            return None
        hint = hint or "`journalctl -u kubelet` on the machine says more (craton gather collects it); then resume"
        return self._error(f"the kubelet does not stay up: {words}", hint)

    def _container(self, transcript: Transcript, *, known_only: bool) -> InstallerError | None:
        ended = static.first_cause(transcript.ended) if transcript.kubelet_started else None
        if ended is None or (known_only and not static.container_hint(ended)):
            return None
        hint = static.container_hint(ended)
        hint = hint or f"see `crictl logs` of {ended.name} on the machine (craton gather collects it); then resume"
        return self._error(static.container_words(ended), hint)

    def _known(
        self, transcript: Transcript, table: tuple[known.ErrorPattern, ...], ahead: float
    ) -> InstallerError | None:
        names = {
            "machine": self.machine,
            "master": self.master,
            "api": self.plan.api_host,
            "release": self.plan.kubernetes,
        }
        found = known.find(transcript.error, table, names) if transcript.error else None
        if found is None:
            return None
        entry, observed, hint = found
        if ahead:
            observed += f"\nthe clock of {self.machine} is {clock.in_words(ahead)}"
        machine = self.master if entry.on_master else self.machine
        return self._error(observed, hint, machine=machine, retryable=entry.retryable)

    def _unknown(self, transcript: Transcript) -> InstallerError | None:
        if not transcript.error:
            return None
        phase = f"phase {transcript.phase}: " if transcript.phase else ""
        words = static.kubelet_words(transcript.kubelet) if transcript.kubelet_started else ""
        kubelet = f"\nthe kubelet's last error: {words}" if words else ""
        hint = "The machine's log has kubeadm's output, and `craton gather` collects those of kubelet and containers. "
        return self._error(f"{phase}{transcript.error}{kubelet}", hint + "Fix it, then resume.")

    def _error(
        self, observed: str, hint: str, *, machine: str | None = None, retryable: bool = False
    ) -> InstallerError:
        shown = safe(observed.strip())  # before it is cut: half of a secret looks like none
        shown = shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
        return InstallerError(self.operation, shown, machine=machine or self.machine, hint=hint, retryable=retryable)
