"""Checks of what Craton brings up in a cluster: the console's name with sign-in and console, and the node exporter.

Addons come up while an install is verified, so only `craton check` makes these.
"""

from __future__ import annotations

import re
import shlex
import time
from calendar import timegm
from collections.abc import Mapping
from typing import TYPE_CHECKING

from installer.health.check import LATER, Check, Judgement, Subject, Verdict
from installer.health.ending import USUAL, Limits, left
from installer.health.parsing import brief, document, pairs
from installer.health.probing import asset
from installer.plan.oidc_names import PREFIX, PROBE_EMAIL
from installer.plan.rules import Level, Role
from installer.plan.topology import Machine, Topology
from installer.steps.evidence import Probe, Unreadable

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

PLACE = 4


def _ask_console(machine: Machine, topology: Topology) -> str:
    host = next((record.name for record in topology.records if record.rule == "D2"), "")
    settings = {"host": host, "server": f"https://{machine.located}:6443"}
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()) + asset("console.sh")


def _ask_exporter(machine: Machine, _topology: Topology) -> str:
    url = shlex.quote(f"http://{machine.located}:9100/metrics")
    return f"curl -sS --noproxy '*' --max-time 8 {url} 2>&1 | grep -m 1 -e '^node_' -e '^curl:'"


CONSOLE = Probe("console", _ask_console, (Role.MASTER,), seconds=60)
EXPORTER = Probe("exporter", _ask_exporter)


def _console(subject: Subject) -> Judgement:
    """As the API server sees it: its certificate, the issuer of the tokens, the page, and a sign-in."""
    plan = subject.plan
    if not plan.addons.ingress:
        return Verdict.NOT_APPLICABLE, "the plan leaves the ingress out", ""
    if CONSOLE.id not in subject.evidence.probes:
        return Verdict.NOT_APPLICABLE, LATER, ""
    answer, sections = _sections(subject.evidence.output(CONSOLE.id))
    if "sign-in" not in sections:
        raise Unreadable(f"no answer about {plan.console_host}: {brief(answer)}")
    remedy = "kubectl get pods -A -l 'app in (traefik, dex, headlamp)' says what runs"
    status = pairs(answer, " ").get("status", "")
    if status in ("", "000"):
        return Verdict.FAIL, f"https://{plan.console_host} does not answer: {brief(_curl(answer))}", remedy
    wrong = _issuer_trouble(sections["sign-in"], plan.issuer) if plan.addons.sign_in else ""
    if wrong and plan.addons.console and status == "404":  # an older Craton made the cluster, which works without
        brings = f"craton resume {plan.name} installs them, unless it has done so; then {remedy}"
        return Verdict.WARN, f"https://{plan.console_host} has neither sign-in nor console", brings
    if wrong:
        return Verdict.FAIL, wrong, remedy
    if plan.addons.console and status != "200":
        return Verdict.FAIL, f"the console's page answers with status {brief(status)}, not 200", remedy
    if plan.addons.sign_in and (who := sections.get("signed-in", _PROBE)) != _PROBE:
        why = "kubectl -n craton-sign-in logs -l app=dex says what Dex saw"
        return Verdict.FAIL, f"nobody can sign in: {brief(who)}", why
    gateway = sections.get("gateway", "True")
    if plan.addons.gateway and not gateway.startswith("True"):
        why = "kubectl -n craton-ingress describe gateway traefik says why"
        return Verdict.FAIL, f"the Gateway doesn't work: {brief(gateway)}", why
    metrics = sections.get("metrics", "True")
    if plan.addons.metrics_server and not metrics.startswith("True"):
        why = "kubectl -n kube-system logs -l app=metrics-server says why"
        return Verdict.FAIL, f"kubectl top has no metrics: {brief(metrics)}", why
    return _certificate(subject, pairs(answer, " "), "signed-in" in sections)


