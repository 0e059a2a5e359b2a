"""What a run came to, in words: the end of an install, the receipt of a destroy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from installer.cluster.administrator import made_file
from installer.cluster.etcd import survives
from installer.cluster.tls.authority import authority_file
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.common.text import columns, count
from installer.engine.events import Outcome, RunKind, StepState
from installer.engine.progress import Progress
from installer.engine.reader import Reader
from installer.operations import lookup
from installer.operations.next_steps import next_steps, save
from installer.operations.resource_groups import existed, group_lines, grouped, total
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.steps.platform import Resource


def outcome_lines(directory: ClusterDirectory, progress: Progress) -> list[str]:
    """What a person should know when a run has ended: what exists, where, and what to do next."""
    name = directory.cluster
    if progress.running:
        return [f"{name}: left running at {progress.fraction:.0%}; `craton watch {name}` shows it again."]
    if progress.kind is RunKind.DESTROY:
        return destroyed_lines(name, progress)
    if progress.exit_code == ExitCode.DONE and progress.kind is RunKind.RENEW:
        return [f"{name}: its certificates are renewed. `craton certs show {name}` lists them."]
    if progress.exit_code == ExitCode.DONE:
        return _installed_lines(directory, progress)
    if progress.exit_code == ExitCode.INTERRUPTED:
        return [f"{name}: stopped at {progress.fraction:.0%}. Nothing is lost: `craton resume {name}` goes on."]
    blocked = sum(view.state is StepState.BLOCKED for view in progress.steps.values())
    lines = [f"{name}: {len(progress.failures)} failed, {blocked} not tried because of that."]
    for view in progress.failures:
        error = view.error or {}
        where = f"{error.get('machine')}: " if error.get("machine") else ""
        lines += [f"  {view.record.id}", f"    {where}{error.get('operation')}: {error.get('observed')}"]
        lines += [f"    what to do: {error['hint']}"] if error.get("hint") else []
    return [*lines, f"What is done stays done: `craton resume {name}` does the rest."]


def _installed_lines(directory: ClusterDirectory, progress: Progress) -> list[str]:
    from installer.health.report.model import last_report

    name = directory.cluster
    plan = lookup.load(name)
    report, notice = last_report(directory), plan.traits.notice
    seconds, runs = took(directory, progress)
    over = f" over {runs} runs" if runs > 1 else ""
    balanced = "a load balancer" if plan.ingress.kind == "load-balancer" else count(plan.infra, "infra node")
    stand_in = "  (a stand-in's: kubectl finds nothing there)" if plan.traits.stand_ins else ""
    lines = [
        f"{name} is up: {count(plan.masters, 'master')}, {balanced}, {count(plan.workers, 'worker')}, "
        f"Kubernetes {plan.kubernetes}, in {seconds:.0f} s{over}",
        f"  API server   https://{plan.api_host}:6443  (D1)",
        *(f"  {label:<12} {text}" for label, text in console_lines(directory, plan)),
        f"  kubeconfig   {directory.kubeconfig}{stand_in}",
    ]
    lines += [f"  hosts file   {line}" for line in hosts_lines(plan)]
    if progress.kind is RunKind.REMOVE:
        lines += [f"  left on {machine}: {words}" for machine, words in left_on_machines(progress)]
    lines.append(f"  survives     {survives(plan.masters)}")
    lines += [f"  outside      {line}" for line in outside_lines(plan)]
    if report:
        lines.append(f"  health       {report.headline}")
    lines += ["", "Next:", *columns([(step.purpose, step.command) for step in next_steps(plan, directory)], "  ")]
    if kept := save(plan, directory):
        lines.append(f"These commands are in {kept}")
    return [*lines, f"  {notice}"] if notice else lines


def console_lines(directory: ClusterDirectory, plan: InstallPlan) -> list[tuple[str, str]]:
    """What answers at the console's name (contract D2), who can sign in, and with what: labels and texts.

    Nothing of stand-ins, where nobody reaches it.
    """
    addons = plan.addons
    if plan.traits.stand_ins:
        return []
    if not addons.ingress:
        return [("console", f"none; nothing answers at {plan.console_host}")]
    lines = [("console", f"https://{plan.console_host}  (D2)" if addons.console else "none")]
    if not addons.console:
        lines.append(("ingress", f"https://{plan.console_host}  (D2)"))
    if addons.sign_in:
        made = made_file(directory)
        where = f"the password is in {made}" if made.exists() else "with the password that you set"
        lines.append(("sign-in", f"{plan.administrator}; {where}"))
    elif addons.console:
        lines.append(("sign-in", "with a token: kubectl create token ACCOUNT"))
    if plan.certificate.source == "craton":
        lines.append(("trust", f"import {authority_file(directory)} into your browser"))
    return lines


def took(directory: ClusterDirectory, progress: Progress) -> tuple[float, int]:
    """(seconds, number of runs) that a change took: its last run, and unfinished ones before it."""
    own = ((progress.ended or 0.0) - (progress.started or 0.0), 1)
    try:
        with Reader(directory.journal) as reader:
            earlier = [run for run in reader.runs() if run.id < progress.run]
            tried = list(
                takewhile(lambda run: run.outcome is not Outcome.DONE and not run.kind.undoes, reversed(earlier))
            )
            ends = [run.ended or reader.last_heard(run.id) or run.started for run in tried]
    except InstallerError:
        return own
    return own[0] + sum(end - run.started for run, end in zip(tried, ends, strict=True)), 1 + len(tried)


def hosts_lines(plan: InstallPlan) -> list[str]:
    """For the user's own hosts file, where no DNS knows the names; none of stand-ins, which nobody reaches."""
    if plan.traits.stand_ins:
        return []
    derived = topology(plan)
    return [f"{address} {record.name}" for record in derived.records for address in derived.addresses(record)]


