"""Helm charts of the user's own: fetched as they were reviewed, and rendered by the `helm` of this computer.

A chart may render otherwise each time, such as one that draws a password. What was rendered is kept with the cluster
until the chart, its values or the plan's release of Kubernetes change: looking again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from installer.artifacts.http import Failure, Work, ask, read
from installer.artifacts.kinds import has_namespace
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError
from installer.common.homes import expanded
from installer.common.paths import ClusterDirectory, write_private
from installer.common.scrub import safe
from installer.plan.charts import Chart
from installer.plan.model import InstallPlan

_LARGEST = 16 << 20
"""Bytes of a chart, and of what it renders to."""
_SECONDS = 120.0


def fetched(plan: InstallPlan) -> tuple[Chart, ...]:
    """Charts that are not on this computer already. Stand-ins get none."""
    if plan.traits.stand_ins:
        return ()
    return tuple(each for each in plan.addons.charts if not each.is_local and not each.remove)


def lacking(plan: InstallPlan) -> tuple[Chart, ...]:
    """Those whose sums are not in the plan: nothing renders them."""
    return tuple(each for each in fetched(plan) if each.file not in plan.artifacts.sums)


def sums(plan: InstallPlan, directory: Path | None = None, *, refresh: bool = False) -> dict[str, str]:
    """SHA-256 sums of the archives of all fetched charts, by path; those that the plan has are not read again, unless
    `refresh`. Raises InstallerError (preflight)."""
    known = {} if refresh else plan.artifacts.sums
    return {
        each.file: known.get(each.file) or hashlib.sha256(content(each, plan, directory)).hexdigest()
        for each in fetched(plan)
    }


def content(chart: Chart, plan: InstallPlan, directory: Path | None = None) -> bytes:
    """A fetched chart's archive, whatever its sum: from `directory` (of `--artifacts`) if it is there, else from the
    plan's mirror, else from where the chart is published. Raises InstallerError (preflight)."""
    if directory is not None and (file := directory / chart.file).exists():
        return _bounded(str(file), file.read_bytes())
    if plan.artifacts.mirror:
        url, work = f"{plan.artifacts.mirror}/{chart.file}", Work(Deadline(_SECONDS))
        try:
            return read(lambda headers: ask(url, work, headers), work, largest=_LARGEST)
        except Failure as failure:
            hint = failure.hints("Put the chart there; `helm pull` fetches it.")
            raise _failed(f"GET {url}: {failure.observed}", hint) from None
    with tempfile.TemporaryDirectory(prefix="craton-chart-") as room:
        repository = ["--repo", chart.repository] if chart.repository else []
        _helm("pull", chart.chart, *repository, "--version", str(chart.version), "--destination", room)
        found = list(Path(room).glob("*.tgz"))
        if len(found) != 1:
            raise _failed(f"helm pull {chart.chart} left {len(found)} archives", "Try it by hand.")
        return _bounded(chart.chart, found[0].read_bytes())


def reviewed(chart: Chart, plan: InstallPlan, directory: Path | None = None) -> bytes:
    """A fetched chart's archive as the plan's review saw it. Raises InstallerError (preflight)."""
    archive, sum = content(chart, plan, directory), plan.artifacts.sums.get(chart.file)
    found = hashlib.sha256(archive).hexdigest()
    if found != sum:
        observed = f"{chart.file} has the sum {found}, " + (
            f"not the reviewed {sum}" if sum else "and the plan has none"
        )
        raise _failed(observed, f"Find out why. If it is right, `craton review {plan.name} --refresh` records it.")
    return archive


def collect(plan: InstallPlan, directory: Path) -> None:
    """Bring `directory` to hold the archives of all fetched charts. Raises InstallerError."""
    for each in fetched(plan):
        archive = reviewed(each, plan, directory)
        (directory / each.file).parent.mkdir(parents=True, exist_ok=True)
        (directory / each.file).write_bytes(archive)


def rendered(chart: Chart, plan: InstallPlan, cluster: ClusterDirectory, directory: Path | None = None) -> str:
    """The chart's manifests, each object with a namespace if its kind has one. Raises InstallerError (preflight)."""
    if plan.traits.stand_ins:
        metadata = {"name": f"chart-{chart.name}", "namespace": "default"}
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    key = f"# {_key(chart, plan)}\n"
    place = cluster.path / "charts" / f"{chart.name}.yaml"
    try:
        kept = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        kept = ""
    if kept.startswith(key):
        return kept.removeprefix(key)
    text = placed(_render(chart, plan, directory), chart)
    write_private(place, key + text)
    return text


