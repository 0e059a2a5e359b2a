"""A kubelet's request for its server's certificate is approved if it asks for the machine's own name and address."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID

from installer.cluster import certificates
from installer.cluster.certificates import Request, ServingCertificate, approve, read_requests, refusal
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.ssh.connection import Result
from tests.doubles.node_verbs import FakeCluster
from tests.doubles.together import at_once

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
WORKER = topology(PLAN).machine("demo-worker-1")
OTHER = topology(PLAN).machine("demo-worker-2")
NODE = f"system:node:{WORKER.name}"
API = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
EXTENSIONS = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def document(
    dns: tuple[str, ...] = (WORKER.name,),
    addresses: tuple[str, ...] = (str(WORKER.address),),
    others: tuple[x509.GeneralName, ...] = (),
    common: str = NODE,
    organizations: tuple[str, ...] = ("system:nodes",),
    extensions: tuple[x509.ExtensionType, ...] = (),
    key: Key | None = None,
    attribute: x509.ObjectIdentifier | None = None,
) -> bytes:
    """A PKCS#10 request as a kubelet makes it, unless told otherwise."""
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    names = [*map(x509.DNSName, dns), *(x509.IPAddress(ip_address(each)) for each in addresses), *others]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    if attribute is not None:
        builder = builder.add_attribute(attribute, b"any")
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def request(made: bytes | None = None) -> Request:
    groups, usages = ("system:nodes", "system:authenticated"), frozenset({"digital signature", "server auth"})
    made = document() if made is None else made
    return Request("csr-1", "uid-1", "1", "kubernetes.io/kubelet-serving", NODE, groups, usages, made)


def forged() -> bytes:
    """A good request to which somebody else's signature was put."""
    lines = document().decode().splitlines()
    good = base64.b64decode("".join(lines[1:-1]))
    broken = good[:-4] + bytes(byte ^ 0x55 for byte in good[-4:])
    text = base64.b64encode(broken).decode()
    rows = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([lines[0], *rows, lines[-1], ""]).encode()


APPROVED: dict[str, Callable[[], Request]] = {
    "as kubelets ask": request,
    "by name alone": lambda: request(document(addresses=())),
    "by address alone": lambda: request(document(dns=())),
    "with an RSA key": lambda: replace(
        request(document(key=rsa.generate_private_key(65537, 2048))),
        usages=frozenset({"digital signature", "key encipherment", "server auth"}),
    ),
}

_MORE = x509.UniformResourceIdentifier("spiffe://demo/worker")
REFUSED: dict[str, tuple[Callable[[], Request], str]] = {
    "another signer": (lambda: replace(request(), signer="kubernetes.io/kube-apiserver-client"), "signer"),
    "another node": (lambda: replace(request(), username=f"system:node:{OTHER.name}"), OTHER.name),
    "a person": (lambda: replace(request(), username="kubernetes-admin"), "kubernetes-admin"),
    "of a group more": (lambda: replace(request(), groups=(*request().groups, "system:masters")), NODE),
    "of a service": (lambda: replace(request(), groups=(*request().groups, "system:serviceaccounts")), NODE),
    "not of the nodes": (lambda: replace(request(), groups=("system:authenticated",)), NODE),
    "for a client": (lambda: replace(request(), usages=frozenset({"client auth"})), "client auth"),
    "for a client, too": (lambda: replace(request(), usages=request().usages | {"client auth"}), "client auth"),
    "to sign others": (lambda: replace(request(), usages=request().usages | {"cert sign"}), "cert sign"),
    "for nothing": (lambda: replace(request(), usages=frozenset()), "no use"),
    "another's name": (lambda: request(document(dns=(OTHER.name,))), OTHER.name),
    "a name more": (lambda: request(document(dns=(WORKER.name, "demo-k8s.example.test"))), "demo-k8s.example.test"),
    "any name": (lambda: request(document(dns=("*",))), "*"),
    "another's address": (lambda: request(document(addresses=(str(OTHER.address),))), str(OTHER.address)),
    "a service's address": (lambda: request(document(addresses=(str(WORKER.address), "10.96.0.1"))), "10.96.0.1"),
    "an IPv6 address": (lambda: request(document(addresses=("::ffff:10.10.0.101",))), "::ffff"),
    "a URI": (lambda: request(document(others=(_MORE,))), "spiffe"),
    "a mail address": (lambda: request(document(others=(x509.RFC822Name("a@example.test"),))), "a@example.test"),
    "no name at all": (lambda: request(document(dns=(), addresses=())), "attributes"),
    "another's subject": (lambda: request(document(common=f"system:node:{OTHER.name}")), OTHER.name),
    "the masters' group": (lambda: request(document(organizations=("system:masters",))), "system:masters"),
    "a group more": (lambda: request(document(organizations=("system:nodes", "system:masters"))), "system:masters"),
    "a group twice": (lambda: request(document(organizations=("system:nodes", "system:nodes"))), "subject"),
    "a CA": (
        lambda: request(document(extensions=(x509.BasicConstraints(ca=True, path_length=None),))),
        "extension",
    ),
    "another use inside": (
        lambda: request(document(extensions=(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),))),
        "extension",
    ),
    "extensions twice": (lambda: request(document(attribute=EXTENSIONS)), "attributes"),
    "another attribute": (lambda: request(document(attribute=AttributeOID.CHALLENGE_PASSWORD)), "attributes"),
    "two requests": (lambda: request(document() + document(dns=(OTHER.name,))), "more than one"),
    "a request before it": (
        lambda: request(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + document()),
        "more than one",
    ),
    "a wrong signature": (lambda: request(forged()), "signature"),
    "no document": (lambda: request(b""), "can't be read"),
    "rubbish": (
        lambda: request(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
        "read",
    ),
}


