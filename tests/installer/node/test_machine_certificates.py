"""What a machine prints of its certificates, read: which they are, when they end, and who renews them."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from installer.node.machine_certificates import first, read
from tests.doubles.certificates import NOW, make

PKI = "/etc/kubernetes/pki"


def printed(path: str, days: int) -> str:
    return f"#certificate {path}\n{make(ends=timedelta(days=days)).chain()}"


def test_each_certificate_has_its_name_and_its_end() -> None:
    found = read(printed(f"{PKI}/etcd/server.crt", 20) + printed(f"{PKI}/ca.crt", 9))
    assert [(each.title, each.kind) for each in found] == [("etcd server", "kubeadm"), ("cluster CA", "authority")]
    assert found[0].ends == pytest.approx((NOW + timedelta(days=20)).timestamp(), abs=1)
    ends_first = first(found)
    assert ends_first
    assert ends_first.title == "cluster CA"


def test_kubeconfigs_have_theirs_in_base64() -> None:
    encoded = base64.b64encode(make(ends=timedelta(days=3)).chain().encode()).decode()
    [found] = read(f"#certificate /etc/kubernetes/admin.conf\nbase64 {encoded}\n")
    assert found.title == "admin.conf"
    assert found.ends == pytest.approx((NOW + timedelta(days=3)).timestamp(), abs=1)


def test_of_a_file_with_its_issuers_the_first_counts_and_one_without_any_is_passed_over() -> None:
    issuer = make("ca", ca=True, ends=timedelta(days=1))
    chain = make(issuer=issuer, ends=timedelta(days=50)).chain()
    [found] = read(f"#certificate /etc/kubernetes/kubelet.conf\n\n#certificate /elsewhere.crt\n{chain}")
    assert (found.title, found.kind) == ("/elsewhere.crt", "")
    assert found.ends == pytest.approx((NOW + timedelta(days=50)).timestamp(), abs=1)


@pytest.mark.parametrize("text", ["base64 ????", "base64 aGVsbG8=", "-----BEGIN CERTIFICATE-----\nAAAA"])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(f"#certificate {PKI}/ca.crt\n{text}\n")
