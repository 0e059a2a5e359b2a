"""Of a master's kubeconfig the certificates are used, and a file that asks for more is refused."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from installer.cluster import admin_access
from installer.cluster.admin_access import AccessError
from installer.plan.model import InstallPlan
from tests.doubles.kubeconfigs import access, given_by_master
from tests.strategies import repeatable

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
GIVEN = given_by_master(PLAN)


def parsed(text: str = GIVEN) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def refused(text: str) -> str:
    with pytest.raises(AccessError) as caught:
        admin_access.read(text, PLAN)
    return str(caught.value)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_the_file_is_built_again_from_the_plans_server_and_the_certificates() -> None:
    built, given_ = parsed(access(PLAN).kubeconfig()), parsed()
    assert built == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "demo", "cluster": given_["clusters"][0]["cluster"]}],
        "users": [{"name": "demo-admin", "user": given_["users"][0]["user"]}],
        "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo-admin"}}],
        "current-context": "demo",
    }
    assert built["clusters"][0]["cluster"]["server"] == "https://demo-k8s.example.test:6443"


def test_what_was_built_is_read_again() -> None:
    assert admin_access.read(access(PLAN).kubeconfig(), PLAN) == access(PLAN)


def test_the_key_is_in_no_repr() -> None:
    assert access(PLAN).key not in repr(access(PLAN))


@pytest.mark.needs("kubectl")
def test_kubectl_reads_what_was_built(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(access(PLAN).kubeconfig())
    said = subprocess.run(
        ["kubectl", "config", "view", "--raw", "-o", "json", "--kubeconfig", str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(said.stdout)["users"] == [{"name": "demo-admin", "user": access(PLAN).credentials}]


# (where, key, value): whatever a kubeconfig may hold that makes kubectl do something else than ask the API server.
SURPLUS: list[tuple[str, str, Any]] = [
    ("users[0].user", "exec", {"command": "/bin/sh", "args": ["-c", "id"], "apiVersion": "v1"}),
    ("users[0].user", "auth-provider", {"name": "gcp", "config": {"cmd-path": "/bin/sh"}}),
    ("users[0].user", "tokenFile", "/home/ada/.ssh/id_ed25519"),
    ("users[0].user", "token", "abc"),
    ("users[0].user", "username", "ada"),
    ("users[0].user", "password", "secret"),
    ("users[0].user", "client-certificate", "/etc/passwd"),
    ("users[0].user", "client-key", "/etc/shadow"),
    ("users[0].user", "as", "somebody"),
    ("users[0].user", "as-groups", ["system:masters"]),
    ("clusters[0].cluster", "proxy-url", "http://10.0.0.1:3128"),
    ("clusters[0].cluster", "insecure-skip-tls-verify", True),
    ("clusters[0].cluster", "tls-server-name", "evil.example"),
    ("clusters[0].cluster", "certificate-authority", "/tmp/ca.crt"),
    ("clusters[0].cluster", "disable-compression", True),
    ("clusters[0].cluster", "extensions", []),
    ("contexts[0].context", "namespace", "kube-system"),
    ("clusters[0]", "anything", 1),
    ("", "extensions", [{"name": "x", "extension": {}}]),
    ("", "preferences", {"colors": True}),
    ("", "anything", None),
]


@pytest.mark.parametrize(("where", "key", "value"), SURPLUS)
def test_a_file_that_holds_more_is_refused_and_what_it_holds_is_named(where: str, key: str, value: Any) -> None:
    config = parsed()
    place = config
    for part in where.split(".") if where else ():
        name, listed, _ = part.partition("[0]")
        place = place[name][0] if listed else place[name]
    place[key] = value
    assert f"settings that Craton accepts from no machine: {where}.{key}".replace(": .", ": ") in refused(
        json.dumps(config)
    )


def test_a_second_cluster_user_or_context_is_refused() -> None:
    for kind in ("clusters", "users", "contexts"):
        config = parsed()
        config[kind].append({"name": "more"})
        assert f"{kind}[1]" in refused(json.dumps(config))


def test_many_fields_are_counted_and_their_names_are_clean() -> None:
    config = parsed()
    config["users"][0]["user"] |= {f"\x1b]0;title\x07evil{number}": 1 for number in range(9)}
    said = refused(json.dumps(config))
    assert "and 4 more" in said
    assert said.isprintable()


@pytest.mark.parametrize(
    "server",
    [
        "https://10.10.0.11:6443", "http://demo-k8s.example.test:6443", "https://demo-k8s.example.test",
        "https://demo-k8s.example.test:6443/", "https://demo-k8s.example.test:6443@evil", "", None, 3, ["x"],
    ],
)  # fmt: skip
def test_another_server_than_the_plans_is_refused(server: object) -> None:
    config = parsed()
    config["clusters"][0]["cluster"]["server"] = server
    assert "not to https://demo-k8s.example.test:6443" in refused(json.dumps(config))


def _pem(label: str, body: bytes = b"abc") -> str:
    return encoded(f"-----BEGIN {label}-----\n{encoded(body)}\n-----END {label}-----\n".encode())


def _key(key: Any, password: bytes | None = None, style: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return encoded(
        key.private_bytes(Encoding.PEM, style, BestAvailableEncryption(password) if password else NoEncryption())
    )


def _keys() -> Iterator[tuple[str, object, str]]:
    own = parsed()["users"][0]["user"]
    elliptic, big = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    authority, certificate, key = "certificate-authority-data", "client-certificate-data", "client-key-data"
    yield authority, "", "it has no certificate-authority-data"
    yield authority, None, "it has no certificate-authority-data"
    yield authority, "not base64!", "is not base64"
    yield authority, encoded(b"\xff\xfe"), "is not base64"
    yield authority, encoded(b"plain text"), "is not a certificate in PEM"
    yield authority, own[key], "is not a certificate in PEM"
    yield authority, _pem("CERTIFICATE"), "can't be read"
    yield certificate, _pem("CERTIFICATE REQUEST"), "is not a certificate in PEM"
    yield certificate, _pem("PUBLIC KEY"), "is not a certificate in PEM"
    yield key, own[certificate], "is not a private key in PEM"
    yield key, _pem("PRIVATE KEY"), "can't be read"
    yield key, _key(elliptic), "its key is not that of its certificate"
    yield key, _key(elliptic, b"secret"), "is not a private key in PEM"
    yield key, _key(big, style=PrivateFormat.TraditionalOpenSSL), "its key is not that of its certificate"
    yield key, _key(big, b"secret", PrivateFormat.TraditionalOpenSSL), "is not a private key in PEM"
    yield key, 7, "it has no client-key-data"


def test_certificates_are_pem_of_the_right_kind() -> None:
    for key, value, said in _keys():
        config = parsed()
        inner = config["clusters"][0]["cluster"] if key.startswith("certificate-") else config["users"][0]["user"]
        inner[key] = value
        assert said in refused(json.dumps(config)), (key, value)


def test_remarks_between_certificates_are_refused() -> None:
    authority = base64.b64decode(access(PLAN).authority)
    config = parsed()
    for text in (b"# remark\n" + authority, authority + b"#", authority + b"\0"):
        config["clusters"][0]["cluster"]["certificate-authority-data"] = encoded(text)
        assert "not a certificate in PEM" in refused(json.dumps(config))
    config["clusters"][0]["cluster"]["certificate-authority-data"] = encoded(authority + authority)
    assert admin_access.read(json.dumps(config), PLAN).authority == encoded(authority + authority)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("null", "it is empty"),
        ("- a\n", "it is not a kubeconfig"),
        ("a: [\n", "not YAML"),
        ("clusters: &a []\nusers: *a\n", "an alias"),
        ("users: !!python/object:os.system []\n", "a value with the tag"),
        ("kind: Config\nkind: Config\n", "this key is already in line 1"),
        ("kind: Config\n---\nkind: Config\n", "a second YAML document"),
        ("clusters: 3\n", "it has no cluster"),
        ("clusters: [3]\n", "it has no cluster"),
        ("clusters: [{name: a, cluster: 3}]\n", "clusters[0].cluster"),
        ("kind: Config\n", "it has no cluster"),
    ],
)
def test_what_is_not_a_kubeconfig_is_told(text: str, said: str) -> None:
    assert said in refused(text)


def test_texts_that_would_cost_minutes_are_refused_at_once() -> None:
    assert "levels" in refused("a: " + "[" * 5000)
    assert refused("#" * 40_000) == "it is longer than 32 KiB"


_KEYS = ["clusters", "users", "contexts", "cluster", "user", "name", "server", "kind", "client-key-data"]


@repeatable
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_KEYS), inner),
    )
)
def test_whatever_a_master_says_ends_in_words(config: Any) -> None:
    assert refused(json.dumps(config))
