"""Certificates of kubelets' own servers: which requests are approved, and the step that approves a machine's.

A kubelet makes its key itself and asks the cluster's CA for a certificate, when it joins and again before that ends,
after most of a year. Kubernetes approves none of these by itself, since it can't know which names and addresses a
machine has. The plan does.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

from installer.cluster import masters, nodes, overview
from installer.node.program import Asked
from installer.plan.topology import Machine
from installer.steps.step import Context, Observation, Permanent

if TYPE_CHECKING:
    from cryptography import x509

SIGNER = "kubernetes.io/kubelet-serving"
OWN = "own"
"""What a machine says whose kubelet was never told to ask the cluster for a certificate."""
_GROUP = "system:nodes"
_GROUPS = frozenset({_GROUP, "system:authenticated"})
"""The groups the API server gives a kubelet that shows its own certificate."""
_EXTENSIONS = "1.2.840.113549.1.9.14"
"""The one PKCS#10 attribute that a kubelet sends: the extensions it asks for."""
_API = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_WAITS = "{{if not .status.conditions}}"
_TEMPLATE = (
    "{{range .items}}{{if eq .spec.username USERS}}" + _WAITS + '{{println "name" .metadata.name}}'
    '{{println "uid" .metadata.uid}}{{println "version" .metadata.resourceVersion}}'
    '{{println "signer" .spec.signerName}}{{println "user" .spec.username}}'
    '{{range .spec.groups}}{{println "group" .}}{{end}}{{range .spec.usages}}{{println "usage" .}}{{end}}'
    '{{println "document" .spec.request}}{{end}}{{end}}{{end}}'
)
"""For kubectl's go-template. Lines of their own, since long ones are cut."""
_REQUESTS = "requests"
"""What the step that approves keeps for a moment of what it saw."""
_USAGES = frozenset({"digital signature", "key encipherment", "server auth"})


@dataclass(frozen=True)
class ServingCertificate(Permanent):
    """The machine's kubelet serves with a certificate of the cluster's CA, and no request of its waits.

    Kubelets of clusters that an older version of Craton made sign their own; an upgrade of Kubernetes changes that.
    """

    machine: str

    def observe(self, ctx: Context) -> Observation:
        refused: list[str] = []
        waiting: list[Request] | None = None
        if ctx.world.answers.surveyed(self.machine, "condition") is None:
            waiting = self._waiting(ctx, refused)
        if waiting:  # as of a machine that has just joined, which then need not be asked, too
            ctx.world.answers.keep(self.machine, _REQUESTS, {_REQUESTS: waiting})
            return _unapproved(waiting)
        serving = masters.own_condition(ctx, self.machine, Asked.SURVEYED).serving
        if serving == OWN:
            return Observation(True, "its kubelet signs its own certificate until the next `craton upgrade`")
        if serving != masters.OK:  # whatever waits
            return Observation(False, _words(serving))
        if waiting is None and not overview.nobody_waits(ctx, self.machine, SIGNER):
            waiting = self._waiting(ctx, refused)
            if waiting:
                return _unapproved(waiting)
        return Observation(True, "; ".join([_words(serving), *refused[:2]]))

    def apply(self, ctx: Context) -> None:
        refused: list[str] = []
        seen = (ctx.world.answers.of_this_moment(self.machine, _REQUESTS) or {}).get(_REQUESTS)
        ctx.world.answers.forget(self.machine)  # once, and what it showed before changes now

        def probe() -> tuple[bool | None, str]:
            nonlocal seen
            found, seen = seen or self._waiting(ctx, refused), None
            for request in found:
                approve(ctx, request)
                ctx.log(f"approved {request.name}")
            serving = masters.own_condition(ctx, self.machine).serving
            if serving in (masters.OK, OWN):
                awaited = self._awaited(ctx)
                return (None, f"its kubelet hasn't asked for {awaited} yet") if awaited else (True, _words(serving))
            return None, "; ".join([_words(serving), *refused[:2]])

        ctx.wait_until(f"the kubelet of {self.machine} to have its certificate", probe, every=1.0)

    def _awaited(self, ctx: Context) -> str:
        """The first of the node's names and addresses that its kubelet has asked no certificate for; empty without.

        A cloud's controller adds some to the node, and the kubelet notices with its next report, within 5 minutes.
        """
        if ctx.world.plan.integration is None:
            return ""
        node = nodes.node_of(ctx, self.machine) or {}
        known = [str(one["address"]) for one in node.get("status", {}).get("addresses") or []]
        asked = {name for request in of_kubelet(ctx, self.machine) for name in request.names}
        return next((name for name in known if name not in asked), "")

    def _waiting(self, ctx: Context, refused: list[str]) -> list[Request]:
        """The machine's requests that wait and may be approved; those that may not are logged, once."""
        found = []
        machine = ctx.world.machine(self.machine)
        for request in waiting(ctx, self.machine):
            why = refusal(request, machine)
            if not why:
                found.append(request)
            elif (words := f"refused {request.name}: {why}") not in refused:
                refused.append(words)
                ctx.log(words)
        return found


