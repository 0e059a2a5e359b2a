"""What a plan allows, field by field and between fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from installer.plan import validation
from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS
from installer.plan.platforms.local.settings import Local
from installer.plan.platforms.machines.settings import Machines
from installer.plan.validation import MISSING, validate
from tests.strategies import PUBLIC_KEY, machines_data, plan_data, plans, repeatable

BASE = {"name": "demo", "subdomain": "example.test"}


def _nested(field: str, value: object) -> dict[str, Any]:
    *parents, key = field.split(".")
    data: dict[str, Any] = {key: value}
    for parent in reversed(parents):
        data = {parent: data}
    return data


def _mistakes(data: dict[str, Any]) -> dict[str, str]:
    found = validate({**BASE, **data})
    return {} if isinstance(found, InstallPlan) else {".".join(map(str, m.field)): m.text for m in found}


def _mistakes_at(field: str, value: object) -> dict[str, str]:
    """Mistakes of a plan with this field; those of the field alone where it is a platform's, or goes with others."""
    if field.partition(".")[0] not in (*PLATFORMS, "addons", "certificate", "dns"):
        return _mistakes(_nested(field, value))
    found = validation.field_mistake(field, value)
    return {".".join(map(str, found.field)): found.text} if found else {}


ALLOWED: dict[str, list[object]] = {
    "craton": [1],
    "name": ["a", "demo", "a-1", "a--b", "a" * 20],
    "subdomain": ["a.b", "example.test", "1.example", "x" * 63 + ".test", "xn--bcher-kva.example"],
    "platform": ["rehearsal", "local"],
    "masters": [1, 3, 5],
    "schedulable_masters": [True, False],
    "workers": [1, 150],
    "ingress.kind": ["infra", "load-balancer"],
    "ingress.infra": [1, 80, None],
    "networks.user": ["0.0.0.0/0", "203.0.113.7/32"],
    "networks.machines": ["192.168.0.0/24"],
    "networks.pods": ["10.128.0.0/11"],
    "networks.services": ["10.32.0.0/24"],
    "networks.api_address": [None, "10.10.0.9"],
    "addons.ingress": [True, False],
    "addons.gateway": [True, False],
    "addons.metrics_server": [True, False],
    "addons.node_exporter": [True, False],
    "addons.sign_in": [True, False],
    "addons.console": [True, False],
    "addons.manifests": [[], ["~/addons/flux.yaml", "/srv/manifests"]],
    "addons.charts": [
        [],
        [{"name": "shop", "chart": "~/charts/shop"}, {"name": "a", "chart": "oci://r.test/a", "version": "1.2.3"}],
        [{"name": "b", "chart": "b", "repository": "https://r.test", "version": "v1.2.3-rc.1", "namespace": "b"}],
    ],
    "certificate.source": ["craton", "ca", "files", "acme"],
    "certificate.file": [None, "~/console.pem"],
    "certificate.key": [None, "/keys/my key"],
    "certificate.directory": [None, "https://acme.example.com/directory"],
    "certificate.email": [None, "ops@example.com"],
    "certificate.challenge": ["http-01", "dns-01"],
    "certificate.account": [None, "kid-1"],
    "certificate.account_key": [None, "~/eab.key"],
    "certificate.trust": [None, "~/root.pem"],
    "sign_in.email": [None, "ada@example.com", "a+b@x.y"],
    "dns.provider": ["hosts", "manual", "rfc2136", "route53", "cloud-dns"],
    "dns.profile": [None, "work"],
    "dns.hosted_zone": [None, "Z0123456789ABC"],
    "dns.project": [None, "my-project-1"],
    "dns.impersonate": [None, "craton@my-project.iam.gserviceaccount.com"],
    "dns.managed_zone": [None, "example-com"],
    "dns.server": [None, "10.0.0.53"],
    "dns.port": [53, 5353],
    "dns.zone": [None, "example.com"],
    "dns.key_name": [None, "craton", "craton.example.com"],
    "dns.key_file": [None, "~/tsig.key"],
    "dns.algorithm": ["hmac-sha256", "hmac-sha512"],
    "dns.ttl": [1, 86400],
    "sign_in.groups": [[], ["acme:ops", "Équipe"]],
    "sign_in.editors": [[], ["acme:devs"]],
    "sign_in.viewers": [[], ["acme:all"]],
    "sign_in.connectors": [
        [],
        [{"type": "github", "id": "gh", "client_id": "a", "secret_file": "~/gh", "organizations": ["acme"]}],
        [{"type": "ldap", "id": "ldap", "host": "ldap.example.com:636", "users": "ou=people,dc=example"}],
        [{"type": "oidc", "id": "o", "issuer": "https://a.example", "client_id": "a", "secret_file": "~/o"}],
    ],
    "kubernetes": ["v1.34.0", "v1.36.12", "v1.99.0"],
    "pod_security": ["privileged", "baseline", "restricted"],
    "ssh.user": ["craton", "_x", "core"],
    "ssh.public_key": [None, PUBLIC_KEY, f"{PUBLIC_KEY} Jörg's key"],
    "ssh.key": [None, "~/.ssh/id_ed25519", "/keys/my key"],
    "ssh.port": [1, 22, 65535],
    "ssh.jump": [None, "bastion", "ops@bastion:2222,ops@[2001:db8::9]:22"],
    "may": [[], ["M5"], ["I4", "M6"]],
    "artifacts.mirror": [None, "https://mirror.example.com", "http://10.0.0.1:8080/a/b"],
    "artifacts.proxy": [None, "http://proxy.example.com:3128", "http://[fd00::1]:3128"],
    "artifacts.no_proxy": [None, "10.0.0.0/8", ".example.com,host:8080,[::1]:80,fd00::/8", "*"],
    "artifacts.sums": [{}, {"release/v1.36.2/bin/linux/amd64/kubeadm": "0f" * 32}],
    "artifacts.digests": [{}, {"registry.k8s.io/pause:3.10.2": "sha256:" + "0f" * 32}],
    "artifacts.versions": [{}, {"coredns": "v1.15.0", "etcd": "3.8.0-0", "pause": "3.11"}],
    "artifacts.sums_from": [None, "https://mirror.example.com"],
    "machines.inventory": [[], [{"address": "10.0.0.11"}], [{"address": "web", "role": "master", "port": 2222}]],
    "machines.firewall": [True, False],
    "local.engine": ["auto", "podman", "docker"],
    "local.memory": [None, 2048],
    "local.raise_limits": [True, False],
    "local.firewall": [True, False],
    "rehearsal.load_balancers": [True, False],
    "aws.profile": [None, "work"],
    "aws.region": ["eu-central-1", "us-gov-west-1"],
    "aws.zones": [[], ["eu-central-1a", "eu-central-1b"]],
    "aws.master_type": ["m7i.large", "u-6tb1.112xlarge"],
    "aws.infra_type": ["t4g.small"],
    "aws.worker_type": ["c7gn.16xlarge"],
    "aws.image": ["debian-13", "ubuntu-24.04"],
    "aws.disk_size": [20, 16_384],
    "aws.kms_key": [
        None,
        "alias/disks",
        "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ],
    "aws.vpc": [None, "vpc-0123456789abcdef0"],
    "aws.subnets": [[], ["subnet-0123456789abcdef0"]],
    "aws.private_workers": [True, False],
    "aws.private_subnets": [[], ["subnet-0123456789abcdef0"]],
    "aws.worker_pool": [True, False],
    "aws.pool_above": [None, 1, 100, 5000],
    "aws.dns": ["route53", "manual"],
    "aws.hosted_zone": [None, "Z0123456789ABC"],
    "aws.integration": [True, False],
    "aws.termination_protection": [True, False],
    "gcp.integration": [True, False],
    "gcp.project": [None, "my-project-1", "example.com:my-project"],
    "gcp.impersonate": [None, "craton@my-project.iam.gserviceaccount.com"],
    "gcp.region": ["europe-west3", "northamerica-northeast2"],
    "gcp.zones": [[], ["europe-west3-a", "europe-west3-b"]],
    "gcp.master_type": ["e2-standard-2", "n2-custom-8-16384", "c4a-standard-16-lssd"],
    "gcp.infra_type": ["e2-small"],
    "gcp.worker_type": ["a3-highgpu-8g", "custom-4-8192"],
    "gcp.image": ["debian-13", "ubuntu-24.04"],
    "gcp.disk_size": [20, 65_536],
    "gcp.kms_key": [None, "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k"],
    "gcp.network": [None, "default"],
    "gcp.subnetwork": [None, "nodes-1"],
    "gcp.network_project": [None, "host-project"],
    "gcp.private_workers": [True, False],
    "gcp.worker_pool": [True, False],
    "gcp.pool_above": [None, 1, 100, 5000],
    "gcp.dns": ["cloud-dns", "manual"],
    "gcp.managed_zone": [None, "example-com"],
}

REFUSED: dict[str, list[object]] = {
    "craton": [0, 2, True, 1.0, "1", None],
    "name": ["", "A", "1a", "-a", "a-", "a" * 21, "a.b", "a b", "a\n", "ä", 1, None, ["a"]],
    "subdomain": ["", "a", "a..b", ".a.b", "a.b.", "A.b", "a_b.c", "-a.b", "x" * 64 + ".test", "10.0.0.1", "a.b\n", 1],
    "platform": ["", "Rehearsal", "openstack", 1, None],
    "masters": [0, 2, 4, 7, -1, True, 1.0, 3.0, "3", None, [3]],
    "schedulable_masters": [0, 1, "yes", "true", None],
    "workers": [-1, 5001, True, 2.0, "2", None, 10**18],
    "ingress.kind": ["", "lb", "Infra", True, None],
    "ingress.infra": [0, 81, -1, True, 1.0, "1"],
    "networks.user": ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "10.0.0.0/08", 10, None],
    "networks.api_address": ["", "10.10.0", "::1", 1],
    "addons.ingress": [0, "yes", None],
    "addons.gateway": [0, "yes", None],
    "addons.metrics_server": [0, "yes", None],
    "addons.node_exporter": [0, "yes", None],
    "addons.sign_in": [0, "yes", None],
    "addons.console": [0, "yes", None],
    "addons.manifests": [None, "~/addons", {"a": 1}],
    "addons.charts": [None, "shop", {"a": 1}],
    "certificate.source": ["", "letsencrypt", None],
    "certificate.file": ["", 1, "a\nb", "-----BEGIN PRIVATE KEY-----"],
    "certificate.key": ["", 1, "a\nb", "-----BEGIN PRIVATE KEY-----"],
    "certificate.directory": ["", 1, "acme.example.com", "https://a@b/"],
    "certificate.email": ["", 1, "ops"],
    "certificate.challenge": ["", "tls-alpn-01", None],
    "certificate.account": ["", 1, "a\nb"],
    "certificate.account_key": ["", 1, "a\nb", "-----BEGIN PRIVATE KEY-----"],
    "certificate.trust": ["", 1, "a\nb", "-----BEGIN PRIVATE KEY-----"],
    "dns.provider": ["", "cloudflare", None],
    "dns.profile": ["", "a b", 1],
    "dns.hosted_zone": ["", "example.com", 1],
    "dns.project": ["", "My Project", 1],
    "dns.impersonate": ["", "ada@example.com", 1],
    "dns.managed_zone": ["", "example.com", 1],
    "dns.server": ["", "ns.example.com", "::1", 1],
    "dns.port": [0, 65536, "53", None],
    "dns.zone": ["", "a..b", "example.com.", 1],
    "dns.key_name": ["", "a b", 1],
    "dns.key_file": ["", 1, "a\nb", "-----BEGIN PRIVATE KEY-----"],
    "dns.algorithm": ["", "hmac-md5", None],
    "dns.ttl": [0, 86401, "60", None],
    "sign_in.email": ["", "ada", "ada@", "a b@example.com", "ada@example.com\n", 1],
    "sign_in.groups": [None, "acme", {"a": 1}],
    "sign_in.editors": [None, "acme", {"a": 1}],
    "sign_in.viewers": [None, "acme", {"a": 1}],
    "sign_in.connectors": [None, "github", {"type": "github"}, 1],
    "kubernetes": ["", "1.36.2", "v1.36", "v1.33.0", "v1.36.2-rc.1", "latest", 1.36, None],
    "pod_security": ["", "Baseline", "none", True, 1, None],
    "ssh.user": ["", "Root", "1a", "a b", "a" * 33, "a\n", "$(id)", None],
    "ssh.public_key": ["", "ssh-ed25519 AAAA\nssh-rsa AAAA", f"{PUBLIC_KEY} \x1b[31m", f"{PUBLIC_KEY} \ud800",
                       "ssh-rsa AAAA broken", PUBLIC_KEY[:-4],
                       PUBLIC_KEY.replace("ed25519", "rsa", 1), "~/.ssh/missing.pub"],
    "ssh.key": ["", 1, "a\nb"],
    "ssh.port": [0, 65536, "22", True, None],
    "ssh.jump": ["", "-oProxyCommand=x", "a b", "a,", 1],
    "may": ["M6", None, {"M6": True}, 6],
    "artifacts.mirror": ["", "mirror.example.com", "ftp://a.b", "https://u:p@a.b", "https://a.b/", "https://a.b?c", 1],
    "artifacts.proxy": ["", "proxy:3128", "http://u:p@a.b", 1, "http://[", "http://a:99999", "http://a..b", "http://a:0"],
    "artifacts.no_proxy": ["", ",", "10.0.0.0/99", "http://a.b", "a b c/d", "x'y", "fe80::1%eth0", 1],
    "artifacts.sums": [None, [], "x", {"a": "0f"}, {"a": 1}],
    "artifacts.digests": [None, [], "x", {"pause": "sha256:" + "0f" * 32}, {"a.b/pause:1": "0f" * 32}, {"a.b/c:1": 1}],
    "artifacts.sums_from": ["", "mirror.example.com", "https://u:p@a.b", 1],
    "machines.inventory": [None, "10.0.0.11", {"address": "10.0.0.11"}, 1],
    "machines.firewall": [0, "yes", None],
    "local.engine": ["", "rkt", None],
    "local.memory": [0, 255, "1G", True],
    "local.raise_limits": [0, "yes", None],
    "local.firewall": [0, "yes", None],
    "rehearsal.load_balancers": [0, "yes", None],
    "artifacts.versions": [None, [], "x", {"coredns": 1}, {"nginx": "1.2"}],
    "aws.profile": ["", "a b", 1],
    "aws.region": ["", "Frankfurt", "eu-central", None],
    "aws.zones": [None, "eu-central-1a", 1],
    "aws.master_type": ["", "large", "m7i.", None],
    "aws.infra_type": ["", "large", 1],
    "aws.worker_type": ["", "large", 1],
    "aws.image": ["", "debian-12", None],
    "aws.disk_size": [19, 16_385, "50", None],
    "aws.kms_key": ["", "my key", 1],
    "aws.vpc": ["", "my-vpc", 1],
    "aws.subnets": [None, "subnet-0123456789abcdef0", 1],
    "aws.private_workers": [0, "yes", None],
    "aws.private_subnets": [None, "subnet-0123456789abcdef0", 1],
    "aws.worker_pool": [0, "yes", None],
    "aws.pool_above": [0, -1, 5001, "many", 2.5, True],
    "aws.dns": ["", "cloudflare", None],
    "aws.hosted_zone": ["", "example.com", 1],
    "aws.integration": [0, "yes", None],
    "aws.termination_protection": [0, "yes", None],
    "gcp.integration": [0, "yes", None],
    "gcp.project": ["", "My Project", 1],
    "gcp.impersonate": ["", "ada@example.com", 1],
    "gcp.region": ["", "Frankfurt", "europe-west3-a", None],
    "gcp.zones": [None, "europe-west3-a", 1],
    "gcp.master_type": ["", "large", "m7i.large", None],
    "gcp.infra_type": ["", "large", 1],
    "gcp.worker_type": ["", "large", 1],
    "gcp.image": ["", "debian-12", None],
    "gcp.disk_size": [19, 65_537, "50", None],
    "gcp.kms_key": ["", "my-key", 1],
    "gcp.network": ["", "My network", 1],
    "gcp.subnetwork": ["", "10.0.0.0/16", 1],
    "gcp.network_project": ["", "My Project", 1],
    "gcp.private_workers": [0, "yes", None],
    "gcp.worker_pool": [0, "yes", None],
    "gcp.pool_above": [0, -1, 5001, "many", 2.5, True],
    "gcp.dns": ["", "cloudflare", None],
    "gcp.managed_zone": ["", "example.com", 1],
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in ALLOWED.items() for value in values])
def test_a_field_allows_a_sound_value(field: str, value: object) -> None:
    assert _mistakes_at(field, value) == {}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in REFUSED.items() for value in values])