def placed(text: str, chart: Chart) -> str:
    """Manifests as helm prints them, with the chart's namespace where an object names none, and that namespace itself.

    Text is added and none is changed: YAML has several readings, and the API server's is the one that counts.
    Raises InstallerError if an object is not laid out as helm does.
    """
    documents = [each for each in re.split(r"^---[^\n]*\n", f"{text}\n", flags=re.MULTILINE) if _has_content(each)]
    result = [_in_namespace(each, chart) for each in documents]
    made = any(_field(each, "kind") == "Namespace" and _name(each) == chart.namespace for each in documents)
    if chart.namespace != "default" and not chart.namespace.startswith("kube-") and not made:
        result.insert(0, f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {chart.namespace}\n")
    return "---\n".join(result)


def _in_namespace(document: str, chart: Chart) -> str:
    kind = _field(document, "kind")
    if not has_namespace(kind):
        return document
    found = re.search(r"^metadata:[ \t]*(#[^\n]*)?\n(?P<indent>[ ]+)\S", document, re.MULTILINE)
    if found is None:
        raise _failed(f"chart {chart.name}: the metadata of a {kind or 'document'} is no block of lines", _BY_HAND)
    indent, begin = found["indent"], found.start("indent")
    block = re.match(rf"(?:{indent}[^\n]*\n|[ \t]*\n|[ \t]*#[^\n]*\n)+", document[begin:])
    lines = block[0] if block else ""
    if re.search(rf"^{indent}namespace:[ \t]*\S", lines, re.MULTILINE):
        return document
    return f"{document[:begin]}{indent}namespace: {chart.namespace}\n{document[begin:]}"


_BY_HAND = "Render it with helm template, correct the file, and name it in addons.manifests."


def _has_content(document: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in document.splitlines())


def _field(document: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*[\"']?(\w+)", document, re.MULTILINE)
    return found[1] if found else ""


def _name(document: str) -> str:
    found = re.search(r"^metadata:\n(?:[ ]+[^\n]*\n)*?[ ]+name:[ \t]*[\"']?([\w.-]+)", document, re.MULTILINE)
    return found[1] if found else ""


def _render(chart: Chart, plan: InstallPlan, directory: Path | None) -> str:
    flags = ["--namespace", chart.namespace, "--include-crds", "--no-hooks", "--kube-version", plan.kubernetes]
    flags += ["--values", str(expanded(chart.values))] if chart.values else []
    if chart.is_local:
        return _helm("template", chart.name, str(expanded(chart.chart)), *flags)
    archive = reviewed(chart, plan, directory)
    with tempfile.NamedTemporaryFile(prefix="craton-chart-", suffix=".tgz") as file:
        file.write(archive)
        file.flush()
        return _helm("template", chart.name, file.name, *flags)


def _key(chart: Chart, plan: InstallPlan) -> str:
    """What a rendering depends on, as a sum."""
    source = _sum_of(expanded(chart.chart)) if chart.is_local else plan.artifacts.sums.get(chart.file, "")
    values = _sum_of(expanded(chart.values)) if chart.values else ""
    parts = [chart.name, chart.namespace, plan.kubernetes, source, values]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _sum_of(path: Path) -> str:
    """Of a file, or of a directory's files and their names. Raises InstallerError (preflight)."""
    sum = hashlib.sha256()
    try:
        for each in sorted(_files(path)):
            sum.update(f"{each.relative_to(path)}\0".encode())
            sum.update(hashlib.sha256(each.read_bytes()).digest())
    except OSError as error:
        raise _failed(f"{path}: {error.strerror or error}", "Correct addons.charts in the plan.") from None
    return sum.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    return (each for each in path.rglob("*") if each.is_file()) if path.is_dir() else iter([path])


def _helm(*arguments: str) -> str:
    """What helm prints. Raises InstallerError (preflight)."""
    what = f"helm {arguments[0]} {arguments[1]}"
    program = shutil.which("helm")
    if program is None:
        hint = "Install it (helm.sh), or render the chart elsewhere and name the file in addons.manifests."
        raise _failed("there is no helm on this computer", hint)
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS, check=False
        )
    except OSError as error:
        raise _failed(f"{program}: {error.strerror or error}", "Install helm again (helm.sh).") from None
    except subprocess.TimeoutExpired:
        raise _failed(f"{what} did not end within {_SECONDS:.0f} s", "Try it by hand.") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise _failed(f"{what}: {safe(lines[-1])[:500]}", "Correct the chart, its values or addons.charts in the plan.")
    return _bounded(what, done.stdout).decode(errors="replace")


def _bounded(what: str, data: bytes) -> bytes:
    if len(data) > _LARGEST:
        raise _failed(f"{what} has more than {_LARGEST >> 20} MiB", "Leave it to helm or a GitOps tool.")
    return data


def _failed(observed: str, hint: str) -> InstallerError:
    return InstallerError("render your charts", observed, hint=hint, exit_code=ExitCode.PREFLIGHT)
