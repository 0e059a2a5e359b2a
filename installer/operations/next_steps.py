"""What to do with a cluster that is up: commands in the order in which people need them, and the file of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.plan.model import InstallPlan
from installer.plan.topology import hosts

_HELLO = "kubectl create deployment hello --image=nginx && kubectl rollout status deployment/hello"
_REACH = "kubectl port-forward deployment/hello 8080:80"


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command as it is typed, and what it is for, in a few words."""

    command: str
    purpose: str


def next_steps(plan: InstallPlan, directory: ClusterDirectory) -> tuple[NextStep, ...]:
    """The commands for this cluster. Stand-ins run no applications and have no etcd: no kubectl and no backup there."""
    name, stand_ins = plan.name, plan.traits.stand_ins
    has_console = plan.addons.ingress and plan.addons.console and not stand_ins
    signs_in = plan.addons.ingress and plan.addons.sign_in and not stand_ins
    kubectl = (
        NextStep(f"export KUBECONFIG={directory.kubeconfig}", "use it in this terminal"),
        NextStep("kubectl get nodes", "see its machines"),
        NextStep(_HELLO, "run a first application"),
        NextStep(_REACH, "reach it at http://localhost:8080"),
    )
    return (
        *(() if stand_ins else kubectl),
        *((NextStep(f"craton login {name}", "use kubectl as yourself"),) if signs_in else ()),
        *((NextStep(_browse(f"https://{plan.console_host}"), "open the console"),) if has_console else ()),
        NextStep(f"craton check {name}", "check its health"),
        NextStep(_more_machines(plan), "add a machine"),
        NextStep("craton new", "plan one for applications")
        if stand_ins
        else NextStep(f"craton etcd backup {name}", "back it up"),
        NextStep(f"craton destroy {name}", "delete it, all of it"),
    )


def _more_machines(plan: InstallPlan) -> str:
    if plan.worker_pool:
        return f"craton nodes scale {plan.name} --workers {plan.workers + 1}"
    return f"craton nodes add {plan.name} {'--machine ADDRESS' if hosts(plan) else '--workers 1'}"


def _browse(address: str) -> str:
    """Open an address in a browser, as a desktop's shell does."""
    return f"{'open' if sys.platform == 'darwin' else 'xdg-open'} {address}"


def file(directory: ClusterDirectory) -> Path:
    return directory.path / "next-steps.txt"


def text(steps: Sequence[NextStep]) -> str:
    """The steps as a file of commands, each below a remark that says what it is for."""
    return "\n\n".join(f"# {step.purpose}\n{step.command}" for step in steps) + "\n"


def save(plan: InstallPlan, directory: ClusterDirectory) -> Path | None:
    """Keep the commands in the cluster's directory; None if they can't be written, which is no reason to fail."""
    path = file(directory)
    try:
        write_private(path, text(next_steps(plan, directory)))
    except InstallerError:
        return None
    return path
