"""What a machine downloads: checked before it runs, resumed, tried again, and given up with the reason."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.doubles.mirror import running_mirror, script
from tests.doubles.node_bench import Bench, path_of
from tests.doubles.raw_http import answering, said
from tests.doubles.tls import server_context

KUBEADM = path_of("kubeadm")
HALF = "half"


@pytest.mark.parametrize(
    ("faults", "starts"),
    [
        (["cut"], [0, HALF]),
        ([503], [0, 0]),
        ([429, "cut"], [0, 0, HALF]),
    ],
)
def test_what_passes_is_tried_again_from_where_it_stopped(
    bench: Bench, faults: list[int | str], starts: list[int | str]
) -> None:
    half = len(bench.mirror.files[KUBEADM]) // 2
    bench.mirror.faults[KUBEADM] = faults
    bench.prepared()
    asked = [request.start for request in bench.mirror.requests(KUBEADM)]
    assert asked == [half if start == HALF else start for start in starts]


def test_a_server_that_cannot_resume_is_asked_from_the_start(bench: Bench) -> None:
    bench.mirror.ranges = False
    bench.mirror.faults[KUBEADM] = ["cut"]
    bench.prepared()
    assert len(bench.mirror.requests(KUBEADM)) == 3, "whole, the rest in vain, whole"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_does_not_pass_is_told_at_once(bench: Bench, status: int) -> None:
    bench.mirror.faults[KUBEADM] = [status]
    assert bench.refused(69) == f"craton-node: GET {bench.mirror.url}/{KUBEADM}: HTTP status {status}"
    assert len(bench.mirror.requests(KUBEADM)) == 1


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("ftp://127.0.0.1/x", "it redirects to ftp://127.0.0.1/x, which is not http,https"),
        ("file:///etc/passwd", "it redirects to file:///etc/passwd, which is not http,https"),
        ("http://[", ""),
        (f"/{KUBEADM}", "Maximum (10) redirects followed"),
    ],
)
def test_redirects_lead_to_the_web_alone(bench: Bench, to: str, said: str) -> None:
    bench.mirror.moved[KUBEADM] = to
    refused = bench.refused(69)
    assert refused.startswith(f"craton-node: GET {bench.mirror.url}/{KUBEADM}: ")
    assert said in refused


def test_redirects_from_https_lead_to_https_alone(bench: Bench, tmp_path: Path) -> None:
    context, authority = server_context(tmp_path)
    bench.box.run("sh", "-c", "cat >/etc/ssl/certs/ca-certificates.crt", stdin=authority.read_text())
    with running_mirror(bench.mirror.files, tls=context) as encrypted:
        text = bench.text.replace(f"{bench.mirror.url}/{KUBEADM}", f"{encrypted.url}/{KUBEADM}")
        encrypted.moved[KUBEADM] = f"{bench.mirror.url}/{KUBEADM}"
        said = replace(bench, text=text).refused(69)
        assert f"it redirects to {bench.mirror.url}/{KUBEADM}, which is not https" in said
        assert not bench.mirror.requests(KUBEADM)
        encrypted.moved[KUBEADM] = f"{encrypted.url}/elsewhere"
        encrypted.files["elsewhere"] = encrypted.files[KUBEADM]
        replace(bench, text=text).prepared()


@pytest.mark.parametrize(
    "answer",
    [
        said(b"x", "Content-Length: abc"),
        said(b"x", "Content-Length: -1"),
        said(b"x" * 100, "Content-Length: 99999999999999999999"),
        b"no HTTP\r\n\r\n",
    ],
    ids=["words", "negative", "huge", "no HTTP"],
)
def test_an_answer_that_makes_no_sense_is_given_up(bench: Bench, answer: bytes) -> None:
    with answering(answer) as url:
        text = bench.text.replace(f"{bench.mirror.url}/{KUBEADM}", f"{url}/{KUBEADM}")
        ended = replace(bench, text=text).with_lines("DOWNLOAD_SECONDS='1'").prepare()
    assert ended.returncode in (65, 69)
    assert ended.stderr.splitlines()[-1].startswith("craton-node: ")
    assert not bench.box.sh("ls /usr/local/bin/kubeadm 2>/dev/null || :")


def test_a_server_that_is_not_there_is_given_up_at_the_deadline(bench: Bench) -> None:
    dead = replace(bench, text=bench.text.replace(bench.mirror.url, "http://127.0.0.1:1"))
    said = dead.with_lines("DOWNLOAD_SECONDS='2'").refused(69)
    assert re.search(r"Failed to connect to 127.0.0.1 port 1.*not whole after 2 s", said)


def test_a_download_that_stalls_is_given_up_at_the_deadline(bench: Bench) -> None:
    bench.mirror.faults[KUBEADM] = ["stall"] * 9
    said = bench.with_lines("DOWNLOAD_SECONDS='2'").refused(69)
    assert "timed out" in said
    assert "not whole after 2 s" in said


def test_nothing_runs_whose_sum_does_not_match(bench: Bench) -> None:
    bench.mirror.files[KUBEADM] = script("touch /run/it-ran")
    said = bench.refused(65)
    assert re.fullmatch(
        rf"craton-node: {KUBEADM} from {bench.mirror.url}/{KUBEADM} has the SHA-256 sum [0-9a-f]{{64}}, "
        "expected [0-9a-f]{64}",
        said,
    )
    assert (
        bench.box.sh(f"ls /run/it-ran /usr/local/bin/kubeadm /var/lib/craton/artifacts/{KUBEADM} 2>&1 || :").count(
            "No such file"
        )
        == 3
    )


def test_nothing_is_fetched_that_has_no_sum(bench: Bench) -> None:
    text = re.sub(rf"({KUBEADM}) [0-9a-f]+", r"\1 -", bench.text)
    assert "no SHA-256 sum of" in replace(bench, text=text).refused(65)
    assert not bench.mirror.requests(KUBEADM)


def test_the_head_of_another_file_is_thrown_away(bench: Bench) -> None:
    part = f"/var/lib/craton/artifacts/{KUBEADM}.part"
    bench.box.sh(f"mkdir -p $(dirname {part}); echo wrong >{part}")
    bench.prepared()
    assert [request.start for request in bench.mirror.requests(KUBEADM)] == [6, 0]


def test_a_whole_file_that_was_not_yet_checked_is_not_fetched_again(bench: Bench) -> None:
    part = f"/var/lib/craton/artifacts/{KUBEADM}.part"
    data = bench.mirror.files[KUBEADM].decode()
    bench.box.run("sh", "-c", f"mkdir -p $(dirname {part}); cat >{part}", stdin=data)
    bench.prepared()
    assert [request.start for request in bench.mirror.requests(KUBEADM)] == [len(data)]


def test_what_was_uploaded_is_not_fetched(bench: Bench) -> None:
    place = f"/var/lib/craton/artifacts/{KUBEADM}"
    bench.box.run("sh", "-c", f"mkdir -p $(dirname {place}); cat >{place}", stdin=bench.mirror.files[KUBEADM].decode())
    needed = bench.box.node("needed", stdin=bench.text).stdout.splitlines()
    assert KUBEADM not in needed
    assert path_of("kubelet") in needed
    bench.prepared()
    assert not bench.mirror.requests(KUBEADM)
    assert bench.box.node("needed", stdin=bench.text).stdout == ""


def test_only_this_architectures_files_are_needed(bench: Bench) -> None:
    needed = bench.box.node("needed", stdin=bench.text).stdout
    assert "amd64" in needed
    assert "arm64" not in needed
