"""What a review shows, as data: machines, names, every contract rule, the steps, the records. Pure.

The review screen draws these values, `craton review --json` prints `review()`, `--plain` prints `text()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from installer.artifacts import digests
from installer.artifacts.catalogue import ARCHITECTURES, image_archives, versions, wanted
from installer.artifacts.container_images import images
from installer.common.text import columns, count
from installer.operations.outlook import Outlook
from installer.plan import decisions, inventory, releases, rules
from installer.plan.decisions import Decision, State
from installer.plan.diagram import diagram, facts
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.rules import Flow, Kind, Role, Traffic
from installer.plan.topology import GIVEN_LATER, FirewallRule, Machine, hosts, topology
from installer.steps.step import Step


@dataclass(frozen=True, slots=True)
class Ruling:
    """One contract rule as this plan has it.

    `traffic` is one entry per direction ("in udp 4789 from masters, workers"); `realised` says where the rule becomes
    real ("firewall of 3 masters") and is empty for a rule that is not on.
    """

    id: str
    level: str
    kind: str
    roles: tuple[str, ...]
    traffic: tuple[str, ...]
    value: str
    purpose: str
    wording: str
    state: str
    reason: str
    realised: str


@dataclass(frozen=True, slots=True)
class Download:
    """An artifact that machines get: `url` is where from (an image's name), `sha256` is None if nothing is recorded."""

    name: str
    version: str
    architecture: str
    url: str
    sha256: str | None


def downloads(plan: InstallPlan) -> tuple[Download, ...]:
    """What machines get installed, of the architectures of which the plan records sums; none on stand-ins."""
    return () if plan.traits.stand_ins else tuple(_downloads(plan))


def _downloads(plan: InstallPlan) -> Iterator[Download]:
    mirror, sums = plan.artifacts.mirror, plan.artifacts.sums
    found = {each: wanted(plan, each) for each in ARCHITECTURES}
    recorded = [each for each in ARCHITECTURES if any(artifact.path in sums for artifact in found[each])]
    for architecture in recorded or ARCHITECTURES:
        for artifact in found[architecture]:
            version = versions(plan).get(artifact.name, plan.kubernetes)
            yield Download(artifact.name, version, architecture, artifact.url(mirror), sums.get(artifact.path))
    for path in image_archives(plan):
        name = path.removeprefix("images/").removesuffix(".tar")
        yield Download(name, "", "", f"{mirror}/{path}" if mirror else f"--artifacts: {path}", sums[path])
    for image in images(plan):
        digest = plan.artifacts.digests.get(image, "").removeprefix("sha256:")
        if digest or image in digests.lacking(plan):
            name, _, version = image.rpartition(":")
            yield Download(name.rpartition("/")[2], version, "", image, digest or None)


def warnings(plan: InstallPlan) -> tuple[str, ...]:
    """What to know before installing, in a sentence or two each; usually nothing."""
    return () if plan.traits.stand_ins else tuple(_warnings(plan))


def _warnings(plan: InstallPlan) -> Iterator[str]:
    if warning := releases.warning(plan.kubernetes, releases.today()):
        yield warning
    mirror = plan.artifacts.mirror or ""
    if mirror.startswith("http://"):
        yield (
            f"The mirror {mirror} is not encrypted. Anybody between you and it can change the sums that you review, "
            "and with them what is installed. Use https, or compare the sums with the publishers' before you install."
        )
    if lacking := len(digests.lacking(plan)):
        yield f"{digests.unpinned(lacking)} A review where the registries can be reached records their digests."


def rulings(plan: InstallPlan) -> tuple[Ruling, ...]:
    """Every rule of the contract, in its order."""
    return tuple(_ruling(decision, plan) for decision in decisions.decisions(plan))


def review(plan: InstallPlan, steps: Sequence[Step], outlook: Outlook | None = None) -> dict[str, Any]:
    """The review as a JSON document; `steps` are those that an install of `plan` runs."""
    shape, own = topology(plan), hosts(plan)
    pool = {"name": shape.pool.name, "count": shape.pool.count, "why": plan.pool_reason} if shape.pool else None
    machines, survives, cost = facts(plan)
    return {
        "plan": plan.model_dump(mode="json"),
        "summary": {"machines": machines, "survives": survives, "cost": cost, "notice": plan.traits.notice},
        "outlook": dict(outlook.lines) if outlook else {},
        "warnings": list(warnings(plan)),
        "names": {"api": plan.api_host, "console": plan.console_host},
        "machines": [_machine(machine, host_words(own.get(machine.name))) for machine in shape.machines],
        **({"pool": pool} if pool else {}),
        "rules": [asdict(ruling) | {"applies": ruling.state == State.ON} for ruling in rulings(plan)],
        "artifacts": [asdict(download) for download in downloads(plan)],
        "steps": [
            {"id": step.id, "title": step.title, "phase": str(step.phase), "machine": step.machine, "needs": step.needs}
            for step in steps
        ],
        "records": [
            {"rule": record.rule, "type": "A", "name": record.name, "targets": shape.leads_to(record)}
            for record in shape.records
        ],
    }


def text(plan: InstallPlan, steps: Sequence[Step], outlook: Outlook | None = None) -> str:
    """The review for terminals without screens, and for pipes."""
    sections = (
        ("Machines", _machine_lines(plan)),
        ("Contract", _rule_lines(plan)),
        *([("Artifacts", _download_lines(plan))] if downloads(plan) else []),
        ("Steps", _step_lines(steps)),
        ("DNS records", _record_lines(plan)),
    )
    blocks = ("\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in sections)
    return "\n\n".join((overview(plan, outlook), *blocks))


def overview(plan: InstallPlan, outlook: Outlook | None = None) -> str:
    """What is about to be installed, on one screen: name, platform, machines, the drawing, what to know before."""
    notice = [plan.traits.notice] if plan.traits.notice else []
    heading = f"{plan.name} on {plan.platform}, Kubernetes {plan.kubernetes}"
    warned = [f"warning: {warning}" for warning in warnings(plan)]
    ahead = ["", "Before you install", *columns(outlook.lines, indent="  ")] if outlook else []
    drawing = ["", *diagram(plan), *ahead]
    return "\n".join([heading, *notice, " · ".join(facts(plan)), *warned, *drawing])


def peers_words(rule: FirewallRule) -> str:
    """A firewall rule of one machine in words: `in udp 4789 from masters, workers (M2)`."""
    return f"{_direction(rule.direction, (rule.traffic,), rule.peers)} ({rule.rule})"


def _ruling(decision: Decision, plan: InstallPlan) -> Ruling:
    rule = decision.rule
    return Ruling(
        id=rule.id,
        level=str(rule.level),
        kind=str(rule.kind),
        roles=tuple(map(str, rule.roles)),
        traffic=tuple(_flow(flow, several=len(rule.flows) > 1) for flow in rule.flows),
        value=rule.value,
        purpose=rule.purpose,
        wording=rule.wording,
        state=str(decision.state),
        reason=decision.reason,
        realised=_realised(decision, plan) if decision.state is State.ON else "",
    )


def _realised(decision: Decision, plan: InstallPlan) -> str:
    rule = decision.rule
    if rule.kind is Kind.NAME:
        shape = topology(plan)
        record = next(record for record in shape.records if record.rule == rule.id)
        return f"A record {record.name} to {', '.join(shape.leads_to(record))}"
    where = _machines_of(rule.roles, plan)
    return {
        Kind.FIREWALL: f"firewall of {where}",
        Kind.LABEL: f"label of {where}, set with the administrator's credentials after the join",
        Kind.TAINT: f"taint of {where}",
        Kind.BOOT: f"kubelet on {where}",
        Kind.ACCESS: f"the cloud identity of {where}",
    }[rule.kind]


def _machines_of(roles: Sequence[Role], plan: InstallPlan) -> str:
    counts = {Role.MASTER: plan.masters, Role.INFRA: plan.infra, Role.WORKER: plan.workers}
    nouns = {Role.MASTER: "master", Role.INFRA: "infra node", Role.WORKER: "worker"}
    return ", ".join(count(counts[role], nouns[role]) for role in roles if counts[role]) or "no machine"


def _flow(flow: Flow, *, several: bool) -> str:
    words = _direction(flow.direction, flow.traffic, flow.peers)
    return f"{', '.join(flow.roles)}: {words}" if several else words


def _direction(direction: str, traffic: Sequence[Traffic], peers: Sequence[rules.Peer]) -> str:
    return f"{direction} {_ports(traffic)} {'from' if direction == 'in' else 'to'} {', '.join(peers)}"


def _ports(traffic: Sequence[Traffic]) -> str:
    """`tcp+udp 30000-32767` where both protocols have the same ports."""
    by_ports: dict[str, list[str]] = {}
    for each in traffic:
        protocol, _, ports = str(each).partition(" ")
        by_ports.setdefault(ports, []).append(protocol)
    return ", ".join(f"{'+'.join(protocols)} {ports}" for ports, protocols in by_ports.items())


def host_words(host: Host | None) -> str:
    """How the user's own machine behind a name is reached, as it is typed; empty for one that the platform makes."""
    return inventory.show(inventory.data(host.model_copy(update={"role": None, "internal": None}))) if host else ""


def pool_words(plan: InstallPlan) -> str:
    """Why the workers are one pool; empty where they have names of their own."""
    return f"a pool ({plan.pool_reason})" if plan.pool_reason else ""


def _machine(machine: Machine, host: str) -> dict[str, Any]:
    return {
        "name": machine.name,
        "role": str(machine.role),
        "address": str(machine.address) if machine.address else None,
        **({"host": host} if host else {}),
        "labels": machine.labels,
        "taints": machine.taints,
        "firewall": [peers_words(rule) for rule in machine.firewall],
    }


def _machine_lines(plan: InstallPlan) -> Iterator[str]:
    own, shape = hosts(plan), topology(plan)
    rows = [
        (one.name, one.role, str(one.address or GIVEN_LATER).ljust(15), host_words(own.get(one.name)))
        for one in shape.machines
    ]
    pool = [(one.name, one.role, GIVEN_LATER.ljust(15), pool_words(plan)) for one in shape.listed[len(rows) :]]
    yield from columns([*rows, *pool])


def _record_lines(plan: InstallPlan) -> Iterator[str]:
    shape = topology(plan)
    for record in shape.records:
        yield f"A  {record.name}  {', '.join(shape.leads_to(record))}"


def _rule_lines(plan: InstallPlan) -> Iterator[str]:
    for ruling in rulings(plan):
        what = "; ".join(ruling.traffic) or ruling.value or ruling.purpose
        yield f"{ruling.id:3}  {ruling.level:6}  {ruling.state:14}  {what}"
        yield f"{'':27}  {ruling.realised or ruling.reason}"


def _download_lines(plan: InstallPlan) -> Iterator[str]:
    found = downloads(plan)
    names, versions = (
        max(len(word) for word in words) for words in zip(*((d.name, d.version) for d in found), strict=True)
    )
    for download in found:
        yield f"{download.name:{names}}  {download.version:{versions}}  {download.architecture:5}  {download.url}"
        yield f"{'':{names + versions + 11}}{sum_words(download)}"


def sum_words(download: Download) -> str:
    """The sum that an artifact has to have, as words."""
    return f"sha256 {download.sha256}" if download.sha256 else "no sum is recorded yet"


def _step_lines(steps: Sequence[Step]) -> Iterator[str]:
    phase = None
    for step in steps:
        if step.phase != phase:
            phase = step.phase
            yield str(phase)
        yield f"  {step.title}"
