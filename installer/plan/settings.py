"""The fields of a plan with its platform, and the section that the platform has in it.

A section has the platform's name as its key. That of the platform which the plan names is validated by the platform's
own model, and the others are passed over: a plan can be rehearsed, and keep in its file what the real platform needs.

Six settings mean the same wherever a platform has them: `inventory`, `firewall`, `integration`, `load_balancers`,
`pool_above` and `worker_pool`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, SerializeAsAny, ValidationInfo, model_validator
from pydantic_core import PydanticKnownError

from installer.plan.common_settings import CommonSettings
from installer.plan.fields import Part, refuse
from installer.plan.host import Host
from installer.plan.platforms import DEFAULT, PLATFORMS
from installer.plan.registration import Integration, PlatformTraits, Registration

Settings = TypeVar("Settings", bound=Part)


@dataclass(frozen=True, slots=True)
class _Section:
    """A platform's section on its way through pydantic, which tells validators of extra keys nothing about the key."""

    platform: str
    data: Any


def _valid_section(section: object, info: ValidationInfo) -> Part:
    if not isinstance(section, _Section):
        raise PydanticKnownError("extra_forbidden")
    return PLATFORMS[section.platform].settings().model_validate(section.data, context=info.context)


def _valid_platform(value: object) -> str:
    if not isinstance(value, str) or value not in PLATFORMS:
        raise refuse(value, f"Choose a platform: {', '.join(PLATFORMS)}.")
    return value


class PlanSettings(CommonSettings):
    """Every field of a plan, each valid by itself, and what follows from them."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[SerializeAsAny[Part], PlainValidator(_valid_section)]]

    platform: Annotated[str, BeforeValidator(_valid_platform), Field(json_schema_extra={"enum": list(PLATFORMS)})] = (
        DEFAULT
    )

    @model_validator(mode="before")
    @classmethod
    def _only_the_own_section(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        named = data.get("platform", DEFAULT)
        kept = {key: value for key, value in data.items() if key not in PLATFORMS}
        if isinstance(named, str) and named in PLATFORMS:
            kept[named] = _Section(named, data.get(named, {}))
        return kept

    @property
    def registration(self) -> Registration:
        return PLATFORMS[self.platform]

    @property
    def traits(self) -> PlatformTraits:
        return self.registration.traits

    @property
    def settings(self) -> Part:
        """The settings of the platform that this plan names."""
        return self.settings_of(Part)

    def settings_of(self, model: type[Settings]) -> Settings:
        """The settings of the platform that this plan names, which are a `model`. Raises TypeError if they are not."""
        found = self.__pydantic_extra__[self.platform]
        if not isinstance(found, model):
            raise TypeError(f"the settings of {self.platform} are no {model.__name__}")
        return found

    @property
    def load_balancers(self) -> bool:
        """Whether load balancers are to be had where this plan installs."""
        return getattr(self.settings, "load_balancers", self.traits.load_balancers)

    @property
    def firewall(self) -> bool:
        """Whether the machines themselves keep the contract's rules, by a table of Craton's own."""
        return getattr(self.settings, "firewall", False)

    @property
    def worker_pool(self) -> bool:
        """Whether the workers are machines of one pool that the platform keeps, and have no names in the plan."""
        return bool(self.pool_reason)

    @property
    def pool_reason(self) -> str:
        """Why the workers are a pool, in a word or two; empty where they have names of their own."""
        if getattr(self.settings, "worker_pool", False):
            return f"{self.platform}.worker_pool"
        above = getattr(self.settings, "pool_above", None)
        return f"more than {above} workers" if above is not None and self.workers > above else ""

    @property
    def integration(self) -> Integration | None:
        """How Kubernetes uses the platform's own API; None unless the plan asks for it."""
        return self.registration.integration if getattr(self.settings, "integration", False) else None

    @property
    def publishes_names(self) -> bool:
        """Whether anybody publishes the contract's names as `dns` says. Nobody looks for stand-ins."""
        return self.dns.provider != "hosts" and not self.traits.stand_ins

    @property
    def addon_names(self) -> tuple[str, ...]:
        """Names of all addons, as manifests and steps use them, those of the platform first."""
        found = self.integration
        return (*((found.controller.name, found.volumes.name) if found else ()), *self.addons.chosen)

    @property
    def inventory(self) -> tuple[Host, ...]:
        """The user's own machines; none where the platform makes them."""
        return getattr(self.settings, "inventory", ())