def test_a_field_refuses_an_unsound_value_and_says_what_is_allowed(field: str, value: object) -> None:
    found = _mistakes_at(field, value)
    assert list(found) == [field]
    assert found[field].endswith((".", "?"))
    assert "Input should" not in found[field]
    assert "input should" not in found[field]


def test_every_field_is_covered_by_the_tables() -> None:
    assert set(ALLOWED) == set(validation.fields())
    assert set(REFUSED) | {"networks.machines", "networks.pods", "networks.services"} == set(validation.fields())


WORDS: list[tuple[str, object, str]] = [
    ("masters", 2, "Enter 1, 3 or 5 instead of 2"),
    ("masters", True, "Enter 1, 3 or 5 instead of true"),
    ("workers", 9000, "Enter 0 to 5000 instead of 9000"),
    ("workers", None, "Enter 0 to 5000 instead of nothing"),
    ("ingress.infra", "1", "Enter 1 to 80 instead of '1'"),
    ("ingress.kind", "lb", "Enter infra or load-balancer instead of 'lb'"),
    ("schedulable_masters", "yes", "Enter true or false instead of 'yes'"),
    ("ingress", [], "Enter a mapping of kind, infra instead of a list"),
    ("ingress", None, "Enter a mapping of kind, infra instead of nothing"),
    ("may", "M6", "Enter a list such as [M5, M6] instead of 'M6'"),
    ("name", None, "Enter a name: up to 20 lowercase letters"),
    ("wrokers", 2, "unknown key; did you mean 'workers'?"),
    ("ingress.infar", 2, "unknown key; did you mean 'infra'?"),
    ("pods", "10.0.0.0/16", "unknown key; did you mean 'networks.pods'?"),
    ("ssh.zzz", 2, "unknown key; known here: user, public_key, key, port, jump"),
    (
        "machines.inventory",
        None,
        "Enter a list of mappings of address, internal, role, user, port, key, jump instead of nothing",
    ),
]