@dataclass(frozen=True, slots=True)
class Request:
    """A CertificateSigningRequest: who asks, for what, and the PKCS#10 document (PEM)."""

    name: str
    uid: str
    version: str
    signer: str
    username: str
    groups: tuple[str, ...]
    usages: frozenset[str]
    document: bytes

    @property
    def names(self) -> frozenset[str]:
        """The DNS names and addresses that it asks for; none of a document that can't be read."""
        from cryptography import x509

        try:
            parsed = x509.load_pem_x509_csr(self.document)
            found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, x509.ExtensionNotFound):
            return frozenset()
        return frozenset(str(name.value) for name in found)


def refusal(request: Request, machine: Machine) -> str:
    """Why `request` is not one that `machine` may make for its kubelet's server, in words; empty if it is.

    Its kubelet itself has to ask, for its own node name and address and nothing else, with a signature that proves it
    has the key. Raises InstallerError while the machine has no address.
    """
    node = f"system:node:{machine.name}"
    if request.signer != SIGNER:
        return f"its signer is {request.signer}, not {SIGNER}"
    if request.username != node or set(request.groups) != _GROUPS:
        return f"{request.username} asks for it, not the kubelet of {machine.name}"
    if "server auth" not in request.usages or request.usages - _USAGES:
        return f"it is for {', '.join(sorted(request.usages)) or 'no use'}, not for a server alone"
    try:
        return _document_refusal(request.document, node, machine)
    except (ValueError, TypeError, ArithmeticError) as error:  # from a parser of what a machine sent
        return f"it can't be read: {type(error).__name__}"


