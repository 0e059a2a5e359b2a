"""Finds a cluster that Craton knows, its saved plan, and its machines by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common import paths
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan


def existing(cluster: str) -> ClusterDirectory:
    """The directory of a cluster that Craton knows. Raises InstallerError naming those it does know."""
    directory = ClusterDirectory.of(cluster)
    if not directory.plan.exists():
        known = ", ".join(found.cluster for found in paths.clusters())
        raise InstallerError(
            "find the cluster",
            f"there is no cluster {cluster!r} under {paths.home()}",
            hint=f"Known clusters: {known}." if known else "There are none yet: `craton new` makes a plan.",
            exit_code=ExitCode.USAGE,
        )
    return directory


def adopt(plan_path: Path) -> str:
    """The name of the cluster that a plan file describes, made known here if its directory was lost.

    A destroy needs no more than that: what exists is found by name.
    """
    from installer.plan import planfile

    directory = ClusterDirectory.of(planfile.load(plan_path).name)
    if not directory.plan.exists():
        write_private(directory.plan, plan_path.read_bytes())
    return directory.cluster


def adopt_remote(address: str) -> str:
    """The name of the cluster at PLATFORM://PLACE, made known here if it is not. A destroy needs no more than that."""
    from installer.plan import planfile
    from installer.platforms import remote_plan

    directory = ClusterDirectory.of(address.rpartition("/")[2])
    if not directory.plan.exists():
        write_private(directory.plan, planfile.dump(remote_plan(address)).encode())
    return directory.cluster


@contextmanager
def known_if_begun(adopt: Callable[[], str]) -> Iterator[str]:
    """The name of the cluster that `adopt` returns. If that made it known here and no run begins, it is unknown again.

    A destroy that was declined or refused leaves nothing that `craton list` would show.
    """
    from installer.engine.journal import Reader

    before = {found.cluster for found in paths.clusters()}
    cluster = adopt()
    directory = ClusterDirectory.of(cluster)
    try:
        yield cluster
    finally:
        if cluster not in before:
            with Reader(directory.journal) as reader:
                begun = bool(reader.runs())
            if not begun:
                # Nothing else goes: a key that is there may be the only one that machines accept. A destroy that ended
                # may be removing the whole directory at this moment, its plan with it.
                directory.plan.unlink(missing_ok=True)


def load(cluster: str) -> InstallPlan:
    """The saved plan of a cluster. Raises InstallerError (plan) if somebody gave it another name."""
    from installer.plan import planfile

    directory = existing(cluster)
    plan = planfile.load(directory.plan)
    refuse_renamed(plan, directory)
    return plan


def refuse_renamed(plan: InstallPlan, directory: ClusterDirectory) -> None:
    """Raises InstallerError (plan) if the plan of a cluster has another name than the cluster."""
    if plan.name != directory.cluster:
        raise InstallerError(
            "read the plan",
            f"{directory.plan} says name: {plan.name}, and the cluster is {directory.cluster}",
            hint=f"A cluster keeps its name: write `name: {directory.cluster}` there. For another cluster, "
            f"`craton apply` a copy of the plan that is somewhere else.",
            exit_code=ExitCode.PLAN,
        )


def refuse_other_name(plan_path: Path, plan: InstallPlan) -> None:
    """Raises InstallerError (plan) if the file installed a cluster before, and names another now."""

    made = next((found.cluster for found in paths.clusters() if _was_made_from(found, plan_path)), plan.name)
    if made != plan.name and not ClusterDirectory.of(plan.name).plan.exists():
        raise InstallerError(
            "install the plan",
            f"{plan_path} made the cluster {made}, and says name: {plan.name} now",
            hint=f"A cluster keeps its name: write `name: {made}` again. For a second cluster, copy the plan to "
            "another file.",
            exit_code=ExitCode.PLAN,
        )


def _was_made_from(directory: ClusterDirectory, plan_path: Path) -> bool:
    from installer.engine.journal import Reader

    try:
        with Reader(directory.journal) as reader:
            return any(run.options.get("plan") == str(plan_path) for run in reader.runs())
    except InstallerError:
        return False


def machine_name(plan: InstallPlan, given: str) -> str:
    """The full name of a machine given by its full or short name. Raises InstallerError naming those that there are."""
    from installer.plan.topology import topology

    names, cluster = [machine.name for machine in topology(plan).machines], plan.name
    for name in (given, f"{cluster}-{given}"):
        if name in names:
            return name
    raise InstallerError(
        "find the machine",
        f"{cluster} has no machine {given!r}",
        hint=f"its machines: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}",
        exit_code=ExitCode.USAGE,
    )
