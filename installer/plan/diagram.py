"""A plan drawn as text: machines by role, the names that lead to them, and the ports on the way. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from installer.common.text import count
from installer.plan import rules
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Topology, topology

MIN_WIDTH = 44
MAX_WIDTH = 64
_GAP = 2
_JOINT = 6
"""Column of a box's first line down, counted from its left edge."""

_ASCII = str.maketrans("│─┌┐└┘┬┴▼…·", "|-+++++" + "+v~-")


def diagram(plan: InstallPlan, width: int = MAX_WIDTH, *, ascii: bool = False) -> tuple[str, ...]:
    """The cluster in lines of at most `width` columns (44 to 64); with `ascii` in plain characters."""
    width = max(MIN_WIDTH, min(width, MAX_WIDTH))
    shape = topology(plan)
    lines = _with_infra(plan, shape, width) if shape.load_balancer is None else _behind(plan, shape, width)
    return tuple(line.rstrip().translate(_ASCII) if ascii else line.rstrip() for line in lines)


def facts(plan: InstallPlan) -> tuple[str, str, str]:
    """The lines under the drawing: the number of machines, what the cluster survives, what it costs."""
    return count(plan.machine_count, "machine"), survival(plan), plan.traits.cost


def survival(plan: InstallPlan) -> str:
    """How many masters may be lost before etcd has no majority, in words."""
    spare = (plan.masters - 1) // 2
    return f"survives the loss of {count(spare, 'master')}" if spare else "no high availability"


def _with_infra(plan: InstallPlan, shape: Topology, width: int) -> list[str]:
    infra, masters, workers = (_names(plan, shape, role) for role in (Role.INFRA, Role.MASTER, Role.WORKER))
    left = max(2 * (width - _GAP) // 5, len(_title(plan, Role.INFRA)) + 4)
    right = width - left - _GAP
    columns = (0, left + _GAP)
    down = tuple(column + _JOINT for column in columns)
    lines = _entrances(plan, (left + _GAP - 1, right), columns)
    lines += _arrows(down, (_port("I1"), _port("N1")))
    lines += _beside(
        _box(_title(plan, Role.INFRA), infra, left, bottom=(_JOINT,)),
        _box(_title(plan, Role.MASTER), masters, right, bottom=(_JOINT,)),
    )
    if not workers:
        return [*lines, _overlay_between(down)]
    lines.append(_marks(down, ("│ " + _port("M2"), "│ " + _port("M2"))))
    return lines + _box(_title(plan, Role.WORKER), workers, width, top=down)


def _behind(plan: InstallPlan, shape: Topology, width: int) -> list[str]:
    """As `_with_infra`, with a load balancer before the masters."""
    balancer = shape.load_balancer
    assert balancer is not None
    behind = dict(balancer.listeners)
    columns = (0, 2 * (width - _GAP) // 5 + _GAP)
    down = tuple(column + _JOINT for column in columns)
    lines = _entrances(plan, (columns[1] - 1, width - columns[1]), columns)
    lines += _arrows(down, (_port("I1"), _port("N1")))
    lines += _box("load balancer", [balancer.name], width, bottom=down)
    lines += _arrows(down, (f"tcp {behind[443]}", f"tcp {behind[6443]}"))
    lines += _box(
        _title(plan, Role.MASTER), _names(plan, shape, Role.MASTER), width, bottom=(_JOINT,) if plan.workers else ()
    )
    if not plan.workers:
        return lines
    lines.append(_marks((_JOINT,), ("│ " + _port("M2"),)))
    return lines + _box(_title(plan, Role.WORKER), _names(plan, shape, Role.WORKER), width, top=(_JOINT,))


def _port(rule: str) -> str:
    return str(rules.RULES[rule].flows[0].traffic[0])


def _names(plan: InstallPlan, shape: Topology, role: Role) -> list[str]:
    """Names of a role's machines without the cluster's own name before them."""
    if shape.pool and shape.pool.role is role and shape.pool.count:
        return [f"a pool ({plan.pool_reason})"]
    return [machine.name.removeprefix(f"{plan.name}-") for machine in shape.of_role(role)]


def _title(plan: InstallPlan, role: Role) -> str:
    if role is Role.INFRA:
        return count(plan.infra, "infra node")
    return count(plan.masters, "master") if role is Role.MASTER else count(plan.workers, "worker")


def _entrances(plan: InstallPlan, widths: tuple[int, int], columns: tuple[int, int]) -> list[str]:
    """The two names above the arrows, on two lines each where one is too short."""
    names = (plan.console_host, plan.api_host)
    if all(len(name) <= width for name, width in zip(names, widths, strict=True)):
        return [_marks(columns, names)]
    hosts = tuple(name.partition(".")[0] for name in names)
    rest = tuple(_clip(f".{plan.subdomain}", width) for width in widths)
    return [_marks(columns, hosts), _marks(columns, rest)]


def _arrows(columns: Sequence[int], ports: Sequence[str]) -> list[str]:
    return [_marks(columns, [f"│ {port}" for port in ports]), _marks(columns, ["▼"] * len(columns))]


def _overlay_between(columns: Sequence[int]) -> str:
    """A line from one box to the other, for a cluster that has nothing below them."""
    first, last = columns
    label = f" {_port('M2')} "
    return " " * first + "└" + label.center(last - first - 1, "─") + "┘"


def _marks(columns: Sequence[int], texts: Sequence[str]) -> str:
    line = ""
    for column, text in zip(columns, texts, strict=True):
        line = line.ljust(column) + text
    return line


def _box(
    title: str, names: Sequence[str], width: int, top: Iterable[int] = (), bottom: Iterable[int] = ()
) -> list[str]:
    """A box with its title in the upper right corner, and joints at columns of its edges."""
    head = list("┌" + f" {title} ".rjust(width - 2, "─") + "┐")
    foot = list("└" + "─" * (width - 2) + "┘")
    for column in top:
        head[column] = "┴"
    for column in bottom:
        foot[column] = "┬"
    body = [f"│ {line.ljust(width - 4)} │" for line in _flow(names, width - 4)]
    return ["".join(head), *body, "".join(foot)]


def _flow(names: Sequence[str], width: int) -> list[str]:
    """Names on at most two lines; of too many, as many of the first as fit, and the last."""
    lines = _wrap(names, width)
    if len(lines) <= 2:
        return lines
    shown = [names[0], "…", names[-1]]
    for name in names[1:]:
        longer = [*shown[:-2], name, *shown[-2:]]
        if len(_wrap(longer, width)) > 1:
            break
        shown = longer
    return _wrap(shown, width)


def _wrap(names: Sequence[str], width: int) -> list[str]:
    lines = [""]
    for name in names:
        longer = f"{lines[-1]}  {name}" if lines[-1] else name
        if len(longer) > width and lines[-1]:
            lines.append(name)
        else:
            lines[-1] = longer
    return lines


def _beside(left: list[str], right: list[str]) -> list[str]:
    """Two boxes side by side; the shorter one's sides are drawn on."""
    height = max(len(left), len(right))
    return [a + " " * _GAP + b for a, b in zip(_taller(left, height), _taller(right, height), strict=True)]


def _taller(box: list[str], height: int) -> list[str]:
    blank = "│" + " " * (len(box[0]) - 2) + "│"
    return [*box[:-1], *[blank] * (height - len(box)), box[-1]]


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
