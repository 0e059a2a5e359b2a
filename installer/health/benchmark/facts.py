"""What the benchmark's probes brought back from one machine, read. Everything raises Unreadable, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

from installer.common import yaml_reader
from installer.health.parsing import brief
from installer.plan.model import InstallPlan
from installer.steps.evidence import Evidence, Unreadable

_FILE = re.compile(r"([0-7]{1,4}) (\S+:\S+) (/.*)")


class File(NamedTuple):
    """A file or directory on the machine: its permissions, and its owner as USER:GROUP."""

    path: str
    mode: int
    owner: str


@dataclass(frozen=True, slots=True)
class Facts:
    plan: InstallPlan
    evidence: Evidence

    def files(self, *patterns: str) -> list[File]:
        """Those of the files that were looked at whose paths match; none if there are none."""
        found = [match for line in self._read("benchmark-files").splitlines() if (match := _FILE.fullmatch(line))]
        files = [File(match[3], int(match[1], 8), match[2]) for match in found]
        return [file for file in files if any(fnmatchcase(file.path, pattern) for pattern in patterns)]

    def flags(self, process: str) -> dict[str, str]:
        """The flags of a process that runs, without their dashes; one without a value is `true`."""
        lines = self._read("benchmark-processes").splitlines()
        arguments = [line.partition(" ")[2] for line in lines if line.startswith(f"{process} ")]
        if not arguments:
            raise Unreadable(f"no {process} runs")
        given = [argument.lstrip("-").partition("=") for argument in arguments if argument.startswith("--")]
        return {name: value if equals else "true" for name, equals, value in given}

    def kubelet(self, path: str) -> object:
        """A setting of the kubelet's configuration by its dotted path, or None where it is not set."""
        value: object = document(self._read("benchmark-kubelet"), "the kubelet's configuration")
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def in_container(self) -> bool:
        return "# in a container\n" in self._read("benchmark-kubelet")

    def policy(self, flag: str) -> Any:
        """The document that a flag of the API server names, or None where it names none."""
        sections = f"\n{self._read('benchmark-policies')}".split("\n#file ")
        found = [text for name, _, text in (section.partition("\n") for section in sections[1:]) if name == flag]
        return document(found[0], flag) if found else None

    def rights(self, kind: str) -> list[str]:
        """`admin`: who may do everything, as KIND/NAME; `group`: the groups of the administrator's kubeconfig."""
        lines = self._read("benchmark-rights").splitlines()
        return sorted({line.partition(" ")[2] for line in lines if line.startswith(f"{kind} ")})

    def output(self, probe: str) -> str:
        """What a probe printed, in short."""
        return brief(self.evidence.output(probe))

    def _read(self, probe: str) -> str:
        output = self.evidence.output(probe)
        if self.evidence.probes[probe].status != 0:
            raise Unreadable(f"the machine didn't say: {brief(output)}")
        return output


def document(text: str, what: str) -> Any:
    """A YAML document, of the kind that a plan may be: without tags and aliases, and not nested without end."""
    found = _read(text)
    if found is None:
        raise Unreadable(f"{what} can't be read: {brief(text)}")
    return found[0]


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[Any] | None:
    """Most machines have the same."""
    found = yaml_reader.read(text)
    return None if found.flaws or found.root is None else (yaml_reader.data(found.root),)
