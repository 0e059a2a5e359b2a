"""Sign-in: what Dex, the console and the API servers have to know of each other and of the administrator."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from installer.cluster import administrator, cluster_secrets, kubeadm, masters, probe_account
from installer.cluster.connectors import configurations
from installer.cluster.console_certificate import issuer_certificate
from installer.cluster.identity import CONSOLE_SECRET, authenticator, dex_configuration
from installer.common import json_reader
from installer.common.paths import ClusterDirectory
from installer.node.program import run_program
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Permanent

_DEX = ("craton-sign-in", "dex")
_CONSOLE = ("craton-console", CONSOLE_SECRET)
_PROBE = ("craton-sign-in", "probe")
_APPLY = ("--server-side", "--force-conflicts", "--field-manager", "craton-sign-in", "--filename", "-")


@dataclass(frozen=True)
class SignInSecrets(Permanent):
    """Dex has the administrator's password (its bcrypt hash) and the console's secret, which the console has, too.

    The console's secret is made once and stays; the password is that of `craton password`, or one made at random.
    So does the account with which `craton check` tries a sign-in, whose password no computer but the cluster has.
    """

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:
        found = {place: cluster_secrets.read(ctx, *place) for place in (_DEX, _CONSOLE, _PROBE)}
        wanted = self._wanted(ctx, found, make=False)
        lacking = [f"{name} in {space}" for (space, name), data in wanted.items() if found[space, name] != data]
        return Observation(not lacking, f"not as planned: {', '.join(lacking)}" if lacking else "as planned")

    def apply(self, ctx: Context) -> None:
        found = {place: cluster_secrets.read(ctx, *place) for place in (_DEX, _CONSOLE, _PROBE)}
        wanted = self._wanted(ctx, found, make=True)
        masters.kubectl(ctx, "apply", *_APPLY, stdin=json.dumps(_list(wanted)))
        for (space, _), app in ((_DEX, "dex"), (_CONSOLE, "headlamp")):
            # They read what they know when they start; those that do not run yet are no error.
            masters.kubectl(ctx, "delete", "pod", "--selector", f"app={app}", "-n", space, "--wait=false",
                            "--ignore-not-found")  # fmt: skip

    def _wanted(
        self, ctx: Context, found: Mapping[tuple[str, str], Mapping[str, str]], *, make: bool
    ) -> dict[tuple[str, str], dict[str, str]]:
        """What the Secrets should hold. Secret."""
        known = found[_CONSOLE].get("secret", "")
        secret = known or (secrets.token_urlsafe(32) if make else "")
        hash = administrator.password_hash(ctx.world.directory, _hash_in(found[_DEX]), make=make)
        connectors = configurations(self.plan)
        console = {"secret": secret}
        if certificate := issuer_certificate(self.plan, ctx.world.directory):
            console["ca.crt"] = certificate
        probe = probe_account.kept(found[_PROBE]) or (probe_account.make() if make else {})
        dex = {"config.yaml": dex_configuration(self.plan, hash, probe.get("hash", ""), secret, connectors)}
        return {_DEX: dex, _CONSOLE: console, _PROBE: probe or {"password": "", "hash": ""}}


@dataclass(frozen=True)
class Trust(Permanent):
    """A master's API server believes who signed in: it says which settings it uses, or its file has to do.

    It takes a new file only once the issuer has answered it, and asks one that did not answer again a minute later.
    """

    plan: InstallPlan
    machine: str

    def observe(self, ctx: Context) -> Observation:
        lines = run_program(ctx, self.machine, "policies", "sums").splitlines()
        found = {what: sum for sum, _, what in (line.partition("  ") for line in lines)}
        wanted = hashlib.sha256(authentication(self.plan, ctx.world.directory).encode()).hexdigest()
        if found.get("authentication.yaml") != wanted:
            return Observation(False, "it does not know the issuer yet, or knows another")
        if "in use" not in found:  # not every API server says it in time
            return Observation(True, "its file is as planned; the API server doesn't say which settings it uses")
        return Observation(found["in use"] == wanted, "as planned" if found["in use"] == wanted else self._behind())

    def apply(self, ctx: Context) -> None:
        text = kubeadm.payload({"authentication.yaml": authentication(self.plan, ctx.world.directory)})
        run_program(ctx, self.machine, "policies", stdin=text)

        def look() -> tuple[Observation | None, str]:
            found = self.observe(ctx)
            return (found if found.holds else None), found.seen

        ctx.wait_until(f"the API server of {self.machine} to take the new settings for sign-in", look, 2.0)

    def _behind(self) -> str:
        if not self.plan.addons.sign_in:
            return "it has yet to read that nobody signs in any more"
        return f"it uses older settings until {self.plan.issuer} has answered it"


def authentication(plan: InstallPlan, directory: ClusterDirectory) -> str:
    """The API server's AuthenticationConfiguration, with Dex as issuer if people sign in. Raises InstallerError."""
    if not plan.addons.sign_in:
        return kubeadm.authentication()
    return kubeadm.authentication([authenticator(plan, issuer_certificate(plan, directory))])


def _hash_in(dex: Mapping[str, str]) -> str:
    """The hash of the password that the cluster knows; empty if it knows none."""
    try:
        return str(json_reader.parse(dex.get("config.yaml", ""))["staticPasswords"][0]["hash"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _list(wanted: Mapping[tuple[str, str], Mapping[str, str]]) -> dict[str, object]:
    items: list[dict[str, object]] = []
    for (space, name), texts in wanted.items():
        data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
        metadata = {"name": name, "namespace": space}
        items.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    return {"apiVersion": "v1", "kind": "List", "items": items}