@pytest.mark.parametrize(("field", "value", "words"), WORDS)
def test_a_mistake_is_said_in_words(field: str, value: object, words: str) -> None:
    assert _mistakes_at(field, value)[field].startswith(words)


def test_a_plan_has_the_settings_of_the_platform_that_it_names() -> None:
    plan = InstallPlan.model_validate({**BASE, "platform": "local", "local": {"memory": 2048}})
    assert plan.settings_of(Local) == Local(memory=2048)
    assert InstallPlan.model_validate({**BASE, "platform": "local"}).settings_of(Local) == Local()
    with pytest.raises(TypeError):
        plan.settings_of(Machines)


@pytest.mark.parametrize("section", [{"engine": "rkt", "zzz": 1}, [], "yes", None])
def test_a_section_is_judged_only_where_the_plan_names_its_platform(section: object) -> None:
    assert _mistakes({"local": section}) == {}
    assert validate({**BASE, "local": section}) == InstallPlan.model_validate(BASE)
    found = _mistakes({"platform": "local", "local": section, "workers": -1})
    assert "workers" in found
    assert {field.partition(".")[0] for field in found} == {"workers", "local"}


@pytest.mark.parametrize("platform", ["", "openstack", 1, None, [], {}])
def test_a_platform_that_does_not_exist_is_one_mistake(platform: object) -> None:
    assert list(_mistakes({"platform": platform, "local": {"engine": "rkt"}, "machines": {"zzz": 1}})) == ["platform"]