_PROBE = f"{PREFIX}{PROBE_EMAIL}"
"""As whom the probe signs in; an older Craton made the cluster where there is no such account, and nobody tries."""


def _sections(output: str) -> tuple[str, dict[str, str]]:
    """What is before the first line `#NAME`, and what is after each of them."""
    first, *rest = re.split(r"^#([a-z-]+)$", output, flags=re.MULTILINE)
    return first, {name: text.strip() for name, text in zip(rest[::2], rest[1::2], strict=True)}


def _curl(answer: str) -> str:
    return next((line for line in answer.splitlines() if line.startswith("curl: ")), answer)


def _issuer_trouble(discovery: str, issuer: str) -> str:
    """What is wrong with Dex's own description of itself; nothing if it is that of the plan's issuer."""
    try:
        told = document(discovery, "Dex").get("issuer")
    except Unreadable as why:
        return f"nobody can sign in: {why}"
    return "" if told == issuer else f"Dex calls itself {brief(str(told))}, and the API servers believe {issuer} alone"


def _certificate(subject: Subject, shown: Mapping[str, str], signed_in: bool) -> Judgement:
    what = [name for name in ("ingress", "gateway", "sign_in", "console") if getattr(subject.plan.addons, name)]
    seen = f"{', '.join(name.replace('_', '-') for name in what)} answer{'s' if len(what) == 1 else ''}"
    seen += "; a probe signed in" if signed_in else ""
    ends = time_of(shown.get("expires", ""))
    if ends is None:  # curl says it where it was built with OpenSSL
        return Verdict.PASS, seen, ""
    now = subject.evidence.answered_at
    issuer = brief(shown["issuer"]) if shown.get("issuer") else ""
    seen = f"{seen}; certificate{f' of {issuer}' if issuer else ''}: {left(ends, now)}"
    verdict = limits(subject.plan, shown).judge(ends, now)
    if verdict is Verdict.PASS:
        return verdict, seen, ""
    renews = f"craton certs renew {subject.plan.name}"
    others = {
        "files": "renew the plan's files, then resume",
        "acme": "kubectl -n craton-ingress describe certificate console says why cert-manager doesn't renew it",
    }
    remedy = others.get(subject.plan.certificate.source, renews)
    return verdict, seen, remedy


def limits(plan: InstallPlan, shown: Mapping[str, str]) -> Limits:
    """When the certificate that the ingress shows is too near its end: ACME servers say how long theirs last."""
    begins, ends = (time_of(shown.get(name, "")) for name in ("begins", "expires"))
    if plan.certificate.source != "acme" or begins is None or ends is None:
        return USUAL
    return Limits.renewed_in_time(ends - begins)


def time_of(printed: str) -> float | None:
    """Unix seconds of a date as curl prints it, such as `Nov 29 06:35:00 2027 GMT`; None if it is none."""
    if not re.fullmatch(r"[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4} GMT", printed):
        return None
    try:
        return float(timegm(time.strptime(printed, "%b %d %H:%M:%S %Y %Z")))
    except ValueError:
        return None


def _exporter(subject: Subject) -> Judgement:
    if not subject.plan.addons.node_exporter:
        return Verdict.NOT_APPLICABLE, "the plan leaves the node exporter out", ""
    if EXPORTER.id not in subject.evidence.probes:
        return Verdict.NOT_APPLICABLE, LATER, ""
    output = subject.evidence.output(EXPORTER.id).strip()
    if output.startswith("node_"):
        return Verdict.PASS, "serves metrics on port 9100", ""
    remedy = "kubectl -n craton-monitoring get pods -o wide says whether its pod runs"
    return Verdict.WARN, f"no metrics on port 9100: {brief(output)}", remedy


CHECKS = (
    Check("console", "console", Level.NEEDED, _console, (CONSOLE,), (Role.MASTER,), later=True),
    Check("exporter", "exporter", Level.SHOULD, _exporter, (EXPORTER,), later=True),
)
