"""What people sign in with, and what proves who a server is: tokens, passwords' hashes, Secrets, first contacts."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from installer.artifacts import charts, kubeadm_images, published
from installer.cluster import (
    acme,
    admin_access,
    administrator,
    applied_sums,
    cluster_secrets,
    connectors,
    definitions,
    own_manifests,
    sign_in,
)
from installer.cluster.console_certificate import shown_certificates
from installer.cluster.dns import zone
from installer.cluster.masters import STATIC_PODS
from installer.common.paths import ClusterDirectory
from installer.health.report import glance
from installer.node import survey
from installer.operations import durations
from installer.operations.sign_in import tokens
from installer.plan.charts import Chart
from installer.plan.public_keys import valid_public_key
from installer.plan.sections import DNS, Certificate, SignIn
from installer.platforms.clouds import host_key_proof, leases
from installer.platforms.clouds.first_contact import FirstContact
from installer.ssh.connection import Result
from installer.steps.step import Context
from tests.bench.parsers.node import PLAN, context, saying
from tests.bench.parsers.parser import Feed, Parser, encoded, of_file, of_text
from tests.doubles.kubeconfigs import given_by_master

_WORKS = (
    "member=demo\nkubelet=ok\napi=ok\nmanifests={0}\nrunning={0}\nversion=v1.36.2\nbegun=\nbusy=no\n"
    "prepared=v1.36.2\nprogram=built-in\nclaim=demo/demo-master-1\n".format(",".join(sorted(STATIC_PODS)))
)
_ID = "i-0123456789abcdef0"
_SECRET = "5e" * 32
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q"
_CLAIMS = base64.urlsafe_b64encode(json.dumps({"exp": 1.8e9, "email": "ada@example.com"}).encode()).decode()
_SESSION = json.dumps(
    {"issuer": "https://a.b/dex", "id_token": f"e30.{_CLAIMS}.x", "refresh_token": "r", "expires": 1.8e9}
)
_DEX = json.dumps({"staticPasswords": [{"hash": "$2b$12$abc"}]})
_IN_CLUSTER = json.dumps({
    "data": {"config.yaml": base64.b64encode(_DEX.encode()).decode(), "tls.crt": base64.b64encode(b"-----").decode()}
})  # fmt: skip
_CHART = Chart(name="a", chart="/a", namespace="b")
_MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n---\nkind: List\nitems: []\n"
_IMAGES = "registry.k8s.io/coredns/coredns:v1.14.6\nregistry.k8s.io/pause:3.10.2\nregistry.k8s.io/etcd:3.7.0-0\n"
_LEASE = json.dumps({"id": "a", "owner": "ada on laptop", "since": 1.0, "renewed": 2.0})
_LAUNCHES = json.dumps({"secret": _SECRET, "launches": [], "attempts": 1})


def in_directory(
    name: str, file: str, read: Callable[[ClusterDirectory], object], text: str, *raises: type[Exception]
) -> Parser:
    """A parser of one file of a cluster's directory."""

    @contextmanager
    def feed() -> Iterator[Feed]:
        with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room:
            directory = ClusterDirectory(Path(room))

            def write_and_read(data: bytes) -> object:
                (directory.path / file).write_bytes(data)
                return read(directory)

            yield write_and_read

    return Parser(name, feed, encoded(text), raises)


def _session(directory: ClusterDirectory) -> object:
    try:
        return found.claims if (found := tokens.load(directory)) else None
    finally:
        tokens.forget(directory)


def _first_contact(directory: ClusterDirectory) -> object:
    return FirstContact(directory.path).secret


def _asked(text: str) -> Context:
    """A context whose masters work, and whose kubectl says `text`."""
    return context(lambda command: Result(0, text if "kubectl" in command else _WORKS, ""))


def _password(text: str) -> object:
    return sign_in._hash_in(cluster_secrets.read(_asked(text), "dex", "dex"))


def _surveyed(text: str) -> object:
    asked = saying(text)
    return survey.survey(asked, "demo-master-1", asked.world.connections.get("demo-master-1", 1.0))


def _kept(path: Path) -> object:
    access = admin_access.read_kept(path, PLAN)
    return access.ends, access.authority_text


def _connector(path: Path) -> object:
    given = {"type": "ldap", "id": "a", "host": "h", "users": "u", "bind_dn": "cn=x"}
    given |= {"secret_file": str(path), "ca_file": str(path)}
    plan = PLAN.model_copy(update={"sign_in": SignIn.model_validate({"connectors": [given]})})
    return connectors.configurations(plan)


def _account(path: Path) -> object:
    given = {"source": "acme", "account": "kid-1", "account_key": str(path)}
    return acme.keys(PLAN.model_copy(update={"certificate": Certificate.model_validate(given)}))