def test_an_obsolete_rule_cannot_be_switched_on_and_the_reason_is_given() -> None:
    assert "the etcd operator is gone" in _mistakes({"may": ["M6", "M10"]})["may.1"]


def test_a_private_key_is_refused_without_being_repeated() -> None:
    pasted = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----"
    text = _mistakes({"ssh": {"public_key": pasted}})["ssh.public_key"]
    assert text.startswith("That's a private key")
    assert "b3BlbnNz" not in text


REFUSED_KEYS = [
    ("~/.ssh/id_ed25519.pub", "A plan holds the public key itself. Put the line of ~/.ssh/id_ed25519.pub here"),
    (f'from="10.0.0.0/8",no-pty {PUBLIC_KEY}', "Leave out the options before ssh-ed25519"),
    (f"{PUBLIC_KEY}\n{PUBLIC_KEY}", "That's more than one line."),
    (PUBLIC_KEY.replace("ssh-ed25519", "ssh-rsa"), "The line says ssh-rsa, and its key is of the type ssh-ed25519."),
    (PUBLIC_KEY.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"), "That's a certificate."),
    (PUBLIC_KEY.split()[1] + "/", "Enter one line of an OpenSSH public key"),
    (PUBLIC_KEY[:30], "This ssh-ed25519 key is damaged or cut off."),
]


@pytest.mark.parametrize(("text", "words"), REFUSED_KEYS)
def test_a_line_that_is_no_public_key_is_refused_by_what_it_is(text: str, words: str) -> None:
    assert _mistakes({"ssh": {"public_key": text}})["ssh.public_key"].startswith(words)


def test_missing_fields_are_told_apart_from_empty_ones() -> None:
    found = validate({})
    assert isinstance(found, tuple)
    assert [(mistake.field, mistake.found) for mistake in found] == [(("name",), MISSING), (("subdomain",), MISSING)]


ZONE = {"provider": "rfc2136", "server": "10.0.0.53", "key_name": "k", "key_file": "f"}
CONFLICTS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"sign_in": {"connectors": [{"type": "github", "id": "gh", "secret_file": "~/gh"}]}},
        "sign_in.connectors.0.client_id",
        "A connector of type github needs client_id.",
    ),
    (
        {"sign_in": {"connectors": [{"type": "ldap", "id": "a", "host": "h", "users": "u"}] * 2}},
        "sign_in.connectors.1.id",
        "Another connector has this id.",
    ),
    ({"workers": 0}, "workers", "You need at least one worker"),
    ({"ingress": {"kind": "load-balancer", "infra": 2}}, "ingress.infra", "A load balancer replaces infra nodes"),
    ({"addons": {"ingress": False, "sign_in": False}}, "addons.console", "It answers behind the ingress controller"),
    ({"addons": {"ingress": False, "gateway": True}}, "addons.gateway", "It answers behind the ingress controller"),
    (
        {"dns": {"provider": "rfc2136", "key_name": "k", "key_file": "f"}},
        "dns.server",
        "Updates of a zone need the server",
    ),
    (
        {"dns": {"provider": "rfc2136", "server": "10.0.0.53", "key_name": "k", "key_file": "f", "zone": "other.test"}},
        "dns.zone",
        "example.test is not in the zone other.test",
    ),
    (
        {"networks": {"api_address": "10.10.0.11"}},
        "networks.api_address",
        "Choose an address from 10.10.0.6 to 10.10.0.10",
    ),
    ({"networks": {"api_address": "10.96.0.9"}}, "networks.api_address", "10.96.0.9 is in 10.96.0.0/12"),
    (
        {"masters": 1, "networks": {"api_address": "10.10.0.9"}},
        "networks.api_address",
        "the address has nowhere to move",
    ),
    (
        {"ingress": {"kind": "load-balancer"}, "networks": {"api_address": "10.10.0.9"}},
        "networks.api_address",
        "The API's name leads to the load balancer",
    ),
    (
        {"platform": "aws", "networks": {"user": "0.0.0.0/0", "api_address": "10.10.0.9"}},
        "networks.api_address",
        "Amazon Web Services drops VRRP",
    ),
    ({"dns": {"profile": "work"}}, "dns.profile", "Only Route 53 needs it"),
    ({"dns": {"provider": "route53", "managed_zone": "mine"}}, "dns.managed_zone", "Only Cloud DNS needs it"),
    ({"dns": {"provider": "route53", "zone": "a.test"}}, "dns.zone", "name the zone in dns.hosted_zone"),
    ({"addons": {"charts": [{"name": "a", "chart": "/a"}] * 2}}, "addons.charts.1.name", "Another chart has this name"),
    (
        {"addons": {"charts": [{"name": "a", "chart": "a", "version": "1.0.0"}]}},
        "addons.charts.0.repository",
        "Name the",
    ),
    (
        {"addons": {"charts": [{"name": "a", "chart": "/a", "repository": "https://r.test"}]}},
        "addons.charts.0.repository",
        "The chart says itself where it is",
    ),
    ({"addons": {"charts": [{"name": "a", "chart": "oci://r.test/a"}]}}, "addons.charts.0.version", "Give the exact"),
    ({"certificate": {"source": "ca", "key": "k"}}, "certificate.file", "Name the file of the certificate"),
    ({"certificate": {"file": "f"}}, "certificate.file", "Craton makes its own CA and needs no file"),
    ({"certificate": {"source": "acme", "key": "k"}}, "certificate.key", "The ACME server gives the certificate"),
    ({"certificate": {"email": "a@b.c"}}, "certificate.email", "Only ACME needs it"),
    (
        {"certificate": {"source": "acme", "account": "a"}},
        "certificate.account_key",
        "Name the file with the account's",
    ),
    ({"certificate": {"source": "acme", "account_key": "f"}}, "certificate.account", "Give the account's key id"),
    (
        {"certificate": {"source": "acme", "challenge": "dns-01"}},
        "certificate.challenge",
        "needs dns.provider: rfc2136",
    ),
    (
        {"certificate": {"source": "acme", "challenge": "dns-01"}, "dns": {"provider": "route53"}},
        "certificate.challenge",
        "would need credentials of your Route 53 account in the cluster",
    ),
    (
        {"certificate": {"source": "acme", "challenge": "dns-01"}, "dns": {**ZONE, "algorithm": "hmac-sha384"}},
        "dns.algorithm",
        "signs with hmac-sha256 or hmac-sha512",
    ),
    (
        {"ingress": {"kind": "load-balancer"}, "rehearsal": {"load_balancers": False}},
        "ingress.kind",
        "The environment you're rehearsing has no load balancer. Use infra nodes.",
    ),
    (
        {"networks": {"pods": "10.10.128.0/17"}},
        "networks.pods",
        "10.10.128.0/17 overlaps the machine network (10.10.0.0/16)",
    ),
    ({"networks": {"services": "10.10.0.0/16"}}, "networks.services", "overlaps the machine network"),
    ({"networks": {"services": "10.244.0.0/16"}}, "networks.services", "overlaps the pod network"),
    ({"networks": {"machines": "10.10.0.0/26"}}, "networks.machines", "too small for 6 machines. Use a /25 or larger."),
    ({"workers": 155, "networks": {"machines": "10.10.0.0/24"}}, "networks.machines", "/23 or larger"),
    ({"workers": 300}, "networks.pods", "each of 304 nodes takes a /24. Use a /15 or larger."),
    ({"networks": {"pods": "10.200.0.0/25"}}, "networks.pods", "each of 6 nodes takes a /24. Use a /21 or larger."),
    ({"networks": {"services": "10.0.0.0/11"}}, "networks.services", "has the wrong size"),
    ({"networks": {"services": "10.96.0.0/25"}}, "networks.services", "has the wrong size"),
]


