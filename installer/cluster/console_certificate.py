"""The certificate that the ingress shows at the console's name (contract D2)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from installer.cluster import acme, cluster_secrets, masters
from installer.cluster.tls import authority
from installer.cluster.tls.given import Pair
from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Permanent, Proof

if TYPE_CHECKING:
    from cryptography import x509

NAMESPACE, SECRET = "craton-ingress", "certificate"
"""Where Traefik finds it; the Ingress of that name in assets/manifests/ingress.yaml names it."""


@dataclass(frozen=True)
class CheckCertificate(Proof):
    """The user's certificate, or CA, can be used: nothing else begins before."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:  # noqa: ARG002 (asks only this computer)
        found = authority.given(self.plan)
        assert found is not None, "this step is of plans that name files"
        return Observation(True, f"valid until {found.first.not_valid_after_utc:%Y-%m-%d}")


@dataclass(frozen=True)
class ConsoleCertificate(Permanent):
    """The cluster has a certificate for the console's name, which what the plan names signed, with time left."""

    plan: InstallPlan
    least: timedelta = authority.RENEWED
    """What has no more than this left is signed again."""

    def observe(self, ctx: Context) -> Observation:
        shown = shown_certificates(ctx)
        if not shown:
            return Observation(False, f"there is no certificate for {self.plan.console_host}")
        if acme.is_ordered(ctx):
            return Observation(False, "cert-manager still looks after it, for an earlier plan")
        if self.plan.certificate.source == "files":
            wanted = authority.given(self.plan)
            same = wanted is not None and shown == wanted.chain
            return Observation(same, "the plan's own" if same else "it isn't the one that the plan names")
        signer = authority.signer(self.plan, ctx.world.directory)
        if not _signed_by(shown[0], signer):
            return Observation(False, "another authority signed it")
        left = shown[0].not_valid_after_utc - datetime.now(UTC)
        return Observation(left > self.least, f"{max(0, left.days)} days are left")

    def apply(self, ctx: Context) -> None:
        if self.plan.certificate.source == "files":
            pair = authority.given(self.plan)
            assert pair is not None, "such a plan names files"
        else:
            pair = authority.issue(authority.signer(self.plan, ctx.world.directory), self.plan.console_host)
        if acme.is_ordered(ctx):
            acme.take_back(ctx)
        # On stdin alone: no file of the master ever holds the key.
        masters.kubectl(ctx, "apply", *_APPLY, stdin=json.dumps(_secret(pair)))
        ctx.log(f"certificate of {self.plan.console_host}, until {pair.first.not_valid_after_utc:%Y-%m-%d}")


# A field manager of its own: the ingress' manifests own the namespace's labels, and one that applies none removes them.
_APPLY = ("--server-side", "--force-conflicts", "--field-manager", "craton-certificate", "--filename", "-")


def shown_certificates(ctx: Context) -> tuple[x509.Certificate, ...]:
    """The chain in the cluster, which the ingress shows; empty if there is none, or nothing that can be read."""
    from cryptography import x509

    text = cluster_secrets.read(ctx, NAMESPACE, SECRET).get("tls.crt", "")
    try:
        return tuple(x509.load_pem_x509_certificates(text.encode()))
    except ValueError:
        return ()


def issuer_certificate(plan: InstallPlan, directory: ClusterDirectory) -> str:
    """In PEM, what programs trust that ask the console's name; empty if their systems' own authorities do.

    Raises InstallerError if the plan's files cannot be used.
    """
    if plan.certificate.source == "acme":
        return acme.trust(plan)
    signer = authority.signer(plan, directory)
    last = signer.chain[-1]
    if plan.certificate.source == "files" and len(signer.chain) == 1 and last.issuer != last.subject:
        return ""
    return authority.chain_text((last,))


def _secret(pair: Pair) -> dict[str, object]:
    """The namespace as the ingress' own manifests have it, and the Secret in it. Secret."""
    texts = {"tls.crt": authority.chain_text(pair.chain), "tls.key": authority.key_text(pair.key)}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data}
    metadata = {"metadata": {"name": SECRET, "namespace": NAMESPACE}}
    return {"apiVersion": "v1", "kind": "List", "items": [space, secret | metadata]}


def _signed_by(one: x509.Certificate, signer: Pair) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        one.verify_directly_issued_by(signer.first)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