def outside_lines(plan: InstallPlan) -> list[str]:
    """What clients outside the cluster notice of a master that fails, where no load balancer spares them that."""
    if plan.traits.stand_ins or plan.masters == 1 or plan.ingress.kind == "load-balancer":
        return []
    return ["while the first master is cut off, each call waits up to 10 s (a load balancer avoids that)"]


def destroyed_lines(cluster: str, progress: Progress) -> list[str]:
    """The receipt of a destroy: what went, and what a second look found."""
    receipt = progress.results.get("receipt", {})
    left = receipt.get("left", [])
    if progress.exit_code == ExitCode.DONE:
        groups = existed(progress)
        deleted = f"{total(groups)} deleted. " if groups is not None else ""
        lines = [f"{cluster} is destroyed: {deleted}Craton looked again and found nothing left."]
        lines += [f"  {head}{names}" for head, names in group_lines(groups or ())]
        return lines + [f"  left on {machine}: {words}" for machine, words in left_on_machines(progress)]
    lines = [f"{cluster}: not everything could be destroyed."]
    lines += [f"  left: {item['kind']} {item['name']} {item['detail']}".rstrip() for item in left]
    for view in progress.failures:
        error = view.error or {}
        lines.append(f"  {view.record.id}: {error.get('observed')}")
    return [*lines, f"Fix what is named above, then run `craton destroy {cluster}` again."]


def left_on_machines(progress: Progress) -> list[tuple[str, str]]:
    """(machine, what was left on it and why): what somebody changed since Craton put it there is not Craton's."""
    found = [data for data in progress.results.values() if "removed" in data]
    return list(dict.fromkeys((data["machine"], words) for data in found for words in data["left"]))


def receipt(cluster: str, progress: Progress) -> dict[str, Any]:
    """The JSON document of `craton destroy --json`."""
    undone = [view for view in progress.steps.values() if view.state is StepState.UNDONE]
    return {
        "cluster": cluster,
        "destroyed": progress.exit_code == ExitCode.DONE,
        "deleted": {group.kind: group.count for group in existed(progress) or ()},
        "undone": [view.record.id for view in undone],
        "failed": [{"step": view.record.id, "error": view.error} for view in progress.failures],
        "left": list(progress.results.get("receipt", {}).get("left", [])),
        "left_on_machines": [{"machine": name, "left": words} for name, words in left_on_machines(progress)],
    }


def resource_lines(cluster: str, resources: Sequence[Resource]) -> list[str]:
    """What a destroy would take, before anyone is asked."""
    groups = grouped(resources)
    colon = ":" if groups else "."
    return [
        f"This deletes {total(groups)} and everything Craton has stored about {cluster}{colon}",
        *(f"  {head}{names}" for head, names in group_lines(groups)),
    ]
