"""A machine that the user has: where it is, and how to log in to it."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from installer.plan.fields import Part, valid_account, valid_address, valid_internal, valid_jump, valid_key_path


class Host(Part):
    """A machine that the user has. What is not given here comes from ~/.ssh/config, and then from the plan's `ssh`."""

    address: Annotated[str, BeforeValidator(valid_address)]
    """Where SSH finds it: an IP address, a DNS name, or a Host of ~/.ssh/config."""
    internal: Annotated[IPv4Address | None, BeforeValidator(valid_internal)] = None
    """Where the other machines find it; needed where `address` is not an IPv4 address."""
    role: Literal["master", "infra", "worker"] | None = None
    """None: Craton assigns it."""
    user: Annotated[str, BeforeValidator(valid_account)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    key: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    jump: Annotated[str | None, BeforeValidator(valid_jump)] = None

    @property
    def node_address(self) -> IPv4Address | None:
        """Where the other machines find it, or None if the plan does not say."""
        if self.internal is not None:
            return self.internal
        try:
            return IPv4Address(self.address)
        except ValueError:
            return None