def _chart(path: Path) -> object:
    """Whatever is in the chart's archive, and in the file that keeps its rendering."""
    given = {"name": "a", "chart": "oci://r.test/a", "version": "1.2.3", "namespace": "b"}
    chart = Chart.model_validate(given)
    sum = hashlib.sha256(path.read_bytes()).hexdigest()
    artifacts = PLAN.artifacts.model_copy(update={"sums": {chart.file: sum}})
    addons = PLAN.addons.model_copy(update={"charts": (chart,)})
    plan = PLAN.model_copy(update={"artifacts": artifacts, "addons": addons})
    (path.parent / "charts").mkdir(exist_ok=True)
    for place in (path.parent / chart.file, path.parent / "charts" / "a.yaml"):
        place.write_bytes(path.read_bytes())
    charts.collect(plan, path.parent)
    charts.sums(plan, path.parent, refresh=True)
    with patch.dict(os.environ, PATH="/nowhere"):
        return charts.rendered(chart, plan, ClusterDirectory(path.parent), path.parent)


def _published(path: Path) -> str:
    """Whatever is in the file: it is applied only with the sum that the plan has."""
    sum = hashlib.sha256(path.read_bytes()).hexdigest()
    artifacts = PLAN.artifacts.model_copy(update={"sums": {path.name: sum}})
    one = replace(published.published("gateway-api"), path=path.name)
    return published.text(one, PLAN.model_copy(update={"artifacts": artifacts}), path.parent)


PARSERS: tuple[Parser, ...] = (
    in_directory("session", "session.json", _session, _SESSION, ValueError),
    in_directory("hash of a password", administrator.hash_file(ClusterDirectory(Path("/"))).name,
                 lambda directory: administrator.password_hash(directory, "", make=False), "$2b$12$abcdefghijk"),
    in_directory("verdict of a report", "health.json", glance.last_glance,
                 '{"format": 1, "cluster": "demo", "verdict": "pass", "checked_at": 1.5, '
                 '"ending": {"title": "kubelet", "machine": "a", "at": 2.5}, "findings": []}'),
    in_directory("first contact", "first-contact.json", _first_contact, _LAUNCHES),
    of_file("kept kubeconfig", _kept, encoded(given_by_master(PLAN)), admin_access.AccessError),
    of_file("durations", durations._read, encoded('[{"platform": "local", "expected": 1.5, "seconds": 2}]')),
    of_file("key of a zone", lambda path: zone.key_of(DNS(provider="rfc2136", key_file=str(path))),
            encoded('key "a" {\n\talgorithm hmac-sha256;\n\tsecret "' + "QUJD" * 11 + '";\n};\n', "QUJD" * 11)),
    of_text("Secret of the sign-in", _password, (_IN_CLUSTER,)),
    of_text("sums of own manifests", lambda text: applied_sums.read(_asked(text), "x"), (_IN_CLUSTER,)),
    of_file("files of a connector", _connector, encoded("s3cret\n")),
    of_text("known kinds", lambda text: definitions.unknown(_asked(text), ("a.b", "c.d")), ("a.b True\n",)),
    of_text("directory of an ACME server", acme.read_directory,
            ('{"newNonce": "a", "newAccount": "b", "newOrder": "c", "meta": {"externalAccountRequired": true}}',)),
    of_file("key of an ACME account", _account, encoded("c2VjcmV0LXNlY3JldA\n")),
    of_text("objects of a chart", lambda text: applied_sums.objects_of(_asked(text), "x"), (_IN_CLUSTER,)),
    of_text("manifests of a chart", lambda text: charts.placed(text, _CHART), (_MANIFEST.replace("---", "---\n# a"),)),
    of_file("chart, and its rendering", _chart, encoded(_MANIFEST)),
    of_file("published manifests", _published, encoded(_MANIFEST)),
    of_file("own manifests", lambda path: own_manifests.read(str(path)), encoded(_MANIFEST)),
    of_text("Secret of a certificate", lambda text: shown_certificates(_asked(text)), (_IN_CLUSTER,)),
    of_text("images that kubeadm names", lambda text: kubeadm_images._read(text, "v1.99.0"), (_IMAGES,)),
    of_text("survey", _surveyed, ("claim=demo/demo-master-1\n#condition\nmember=demo\nkubelet=ok\n",)),
    of_text("lease in a cloud", leases.read, (_LEASE,)),
    of_text("a public key in a plan", valid_public_key, (_KEY, _KEY[:-8], _KEY.replace("ssh-ed25519", "ssh-rsa", 1)),
            ValueError),
    of_text("banner of a first contact", lambda text: host_key_proof.proves(_SECRET, _ID, _KEY, text),
            (host_key_proof.proof(_SECRET, _ID, _KEY), "craton-first-contact \n")),
)  # fmt: skip