@pytest.mark.parametrize(("data", "field", "words"), CONFLICTS)
def test_a_rule_between_fields_is_reported_where_it_can_be_corrected(
    data: dict[str, Any], field: str, words: str
) -> None:
    assert words in _mistakes(data)[field]


OWN = {"platform": "machines", "masters": 1, "workers": 1}
HOSTS = [{"address": f"10.0.0.{number}"} for number in (1, 2, 3)]
ITEMS: list[tuple[dict[str, Any], str, str]] = [
    ({"port": 0}, "port", "Enter 1 to 65535 instead of 0"),
    ({"prot": 22}, "prot", "unknown key; did you mean 'port'?"),
    ({"role": "boss"}, "role", "Enter master, infra or worker instead of 'boss'"),
    ({"address": "-oProxyCommand=x"}, "address", "must be an IP address, a DNS name or a Host of ~/.ssh/config"),
    ({"internal": "fd00::1"}, "internal", "Enter the IPv4 address, such as 10.0.0.11"),
    ({"address": "web"}, "internal", "the other machines need an IPv4 address"),
    ({"address": "10.0.0.1"}, "address", "10.0.0.1 is the same machine as 10.0.0.1 above"),
]


@pytest.mark.parametrize(("fields", "key", "words"), ITEMS)
def test_a_mistake_in_a_list_of_machines_is_found_at_its_machine(fields: dict[str, Any], key: str, words: str) -> None:
    found = _mistakes({**OWN, "machines": {"inventory": [*HOSTS[:2], {**HOSTS[2], **fields}]}})
    assert list(found) == [f"machines.inventory.2.{key}"]
    assert words in found[f"machines.inventory.2.{key}"]


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ([], "You listed 0 machines; this plan needs 3 (1 master, 1 infra, 1 worker)."),
        (HOSTS[:2], "You listed 2"),
        ([*HOSTS, {"address": "10.0.0.4"}], "You listed 4"),
        (
            [{**host, "role": "master"} for host in HOSTS],
            "You gave the role master to 3 machines; this plan has 1.",
        ),
    ],
)
def test_a_list_of_machines_has_as_many_as_the_plan_takes(hosts: list[dict[str, Any]], words: str) -> None:
    found = _mistakes({**OWN, "machines": {"inventory": hosts}})
    assert list(found) == ["machines.inventory"]
    assert found["machines.inventory"].startswith(words)


