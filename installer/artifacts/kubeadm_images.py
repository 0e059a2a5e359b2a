"""The images of a release that is newer than this Craton, as that release's own kubeadm names them.

kubeadm runs on this computer: it comes from where the machines get it, and its sum is checked before it runs.
"""

from __future__ import annotations

import platform
import re
import subprocess
import tempfile
from pathlib import Path

from installer.artifacts.catalogue import ASKED, Artifact, wanted
from installer.artifacts.file_download import download
from installer.artifacts.http import Failure, Work, ask
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError
from installer.common.text import shown
from installer.plan import releases
from installer.plan.model import InstallPlan

_LARGEST = 512 * 1024 * 1024
_DOWNLOADING, _ASKING = 300.0, 30
"""Seconds that the download may take, and the answer."""
_IMAGE = re.compile(r"[a-z0-9.-]+(?:/[a-z0-9.-]+)*/(?P<name>[a-z-]+):(?P<tag>v?\d[\w.-]*)")


def lacks(plan: InstallPlan) -> bool:
    """Whether kubeadm has to be asked: the plan's minor is newer than this Craton, and no answer is recorded."""
    newer = releases.minor_of(plan.kubernetes) is None
    return newer and not plan.traits.stand_ins and plan.artifacts.versions.keys() != set(ASKED)


def named(plan: InstallPlan, directory: Path | None = None) -> dict[str, str]:
    """The versions of `ASKED` that the kubeadm of the plan's release names; the plan has that kubeadm's sum.

    It comes from `directory` (of `--artifacts`), else from the mirror or the publisher. Raises InstallerError.
    """
    kubeadm = _kubeadm(plan)
    with tempfile.TemporaryDirectory(prefix="craton-") as scratch:
        program = Path(scratch) / "kubeadm"
        _bring(plan, kubeadm, directory, program)
        program.chmod(0o700)
        return _read(_ask(program, plan.kubernetes), plan.kubernetes)


def _kubeadm(plan: InstallPlan) -> Artifact:
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
    if platform.system() != "Linux" or not architecture:
        raise _failed(plan.kubernetes, f"this computer ({platform.system()}, {platform.machine()}) can't run kubeadm")
    return next(artifact for artifact in wanted(plan, architecture) if artifact.name == "kubeadm")


def _bring(plan: InstallPlan, kubeadm: Artifact, directory: Path | None, program: Path) -> None:
    """Put the program at `program`, once its sum matched the plan's."""
    sha256 = plan.artifacts.sums.get(kubeadm.path, "")
    url = (directory / kubeadm.path).absolute().as_uri() if directory else kubeadm.url(plan.artifacts.mirror)
    work = Work(Deadline(_DOWNLOADING))
    try:
        if directory:
            _copy(directory / kubeadm.path, program, sha256)
        else:
            download(lambda headers: ask(url, work, headers), program, sha256, work, largest=_LARGEST)
    except Failure as failure:
        raise _failed(plan.kubernetes, f"{url}: {failure.observed}") from None


def _copy(source: Path, program: Path, sha256: str) -> None:
    import hashlib

    try:
        found = source.read_bytes()
        program.write_bytes(found)
    except OSError as error:
        raise Failure(error.strerror or str(error)) from None
    if hashlib.sha256(found).hexdigest() != sha256:
        raise Failure("its SHA-256 sum isn't the plan's")


def _ask(program: Path, release: str) -> str:
    argv = [str(program), "config", "images", "list", "--kubernetes-version", release]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_ASKING, check=False, env={"HOME": "/"})
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(release, f"kubeadm gave no answer: {error}") from None
    if done.returncode:
        raise _failed(release, f"kubeadm ended with {done.returncode}: {shown(done.stderr)}")
    return done.stdout


def _read(output: str, release: str) -> dict[str, str]:
    images = (match for line in output.splitlines() if (match := _IMAGE.fullmatch(line.strip())))
    found = {match["name"]: match["tag"] for match in images if match["name"] in ASKED}
    if missing := [name for name in ASKED if name not in found]:
        raise _failed(release, f"kubeadm named no image of {', '.join(missing)}")
    return dict(sorted(found.items()))


def _failed(release: str, observed: str) -> InstallerError:
    return InstallerError(
        f"ask kubeadm which images {release} uses",
        observed,
        hint=f"Choose a release of {', '.join(releases.KUBERNETES_VERSIONS)}, or use a newer Craton.",
        exit_code=ExitCode.PREFLIGHT,
    )
