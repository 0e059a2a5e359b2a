"""All that the rest of the product knows of a platform: a value in the package of that platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from installer.plan.change import Judge
from installer.plan.conflict import ConflictRule
from installer.plan.guidance import Guidance
from installer.plan.question import Question
from installer.plan.suggestions import Depends

if TYPE_CHECKING:
    from installer.plan.fields import Part


@dataclass(frozen=True)
class PlatformTraits:
    """What sets a platform apart, for everybody who would otherwise have to ask for it by name."""

    name: str
    title: str
    summary: str
    cloud: bool = False
    """Nodes call the platform's API (contract rule M12)."""
    inventory: bool = False
    """Its machines are the user's own, listed in the setting `inventory`: they keep name and address, and are never
    deleted."""
    assigns_addresses: bool = False
    """Machines and load balancers get their addresses from the platform, once they exist."""
    load_balancers: bool = True
    """Whether there are load balancers; a setting `load_balancers` says so for each plan."""
    shared_link: bool = False
    """Its machines share a link on which an address can move between them (VRRP)."""
    passthrough: bool = False
    """Its load balancer changes neither addresses nor ports: web traffic reaches the masters at 443 and 80."""
    unbalanced: str = "This platform has no load balancer here."
    """What to tell somebody who chose a load balancer where there is none."""
    here: bool = False
    """Its machines run on this computer's processors, and so have its architecture."""
    bridge: bool = False
    """This computer reaches the machines from a bridge, which has the first address of their network."""
    keeps_keys: bool = False
    """An agent of the platform on the machines writes who may log in: what Craton changed there would come back."""
    stand_ins: bool = False
    """Its machines are stand-ins: no kubectl, browser or resolver outside finds the cluster."""
    notice: str = ""
    """What every screen about a cluster of this platform says, or empty."""
    cost: str = "cost unknown"
    """What its machines cost, as far as that is known before the platform is asked."""
    prices: str = ""
    """The address of a page that works out what machines cost, or empty."""
    guidance: Guidance | None = None
    """Why somebody would choose the platform; the wizard shows it while it is highlighted."""

    @property
    def inventory_field(self) -> str:
        """Where a plan lists its machines, as a dotted path."""
        return f"{self.name}.inventory"


@dataclass(frozen=True, slots=True)
class CloudAddon:
    """What Kubernetes runs to use a cloud: manifests below `assets/manifests`, and the last of their objects."""

    name: str
    title: str
    """Of its step."""
    templates: tuple[str, ...]
    kind: Literal["DaemonSet", "Deployment"]
    workload: str


@dataclass(frozen=True, slots=True)
class Integration:
    """How Kubernetes uses a cloud's API, where the platform's setting `integration` asks for it."""

    controller: CloudAddon
    """The cloud-controller-manager: no pod runs on a node before it has looked at that."""
    volumes: CloudAddon
    """The CSI driver, with the default StorageClass."""
    values: Callable[[Any, Any], Mapping[str, object]]
    """From a plan and its settings of the platform to what the manifests need to know of it, besides their images."""


@dataclass(frozen=True)
class Registration:
    """One platform. It is read for `craton --help`, too: pydantic and clients are imported in functions alone."""

    traits: PlatformTraits
    settings: Callable[[], type[Part]]
    """Imports the model of the plan's section that has the platform's name. Each of its fields has a default."""
    comment: str = ""
    """What a new plan file says above that section."""
    questions: Mapping[str, tuple[Question, ...]] = field(default_factory=dict)
    """By the page of the wizard that they come last on; another title is a page of its own, after "Platform"."""
    conflicts: tuple[ConflictRule, ...] = ()
    """Rules between its settings and the rest of the plan."""
    integration: Integration | None = None
    """None where Kubernetes has no way to use the platform."""
    changes: Mapping[str, Judge] = field(default_factory=dict)
    """The risk of changing fields that every plan has, where this platform judges it in its own way."""
    suggests: Depends = field(default_factory=dict)
    """Fields for which `installer.platforms.NAME.suggestions` finds answers in an account, in a process of its own."""