def _document_refusal(document: bytes, node: str, machine: Machine) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    parsed = x509.load_pem_x509_csr(document)
    # The signer is another program with another parser: nothing may be there that it could read in another way.
    if parsed.public_bytes(Encoding.PEM).strip() != document.strip():
        return "it holds more than one request"
    if not parsed.is_signature_valid:
        return "its signature is wrong"
    if [attribute.oid.dotted_string for attribute in parsed.attributes] != [_EXTENSIONS]:
        return "it has other attributes than the names it asks for"
    if subject(parsed) != {("2.5.4.10", _GROUP), ("2.5.4.3", node)} or len(list(parsed.subject)) != 2:
        return f"its subject is {parsed.subject.rfc4514_string()}, not {node} of {_GROUP}"
    others = [ext.oid.dotted_string for ext in parsed.extensions if ext.oid != x509.SubjectAlternativeName.oid]
    if others:
        return f"it asks for the extension {others[0]}"
    try:
        names = list(parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return "it asks for no name and no address"
    allowed = {x509.DNSName(machine.name), x509.IPAddress(machine.located), *_named(machine.aliases)}
    surplus = [name for name in names if name not in allowed]
    if surplus:
        value = str(getattr(surplus[0], "value", surplus[0]))
        known = " and ".join([str(machine.located), *machine.aliases])
        return f"it asks for {value}, but the plan gives {machine.name} only its own name and {known}"
    return "" if names else "it asks for no name and no address"


def _named(names: Iterable[str]) -> Iterator[x509.GeneralName]:
    """DNS names and addresses as a certificate has them."""
    from cryptography import x509

    for name in names:
        try:
            yield x509.IPAddress(ip_address(name))
        except ValueError:
            yield x509.DNSName(name)


def subject(parsed: x509.CertificateSigningRequest) -> set[tuple[str, str]]:
    """The parts of the subject as (OID, text)."""
    return {(part.oid.dotted_string, str(part.value)) for part in parsed.subject}


def waiting(ctx: Context, machine: str) -> tuple[Request, ...]:
    """The requests of a machine's kubelet for its server that nobody has approved or denied yet.

    kubectl picks them out on the master: of a thousand kubelets that join at once, each step hears of one.
    """
    return _requests(ctx, machine, _TEMPLATE)


def of_kubelet(ctx: Context, machine: str) -> tuple[Request, ...]:
    """All requests of a machine's kubelet for its server that Kubernetes still knows, whatever became of them."""
    return _requests(ctx, machine, _TEMPLATE.replace(_WAITS, "{{if true}}"))


def _requests(ctx: Context, machine: str, template: str) -> tuple[Request, ...]:
    """Those of a machine's kubelet, asked for with those of all others that are wanted just now."""

    def ask(names: Sequence[str]) -> Mapping[str, tuple[Request, ...]]:
        users = {name: f"system:node:{name}" for name in names}
        wanted = template.replace("USERS", " ".join(f'"{user}"' for user in users.values()))
        of_signer = f"--field-selector=spec.signerName={SIGNER}"
        output = masters.kubectl(ctx, "get", "certificatesigningrequests", of_signer, "-o", f"go-template={wanted}")
        found = read_requests(output)
        return {name: tuple(one for one in found if one.username == user) for name, user in users.items()}

    return ctx.world.together.do(f"requests by {template}", machine, ask, ctx.remaining())


def approve(ctx: Context, request: Request) -> None:
    """Approve the very request that was judged. Raises InstallerError if another has taken its name since.

    `kubectl certificate approve` knows the name alone.
    """
    condition = {
        "type": "Approved",
        "status": "True",
        "reason": "CratonApprove",
        "message": "The plan has this machine with these names and addresses.",
    }
    changed = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": request.name, "uid": request.uid, "resourceVersion": request.version},
        "status": {"conditions": [condition]},
    }
    path = f"{_API}/{quote(request.name, safe='')}/approval"
    masters.kubectl(ctx, "replace", "--raw", path, "-f", "-", stdin=json.dumps(changed))


def read_requests(output: str) -> tuple[Request, ...]:
    """What kubectl makes of the template: lines `KEY VALUE`, of each request from its `name` on."""
    found = []
    for part in f"\n{output}".split("\nname ")[1:]:
        name, *lines = part.split("\n")
        pairs = [line.partition(" ")[::2] for line in lines]
        values = {key: [value for other, value in pairs if other == key] for key, _ in pairs}
        found.append(
            Request(
                name,
                "".join(values.get("uid", ())),
                "".join(values.get("version", ())),
                "".join(values.get("signer", ())),
                "".join(values.get("user", ())),
                tuple(values.get("group", ())),
                frozenset(values.get("usage", ())),
                _decoded("".join(values.get("document", ()))),
            )
        )
    return tuple(found)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _unapproved(waiting: Iterable[Request]) -> Observation:
    return Observation(False, f"{', '.join(request.name for request in waiting)} waits for approval")


def _words(serving: str) -> str:
    if serving == masters.OK:
        return "its kubelet serves with a certificate of the cluster's CA"
    return f"its kubelet has no certificate of the cluster's CA: {serving or 'no answer'}"
