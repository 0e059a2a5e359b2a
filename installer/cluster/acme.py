"""ACME (RFC 8555): what cert-manager is told of the plan's server, its keys, and why a certificate isn't there yet."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from installer.artifacts.published import published
from installer.cluster import cluster_secrets, definitions, masters, objects
from installer.cluster.connectors import read_secret
from installer.cluster.dns.zone import key_of
from installer.cluster.tls.given import read_certificates
from installer.common import json_reader
from installer.common.errors import ExitCode, InstallerError
from installer.common.shape import shaped
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Permanent, Proof

_SPACE, _SECRET = "cert-manager", "craton-acme"
_ACCOUNT, _ZONE = "account", "tsig"
_SECONDS = 15.0
_LARGEST = 65536
_CERTIFICATE = ("craton-ingress", "console")


@dataclass(frozen=True)
class CheckACME(Proof):
    """The files that the plan names can be used, and the server speaks ACME and takes accounts such as the plan's."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:  # noqa: ARG002 (asks from this computer)
        configuration(self.plan)
        keys(self.plan)
        if self.plan.traits.stand_ins:
            return Observation(True, "the files can be read; a rehearsal asks no server")
        check_directory(self.plan)
        return Observation(True, f"{self.plan.certificate.acme_directory} answers")


@dataclass(frozen=True)
class ACMEKeys(Permanent):
    """cert-manager has the keys of the account and of the zone, as the plan's files have them now."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:
        same = cluster_secrets.read(ctx, _SPACE, _SECRET) == keys(self.plan)
        return Observation(same, "as in the plan's files" if same else "cert-manager has other keys, or none")

    def apply(self, ctx: Context) -> None:
        data = {name: base64.b64encode(text.encode()).decode() for name, text in keys(self.plan).items()}
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SPACE}}
        metadata = {"name": _SECRET, "namespace": _SPACE}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        flags = ("--server-side", "--force-conflicts", "--field-manager", "craton-acme", "--filename", "-")
        told = json.dumps({"apiVersion": "v1", "kind": "List", "items": [space, secret]})
        masters.kubectl(ctx, "apply", *flags, stdin=told)


def keys(plan: InstallPlan) -> dict[str, str]:
    """The texts of the keys that cert-manager needs, by their names in its Secret. Secret.

    Raises InstallerError (preflight) naming a file that is no use.
    """
    found = {}
    if plan.certificate.account_key:
        found[_ACCOUNT] = read_secret(plan.certificate.account_key, "certificate.account_key")
        try:
            base64.urlsafe_b64decode(found[_ACCOUNT] + "==")
        except ValueError:
            observed = f"{plan.certificate.account_key}: it is no key for external accounts, which is base64url"
            raise _refused(observed, "Save the HMAC key there as your CA shows it.") from None
    if plan.certificate.challenge == "dns-01":
        found[_ZONE] = base64.b64encode(key_of(plan.dns)).decode()
    return found


def configuration(plan: InstallPlan) -> dict[str, Any]:
    """The `spec.acme` of cert-manager's ClusterIssuer. Raises InstallerError (preflight)."""
    chosen = plan.certificate
    found: dict[str, Any] = {
        "server": chosen.acme_directory,
        "privateKeySecretRef": {"name": "craton-acme-account"},
        "solvers": [_solver(plan)],
    }
    if chosen.email:
        found["email"] = chosen.email
    if chosen.account:
        key = {"name": _SECRET, "key": _ACCOUNT}
        found["externalAccountBinding"] = {"keyID": chosen.account, "keySecretRef": key}
    if trusted := trust(plan):
        found["caBundle"] = base64.b64encode(trusted.encode()).decode()
    return found


def trust(plan: InstallPlan) -> str:
    """In PEM, whom to believe where the ACME server isn't a public one; empty if systems know its authority.

    Raises InstallerError (preflight).
    """
    from installer.cluster.tls.authority import chain_text

    return chain_text(read_certificates(plan.certificate.trust)) if plan.certificate.trust else ""


