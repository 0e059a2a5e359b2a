"""Where people who sign in come from, besides the administrator: what Dex asks in their name (its connectors)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from installer.plan.fields import Part, refuse, valid_base_url, valid_key_path

_ID = re.compile(r"[a-z][a-z0-9-]{0,31}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")

NEEDED = {
    "github": ("client_id",),
    "google": ("client_id",),
    "oidc": ("issuer", "client_id"),
    "ldap": ("host", "users"),
}
"""Fields that a connector can't do without, by its type."""


def valid_connector_id(value: object) -> str:
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise refuse(value, "Enter a short name, such as github: lowercase letters, digits and hyphens.")


def valid_words(value: object) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= 254 and value.isprintable()):
        return value
    raise refuse(value, "Enter up to 254 printable characters.")


def valid_ldap_host(value: object) -> str | None:
    if value is None or (isinstance(value, str) and _HOST.fullmatch(value)):
        return value
    raise refuse(value, "Enter the LDAP server's name, with a port if it isn't 636: ldap.example.com.")


_Words = Annotated[str | None, BeforeValidator(valid_words)]


class Connector(Part):
    """One source of people, as Dex asks it. Secrets are in files of this computer, never in a plan."""

    type: Literal["github", "google", "oidc", "ldap"]
    id: Annotated[str, BeforeValidator(valid_connector_id)]
    """Names it in Dex; unique among the plan's connectors."""
    name: _Words = None
    """What the sign-in page calls it; None for its id."""
    client_id: _Words = None
    """Of the application that you registered there; its callback is `https://NAME.SUBDOMAIN/dex/callback`."""
    secret_file: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """File with the client's secret; of LDAP, with the password of `bind_dn`. None where `craton secret` keeps it."""
    issuer: Annotated[str | None, BeforeValidator(valid_base_url)] = None
    """Of an OpenID provider."""
    organizations: Annotated[tuple[Annotated[str, BeforeValidator(valid_words)], ...], Field(strict=False)] = ()
    """Only their members may sign in: organizations of GitHub, domains of Google."""
    host: Annotated[str | None, BeforeValidator(valid_ldap_host)] = None
    """The LDAP server, asked over TLS."""
    ca_file: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """File with the certificate that signed the LDAP server's, in PEM, if systems don't know it."""
    bind_dn: _Words = None
    """As whom Dex searches LDAP; None for anonymously."""
    users: _Words = None
    """Below which entry of LDAP people are, such as ou=people,dc=example,dc=com."""
    groups: _Words = None
    """Below which entry groups are (groupOfNames); None for no groups."""

    @property
    def has_secret(self) -> bool:
        """Whether Dex has to know one of it."""
        return self.type != "ldap" or self.bind_dn is not None