def test_no_machine_stands_in_the_pods_or_services_network() -> None:
    for network in ("pods", "services"):
        found = _mistakes({**OWN, "machines": {"inventory": HOSTS}, "networks": {network: "10.0.0.0/16"}})
        assert "contains the address of a machine: 10.0.0." in found[f"networks.{network}"]


def test_workers_are_not_needed_where_masters_take_workloads() -> None:
    assert _mistakes({"workers": 0, "schedulable_masters": True}) == {}


def test_the_smallest_sufficient_networks_are_allowed() -> None:
    assert _mistakes({"workers": 154, "networks": {"machines": "10.10.0.0/24", "pods": "10.244.0.0/16"}}) == {}
    assert _mistakes({"networks": {"pods": "10.244.0.0/21"}}) == {}


def test_rules_between_fields_are_checked_though_another_field_is_wrong() -> None:
    found = _mistakes({"masters": 2, "workers": 0, "networks": {"user": "x", "services": "10.10.0.0/16"}})
    assert set(found) == {"masters", "workers", "networks.user", "networks.services"}


def test_a_wrong_field_breaks_no_rule_between_fields() -> None:
    assert set(_mistakes({"workers": -1, "networks": {"pods": "10.10.0.0/33"}})) == {"workers", "networks.pods"}


