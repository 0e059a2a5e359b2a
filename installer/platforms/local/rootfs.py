"""A machine's root file system as an archive: from a registry's Debian image, or from Debian's packages alone."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.errors import ExitCode, InstallerError
from installer.platforms.local import process
from installer.platforms.local.engine import Engine

if TYPE_CHECKING:
    from installer.platforms.local.reporter import Reporter

SUITE = "trixie"
_REGISTRY = "https://registry-1.docker.io/v2/"
_STAGES = (
    ("running apt-get update", "read the package lists"),
    ("downloading packages", "download packages"),
    ("extracting archives", "unpack the base"),
    ("installing essential", "install the base"),
    ("installing remaining", "install what machines need"),
    ("customize-hook", "set the machine up"),
    ("creating tarball", "write the root file system"),
)
"""What mmdebstrap says when a stage starts, and what that is called here."""
_EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_HOOK = 'mkdir "$1/craton" && cp setup.sh entrypoint.sh "$1/craton/" && chroot "$1" sh /craton/setup.sh'


def build(engine: Engine, directory: Path, report: Reporter) -> Path:
    """Build in `directory`, which holds the inputs, and return the archive's path. Raises InstallerError."""
    archive = directory / "rootfs.tar"
    problem = _registry_problem()
    if not problem:
        try:
            from_registry(engine, directory, archive, report)
        except InstallerError as error:
            problem = error.observed
        else:
            return archive
    if shutil.which("mmdebstrap") is None:
        raise InstallerError(
            "build the machines' image",
            f"no registry gave it ({problem}), and mmdebstrap, which builds it from Debian's packages, isn't installed",
            hint="Run `sudo apt-get install mmdebstrap`, or give this computer access to docker.io; then resume.",
            exit_code=ExitCode.PREFLIGHT,
        )
    report.log(f"not from a registry ({problem}): building from Debian's packages")
    _from_packages(directory, archive, report)
    return archive


def packages(listed: str) -> list[str]:
    """The names in a package list: one a line, comments after #."""
    return [name for line in listed.splitlines() if (name := line.partition("#")[0].strip())]


def mirror(targets: str) -> str | None:
    """The Debian mirror in the output of `apt-get indextargets` in the format `URI ORIGIN LABEL COMPONENT`, if any."""
    for line in targets.splitlines():
        words = line.split()
        if words[1:] == ["Debian", "Debian", "main"]:
            return words[0]
    return None


def _registry_problem() -> str:
    """Why no registry can be reached, or nothing."""
    try:
        urllib.request.urlopen(_REGISTRY, timeout=5).close()
    except urllib.error.HTTPError:
        return ""  # it answers: it asks who we are
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return ""


def from_registry(engine: Engine, directory: Path, archive: Path, report: Reporter) -> None:
    """Build as the Containerfile in `directory` says, and write the result's files to `archive`.

    Nothing stays in the engine's store, but for a base image that was there before.
    """
    stages = 0

    def on_line(line: str) -> None:
        nonlocal stages
        report.log(line)
        if line.lower().startswith("step ") and stages < len(_STAGES):
            stages += 1
            report.stage(stages, len(_STAGES) + 1, "build from the registry's Debian image")

    tag, base = f"localhost/craton-build:{directory.name}", _base(directory)
    ours = [tag] if engine.exists("image", base) else [tag, base]
    try:
        build = ("build", "--no-cache", "--tag", tag, "--file", str(directory / "Containerfile"), str(directory))
        engine.follow(*build, deadline=report.remaining(), on_line=on_line, tick=report.check_stop)
        engine.call("create", "--name", directory.name, tag, "/bin/true")
        engine.call("export", "--output", str(archive), directory.name, deadline=report.remaining())
    finally:
        engine.attempt("rm", "--force", directory.name)
        for name in ours:
            engine.attempt("image", "rm", name)


def _base(directory: Path) -> str:
    lines = (directory / "Containerfile").read_text(encoding="utf-8").splitlines()
    return next(line.split()[1] for line in lines if line.startswith("FROM "))


def _from_packages(directory: Path, archive: Path, report: Reporter) -> None:
    known = mirror(_index_targets())
    wanted = ",".join(packages((directory / "packages.txt").read_text(encoding="utf-8")))
    argv = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={wanted}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
        *(f"--aptopt={option}" for option in _apt_proxies()),
        f"--customize-hook={_HOOK}",
        SUITE,
        archive.name,
        *([known] if known else []),  # else from the mirror that mmdebstrap itself knows
    ]
    last = ""

    def on_line(line: str) -> None:
        nonlocal last
        last = line.strip() or last
        report.log(line)
        for number, (output, title) in enumerate(_STAGES, 1):
            if output in line:
                report.stage(number, len(_STAGES) + 1, title)

    status = process.follow(
        argv,
        deadline=report.remaining(),
        on_line=on_line,
        tick=report.check_stop,
        directory=directory,
        environment={"TMPDIR": str(directory)},
    )
    if status != 0:
        hint = "this computer must reach its Debian mirror, and mmdebstrap needs root; the log has the rest"
        raise InstallerError("build the machines' image", last or f"mmdebstrap: exit status {status}", hint=hint)


def _index_targets() -> str:
    if shutil.which("apt-get") is None:
        return ""
    form = "$(REPO_URI) $(ORIGIN) $(LABEL) $(COMPONENT)"
    asked = process.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"], deadline=30.0)
    return asked.stdout


def _apt_proxies() -> list[str]:
    """The host's own proxies for apt, as options."""
    if shutil.which("apt-config") is None:
        return []
    dumped = process.run(["apt-config", "dump"], deadline=30.0).stdout
    wanted = ("Acquire::http::Proxy ", "Acquire::https::Proxy ")
    return [line for line in dumped.splitlines() if line.startswith(wanted)]