def _solver(plan: InstallPlan) -> dict[str, Any]:
    if plan.certificate.challenge == "http-01":
        return {"http01": {"ingress": {"ingressClassName": "traefik"}}}
    dns = plan.dns
    return {
        "dns01": {
            "rfc2136": {
                "nameserver": f"{dns.server}:{dns.port}",
                "tsigKeyName": dns.key_name,
                "tsigAlgorithm": dns.algorithm.replace("-", "").upper(),
                "tsigSecretSecretRef": {"name": _SECRET, "key": _ZONE},
            }
        }
    }


def check_directory(plan: InstallPlan) -> None:
    """Raises InstallerError (preflight) unless the plan's server answers with a directory of ACME that suits it."""
    import ssl

    import httpx2

    url = plan.certificate.acme_directory
    try:
        answer = httpx2.get(url, verify=ssl.create_default_context(cadata=trust(plan) or None), timeout=_SECONDS)
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise _refused(f"{url}: {error}", "Correct certificate.directory, or certificate.trust.") from None
    found = read_directory(answer.text[:_LARGEST])
    if lacking := [name for name in ("newNonce", "newAccount", "newOrder") if not found.get(name)]:
        observed = f"{url} is no directory of ACME: it has no {lacking[0]}"
        raise _refused(observed, "Give the directory's own address; your CA's documentation has it.")
    if (found.get("meta") or {}).get("externalAccountRequired") and not plan.certificate.account:
        observed = f"{url} takes only accounts that it knows (external account binding)"
        raise _refused(observed, "Set certificate.account and certificate.account_key to what your CA gave you.")


def read_directory(text: str) -> Mapping[str, Any]:
    """A server's directory (RFC 8555, section 7.1.1), as far as Craton looks at it; nothing if it is none."""
    shape = {"newNonce": str, "newAccount": str, "newOrder": str, "meta": {"externalAccountRequired": bool}}
    try:
        found: Mapping[str, Any] = shaped(json_reader.parse(text), shape)
    except ValueError:
        return {}
    return found


def reasons(ctx: Context) -> Iterator[str]:
    """Why there is no certificate yet: challenges and orders that wait or failed, and what was said last of it."""
    space, name = _CERTIFICATE
    for kind in ("challenges.acme.cert-manager.io", "orders.acme.cert-manager.io"):
        for each in _listed(ctx, kind, space):
            status = each.get("status") or {}
            if (state := status.get("state") or "waiting") not in ("valid", "ready"):
                what = (each.get("spec") or {}).get("type") or kind.partition(".")[0].removesuffix("s")
                yield ": ".join(filter(None, (f"{what} is {state}", status.get("reason"))))
    selected = ("--field-selector", f"involvedObject.kind=Certificate,involvedObject.name={name}")
    if events := _listed(ctx, "events", space, *selected):
        yield f"last event: {events[-1].get('message') or events[-1].get('reason') or 'unknown'}"


def _listed(ctx: Context, kind: str, space: str, *more: str) -> list[Mapping[str, Any]]:
    try:
        found = objects.read(masters.kubectl(ctx, "get", kind, "-n", space, *more, "-o", "json")) or {}
    except InstallerError:  # what is waited for is said all the same
        return []
    return list(found.get("items") or [])


def is_ordered(ctx: Context) -> bool:
    """Whether cert-manager looks after the console's certificate, as an earlier plan had it. Raises InstallerError."""
    if definitions.unknown(ctx, published("cert-manager").definitions):
        return False
    answer = masters.kubectl(ctx, "get", "--filename", "-", "--ignore-not-found", "-o", "json", stdin=_order())
    return objects.read(answer) is not None


def take_back(ctx: Context) -> None:
    """Delete that order: cert-manager would replace any other certificate."""
    masters.kubectl(ctx, "delete", "--filename", "-", "--ignore-not-found", "--wait=false", stdin=_order())


def _order() -> str:
    space, name = _CERTIFICATE
    metadata = {"name": name, "namespace": space}
    return json.dumps({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata})


def _refused(observed: str, hint: str) -> InstallerError:
    return InstallerError("prepare the certificate from ACME", observed, hint=hint, exit_code=ExitCode.PREFLIGHT)