@pytest.mark.parametrize("case", APPROVED)
def test_a_request_for_the_machines_own_name_and_address_is_approved(case: str) -> None:
    assert refusal(APPROVED[case](), WORKER) == ""


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_for_anything_else_is_refused_with_what_is_wrong(case: str) -> None:
    made, words = REFUSED[case]
    assert words in refusal(made(), WORKER)


def test_a_cloud_gives_a_machine_more_names_and_addresses_that_its_kubelet_may_ask_for() -> None:
    known = replace(WORKER, aliases=("203.0.113.9", "ip-10-10-0-101.eu-central-1.compute.internal"))
    asked = request(document(dns=(known.aliases[1],), addresses=(str(WORKER.address), known.aliases[0])))
    assert refusal(asked, known) == ""
    assert asked.names == {str(WORKER.address), *known.aliases}
    assert known.aliases[1] in refusal(asked, WORKER)
    assert "203.0.113.10" in refusal(request(document(addresses=("203.0.113.10",))), known)


def waiting(name: str, made: bytes) -> str:
    """A request that waits, as kubectl shows it."""
    lines = (f"name {name}", f"uid uid-of-{name}", "version 7", "signer kubernetes.io/kubelet-serving", f"user {NODE}")
    groups, usages = ("system:nodes", "system:authenticated"), ("digital signature", "server auth")
    more = (*(f"group {group}" for group in groups), *(f"usage {usage}" for usage in usages))
    return "\n".join((*lines, *more, f"document {base64.b64encode(made).decode()}")) + "\n"


def approved(name: str) -> str:
    return f"master-1 kubectl replace --raw {API}/{name}/approval -f -"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    found = FakeCluster(PLAN).founded("demo-master-1", WORKER.name)
    found.machines[WORKER.name].serving = "curl: (35) no certificate yet"
    return found


def test_what_kubectl_shows_is_read_request_by_request() -> None:
    found = read_requests(waiting("csr-1", document()) + waiting("csr-2", b"rubbish"))
    assert [each.name for each in found] == ["csr-1", "csr-2"]
    assert [refusal(each, WORKER) == "" for each in found] == [True, False]
    assert read_requests("") == ()


def test_the_kubelet_gets_its_certificate(cluster: FakeCluster) -> None:
    cluster.requests["csr-1"] = (NODE, waiting("csr-1", document()))
    action = ServingCertificate(WORKER.name)
    assert not action.observe(cluster.context()).holds
    action.apply(cluster.context())
    assert cluster.did() == [approved("csr-1")]
    assert action.observe(cluster.context()).holds


