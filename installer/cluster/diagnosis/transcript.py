"""Kubeadm's output, taken apart: findings, its error, and the evidence that craton-node collected with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from installer.ssh.connection import Result

_FINDING = re.compile(r"^\s*\[ERROR ([^\]\s]+)\]: (.*)$", re.MULTILINE)
_ERROR = re.compile(r"^error: (.*?)(?=^To see the stack trace|^evidence |^craton-node: |\Z)", re.MULTILINE | re.DOTALL)
_PHASE = re.compile(r"error execution (?:run condition for )?phase (\S+): ")
_EVIDENCE = re.compile(r"^evidence (image|waiting|kubelet|container|clock) (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """An error of kubeadm's preflight: its id, such as `Port-6443`, and kubeadm's words."""

    id: str
    words: str


@dataclass(frozen=True, slots=True)
class ImagePull:
    """An image that was not pulled; `source` is the host that was asked, or empty where that is unknown."""

    image: str
    source: str
    words: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pod that waits for an image which its node does not have."""

    image: str
    node: str
    pod: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A static pod's container that ended, its exit status (`?` where unknown) and what it said last."""

    name: str
    status: str
    words: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that a verb which failed said, by what it is about. `error` is kubeadm's own, without its phase's name."""

    findings: tuple[Finding, ...]
    error: str
    phase: str
    pulls: tuple[ImagePull, ...]
    waiting: tuple[Waiting, ...]
    kubelet: str
    ended: tuple[Ended, ...]
    clock: int | None
    """The machine's time, in Unix seconds."""
    kubelet_started: bool
    """Whether kubeadm had come as far as starting the kubelet: what is seen of it before means nothing."""


def read(result: Result) -> Transcript:
    """Never raises, whatever the text is."""
    text = f"{result.stdout}\n{result.stderr}"
    sections: dict[str, list[str]] = {"image": [], "waiting": [], "kubelet": [], "container": [], "clock": []}
    for kind, rest in _EVIDENCE.findall(text):
        sections[kind].append(rest.strip())
    error, phase = _error(text)
    return Transcript(
        findings=tuple(Finding(id_, words.strip()) for id_, words in _FINDING.findall(text)),
        error=error,
        phase=phase,
        pulls=tuple(ImagePull(*_fields(rest)) for rest in sections["image"]),
        waiting=tuple(Waiting(*_fields(rest)) for rest in sections["waiting"]),
        kubelet=next((words for words in reversed(sections["kubelet"]) if words), ""),
        ended=tuple(Ended(*_fields(rest)) for rest in sections["container"]),
        clock=next((int(words) for words in sections["clock"] if re.fullmatch(r"[0-9]{1,12}", words)), None),
        kubelet_started="[kubelet-start] Starting the kubelet" in text,
    )


def _fields(text: str) -> tuple[str, str, str]:
    """The three fields of an evidence line; empty ones where it is too short."""
    first, _, rest = text.partition(" ")
    second, _, words = rest.partition(" ")
    return first, second, words.strip()


def _error(text: str) -> tuple[str, str]:
    """Kubeadm's error and the phase in which it came."""
    found = _ERROR.search(text)
    if found is None:
        return "", ""
    error = found[1].strip()
    phase = _PHASE.match(error)
    return (error[phase.end() :].strip(), phase[1]) if phase else (error, "")