def test_an_infra_count_is_one_unless_given_and_none_behind_a_load_balancer() -> None:
    assert InstallPlan.model_validate(BASE).infra == 1
    assert InstallPlan.model_validate({**BASE, "ingress": {"kind": "infra"}}).infra == 1
    assert InstallPlan.model_validate({**BASE, "ingress": {"kind": "load-balancer"}}).infra == 0


def test_may_rules_are_kept_once_and_in_the_contracts_order() -> None:
    assert InstallPlan.model_validate({**BASE, "may": ["I4", "M5", "I4"]}).may == ("M5", "I4")


def test_a_plan_cannot_be_changed() -> None:
    plan = InstallPlan.model_validate(BASE)
    with pytest.raises(ValidationError):
        plan.workers = 3  # type: ignore[misc]


def test_names_follow_from_the_cluster_and_the_subdomain() -> None:
    plan = InstallPlan.model_validate(BASE)
    assert (plan.api_host, plan.console_host) == ("demo-k8s.example.test", "demo.example.test")


@repeatable
@given(plans())
def test_a_plan_survives_its_own_json(plan: InstallPlan) -> None:
    assert InstallPlan.model_validate(plan.model_dump(mode="json")) == plan


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@repeatable
@given(plan_data() | machines_data(), st.sampled_from(sorted(validation.fields())), _JSON)
def test_any_value_at_any_field_makes_a_plan_or_mistakes_that_have_words(
    data: dict[str, Any], field: str, value: object
) -> None:
    found = validate({**data, **_nested(field, value)})
    if not isinstance(found, InstallPlan):
        assert found
        for mistake in found:
            assert mistake.text.isprintable()
            assert "put should" not in mistake.text


def test_a_thousand_unknown_keys_are_counted_and_not_all_spelt_out() -> None:
    found = validate({**BASE, **{f"key{number}": 1 for number in range(1000)}})
    assert isinstance(found, tuple)
    assert len(found) == 101
    assert found[-1].text == "900 more mistakes"