def listen(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What machines are asked from now on, `MACHINE VERB FIRST-ARGUMENT`."""
    asked = list[str]()
    answer = cluster.answer

    def heard(name: str, words: list[str], stdin: str) -> Result:
        asked.append(f"{name} {' '.join(words[:2])}")
        return answer(name, words, stdin)

    monkeypatch.setattr(cluster, "answer", heard)
    return asked


def test_a_machine_that_has_just_joined_is_asked_once_its_request_is_approved(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = listen(cluster, monkeypatch)
    cluster.requests["csr-1"] = (NODE, waiting("csr-1", document()))
    action, context = ServingCertificate(WORKER.name), cluster.context()
    seen = action.observe(context)
    action.apply(context)
    assert (seen.holds, seen.seen) == (False, "csr-1 waits for approval")
    assert [each for each in asked if each.startswith(WORKER.name)] == [f"{WORKER.name} condition"]
    assert sum("kubectl get" in each for each in asked) == 1


def test_a_renewal_is_approved_while_the_old_certificate_still_holds(cluster: FakeCluster) -> None:
    cluster.machines[WORKER.name].serving = "ok"
    action = ServingCertificate(WORKER.name)
    assert action.observe(cluster.context()).holds
    cluster.requests["csr-9"] = (NODE, waiting("csr-9", document()))
    assert not action.observe(cluster.context()).holds
    action.apply(cluster.context())
    assert action.observe(cluster.context()).holds


def test_a_request_for_too_much_is_left_waiting_and_said(cluster: FakeCluster) -> None:
    cluster.requests["csr-1"] = (NODE, waiting("csr-1", document(dns=(WORKER.name, OTHER.name))))
    context = cluster.context(deadline=1.5)
    with pytest.raises(InstallerError, match=r"csr-1.*demo-worker-2"):
        ServingCertificate(WORKER.name).apply(context)
    assert cluster.did() == []
    assert "csr-1" in cluster.requests


def test_a_refused_request_does_not_keep_a_good_one_from_approval(cluster: FakeCluster) -> None:
    cluster.requests["csr-1"] = (NODE, waiting("csr-1", document(addresses=("10.96.0.1",))))
    cluster.requests["csr-2"] = (NODE, waiting("csr-2", document()))
    ServingCertificate(WORKER.name).apply(cluster.context())
    assert cluster.did() == [approved("csr-2")]


def test_a_kubelet_that_was_never_told_to_ask_is_left_alone(cluster: FakeCluster) -> None:
    cluster.machines[WORKER.name].serving = "own"
    seen = ServingCertificate(WORKER.name).observe(cluster.context())
    assert seen.holds
    assert "craton upgrade" in seen.seen


def test_a_request_that_took_the_name_of_a_judged_one_is_not_approved(cluster: FakeCluster) -> None:
    cluster.requests["csr-1"] = (NODE, waiting("csr-1", document()))
    judged = read_requests(cluster.requests["csr-1"][1])[0]
    cluster.requests["csr-1"] = (NODE, waiting("csr-1", document()).replace("uid-of-csr-1", "uid-of-another"))
    with pytest.raises(InstallerError, match="Conflict"):
        approve(cluster.context(), judged)
    assert "csr-1" in cluster.requests


def test_a_refused_request_is_named_where_the_kubelet_has_a_certificate(cluster: FakeCluster) -> None:
    cluster.machines[WORKER.name].serving = "ok"
    cluster.requests["csr-1"] = (NODE, waiting("csr-1", document(addresses=("10.96.0.1",))))
    seen = ServingCertificate(WORKER.name).observe(cluster.context())
    assert seen.holds
    assert "refused csr-1: it asks for 10.96.0.1" in seen.seen


def test_requests_of_machines_that_join_at_once_are_asked_for_at_once(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = f"system:node:{OTHER.name}"
    cluster.requests["csr-1"] = (NODE, waiting("csr-1", document()))
    cluster.requests["csr-2"] = (theirs, waiting("csr-2", document()).replace(f"user {NODE}", f"user {theirs}"))
    context, names = cluster.context(), [WORKER.name, OTHER.name, "demo-worker-3"]
    asked = listen(cluster, monkeypatch)
    kind = f"requests by {certificates._TEMPLATE}"
    found = at_once(context, kind, [partial(certificates.waiting, context, name) for name in names])
    assert [[request.name for request in each] for each in found] == [["csr-1"], ["csr-2"], []]
    assert asked.count("demo-master-1 kubectl get") == 1
