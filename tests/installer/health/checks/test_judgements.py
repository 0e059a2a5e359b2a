"""What each check makes of what machines print: tables of output and verdict."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from installer.health.catalogue import CHECKS
from installer.health.check import Subject, Verdict
from installer.health.checks.addons import time_of
from installer.health.checks.expiry import first_end
from installer.plan.rules import Role
from tests.installer.health.healthy import (
    CHECK,
    HOST_KEY,
    KIB_PER_GIB,
    NOW,
    PLAN,
    TOPOLOGY,
    evidence,
    examine,
    members,
    node_line,
    spoiled,
)
from tests.installer.health.healthy import certificates as ending

PASS, WARN, FAIL, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN
NEVER = Verdict.NOT_APPLICABLE
MASTER, INFRA, WORKER = "demo-master-1", "demo-infra-1", "demo-worker-1"
NOT_READY = "node.kubernetes.io/not-ready=:NoExecute"
NODES = [node_line(machine) for machine in TOPOLOGY.machines]


def meminfo(mebibytes: int) -> str:
    return f"MemTotal:  {mebibytes * 1024} kB"


def df(free_gib: float, size_gib: float = 100) -> str:
    size, free = round(size_gib * KIB_PER_GIB), round(free_gib * KIB_PER_GIB)
    return f"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda {size} {size - free} {free} 9% /var"


def nodes(name: str, line: str) -> str:
    return "\n".join([other for other in NODES if not other.startswith(f"{name} ")] + [line])


def unstarted(name: str) -> str:
    document = json.loads(members(TOPOLOGY))
    for member in document["members"]:
        if member["name"] == name:
            member["name"], member["clientURLs"] = "", []
    return json.dumps(document)


def answers(expires: str = "Nov 15 06:35:00 2027 GMT", status: str = "200", issuer: str = PLAN.issuer) -> str:
    """What answers at the console's name."""
    ends = f"expires {expires}\n" if expires else ""
    return f'{ends}status {status}\n#sign-in\n{{"issuer": "{issuer}"}}'


SIGNED_IN = "\n#signed-in\noidc:craton-probe@craton.invalid"
WORKER_NODE = TOPOLOGY.machine(WORKER)
MASTER_NODE = TOPOLOGY.machine(MASTER)

BY_TURNS = "10.10.0.11 10.10.0.12 10.10.0.13"
CONSOLE = "demo.k8s.example.test 10.10.0.21"

TABLE = [
    # check, machine, probe, output, exit status, verdict, words seen
    ("hostname", WORKER, "hostname", "demo-worker-1\n", 0, PASS, "as planned"),
    ("hostname", WORKER, "hostname", "localhost", 0, FAIL, "localhost"),
    ("hostname", WORKER, "hostname", "", 0, UNKNOWN, "nothing"),
    ("expiry", WORKER, "expiry", "", 0, UNKNOWN, "no certificate"),
    ("expiry", WORKER, "expiry", "#certificate /x\nnone", 0, UNKNOWN, "can't be read"),
    ("console", WORKER, "console", "", 0, NEVER, "not for worker"),
    ("console", MASTER, "console", answers(), 0, PASS, "ingress, sign-in, console answer; certificate: 35"),
    ("console", MASTER, "console", answers(""), 0, PASS, "ingress, sign-in, console answer"),
    ("console", MASTER, "console", answers("Dec 12 06:35:00 2026 GMT"), 0, WARN, "certificate: 19 days left"),
    ("console", MASTER, "console", answers("Nov 25 06:35:00 2026 GMT"), 0, FAIL, "certificate: 2 days left"),
    ("console", MASTER, "console", "issuer C=US; CN=E5\n" + answers(), 0, PASS, "certificate of C=US; CN=E5: 35"),
    ("console", MASTER, "console", answers(status="502"), 0, FAIL, "status 502, not 200"),
    ("console", MASTER, "console", answers(issuer="https://other/dex"), 0, FAIL, "Dex calls itself https://other/dex"),
    ("console", MASTER, "console", "status 200\n#sign-in\n404 page", 0, FAIL, "nobody can sign in: Dex gave no JSON"),
    ("console", MASTER, "console", "status 404\n#sign-in\n404 page", 0, WARN, "has neither sign-in nor console"),
    ("console", MASTER, "console", answers() + SIGNED_IN, 0, PASS, "console answer; a probe signed in; certificate"),
    (
        "console",
        MASTER,
        "console",
        answers() + "\n#signed-in\nthe form answered 401, and no code came back",
        0,
        FAIL,
        "nobody can sign in: the form answered 401",
    ),
    (
        "console",
        MASTER,
        "console",
        answers() + "\n#signed-in\nthe API server says: Unauthorized",
        0,
        FAIL,
        "Unauthorized",
    ),
    ("console", MASTER, "console", answers() + "\n#signed-in\n", 0, FAIL, "nobody can sign in: nothing"),
    ("console", MASTER, "console", "curl: (60) SSL certificate problem\nstatus 000\n#sign-in\n", 0, FAIL, "(60)"),
    ("console", MASTER, "console", "", 0, UNKNOWN, "no answer about demo.k8s.example.test"),
    ("exporter", WORKER, "exporter", "node_load1 0.2", 0, PASS, "9100"),
    ("exporter", WORKER, "exporter", "curl: (7) refused", 0, WARN, "refused"),
    ("exporter", WORKER, "exporter", "", 1, WARN, "nothing"),
    ("memory", MASTER, "memory", meminfo(1699), 0, FAIL, "1.7 GiB"),
    ("memory", MASTER, "memory", meminfo(1800), 0, WARN, "2 GB"),
    ("memory", MASTER, "memory", meminfo(1950), 0, PASS, "1.9 GiB"),
    ("memory", WORKER, "memory", meminfo(900), 0, WARN, "1 GB"),
    ("memory", WORKER, "memory", meminfo(1000), 0, PASS, ""),
    ("memory", WORKER, "memory", "MemTotal: lots", 0, UNKNOWN, "lots"),
    ("memory", WORKER, "memory", "MemTotal: -5 kB", 0, UNKNOWN, "-5"),
    ("disk", WORKER, "disk", df(50), 0, PASS, "50%"),
    ("disk", WORKER, "disk", df(14), 0, WARN, "/var has 14%"),
    ("disk", WORKER, "disk", df(4.9, 8), 0, WARN, "4.9 GiB"),
    ("disk", WORKER, "disk", df(4), 0, FAIL, "4%"),
    ("disk", WORKER, "disk", df(0.9, 2), 0, FAIL, "0.9 GiB"),
    ("disk", WORKER, "disk", df(50) + "\n" + df(4), 0, FAIL, "4%"),
    ("disk", WORKER, "disk", "/dev/vda 0 0 0 - /", 0, UNKNOWN, ""),
    ("swap", WORKER, "swap", "", 0, UNKNOWN, "nothing"),
    ("swap", WORKER, "swap", "Filename Type Size\n/dev/sda2 partition 1000", 0, WARN, "/dev/sda2"),
    ("kernel", WORKER, "modules", "overlay loaded\nbr_netfilter loaded\nvxlan missing", 0, FAIL, "vxlan"),
    ("kernel", WORKER, "modules", "overlay builtin\nbr_netfilter builtin\nvxlan builtin", 0, PASS, ""),
    ("kernel", WORKER, "sysctls", "net.ipv4.ip_forward = 0", 0, FAIL, "net.ipv4.ip_forward is 0"),
    ("kernel", WORKER, "sysctls", "net.ipv4.ip_forward = 1", 0, FAIL, "bridge-nf-call-iptables is not there"),
    ("containerd", WORKER, "containerd", "inactive", 3, FAIL, "inactive"),
    ("containerd", WORKER, "containerd", "sh: systemctl: not found", 127, UNKNOWN, "systemctl"),
    ("kubelet", WORKER, "kubelet", "curl: (7) Failed to connect to 127.0.0.1", 7, FAIL, "Failed to connect"),
    ("kubelet", WORKER, "kubelet", "", 124, UNKNOWN, "in time"),
    ("certificate", WORKER, "serving", "own", 0, PASS, "craton upgrade"),
    ("certificate", WORKER, "serving", "curl: (60) SSL certificate problem", 60, FAIL, "SSL certificate problem"),
    ("certificate", WORKER, "serving", "", 124, UNKNOWN, "in time"),
    ("certificate", MASTER, "requests", f"system:node:{WORKER}\nsystem:node:{MASTER}", 0, WARN, "waits for a new one"),
    ("certificate", MASTER, "requests", f"system:node:{WORKER}", 0, PASS, "CA"),
    ("certificate", MASTER, "requests", "error: refused", 1, PASS, "CA"),
    ("api", MASTER, "apiserver", "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed", 0, FAIL, "etcd"),
    ("api", MASTER, "apiserver", "curl: (7) Failed to connect", 7, FAIL, "Failed to connect"),
    ("api", WORKER, "apiserver", "", 0, Verdict.NOT_APPLICABLE, "worker"),
    ("etcd", MASTER, "etcd-health", '{"health":"false","reason":"NOSPACE"}', 0, FAIL, "NOSPACE"),
    ("etcd", MASTER, "etcd-health", "curl: (7) refused", 7, FAIL, "refused"),
    ("etcd", MASTER, "etcd-health", "<html>", 0, UNKNOWN, "JSON"),
    ("etcd", MASTER, "etcd-members", unstarted("demo-master-3"), 0, FAIL, "demo-master-3 is no member"),
    ("etcd", MASTER, "etcd-members", members(TOPOLOGY).replace("master-2", "master-9"), 0, FAIL, "demo-master-9"),
    ("etcd", MASTER, "etcd-members", '{"members": 3}', 0, UNKNOWN, "members"),
    ("node", WORKER, "nodes", nodes(WORKER, node_line(WORKER_NODE, ready="False")), 0, FAIL, "NotReady"),
    ("node", WORKER, "nodes", nodes(WORKER, node_line(WORKER_NODE, ready="Unknown")), 0, FAIL, "stopped reporting"),
    ("node", WORKER, "nodes", nodes(WORKER, node_line(WORKER_NODE, "v1.35.1")), 0, WARN, "v1.35.1"),
    ("node", WORKER, "nodes", nodes(WORKER, ""), 0, FAIL, "no node demo-worker-1"),
    ("labels", WORKER, "nodes", nodes(WORKER, f"{WORKER} True v1.36.2 a=b -"), 0, FAIL, "W9"),
    ("labels", WORKER, "nodes", nodes(WORKER, ""), 0, UNKNOWN, "no node"),
    ("taints", MASTER, "nodes", nodes(MASTER, f"{MASTER} True v1.36.2 a=b -"), 0, FAIL, "control-plane"),
    ("taints", INFRA, "nodes", nodes(INFRA, f"{INFRA} True v1.36.2 a=b -"), 0, WARN, "infra=:NoSchedule"),
    ("taints", WORKER, "nodes", nodes(WORKER, f"{WORKER} True v1.36.2 a=b k=v:NoSchedule"), 0, WARN, "k=v:NoSchedule"),
    ("taints", WORKER, "nodes", nodes(WORKER, f"{WORKER} True v1.36.2 a=b {NOT_READY}"), 0, PASS, "none, as planned"),
    ("taints", WORKER, "nodes", nodes(WORKER, f"{WORKER} False v1.36.2 a=b {NOT_READY}"), 0, WARN, "not-ready"),
    ("names", WORKER, "names", "demo-k8s.k8s.example.test 10.10.0.11", 0, FAIL, "lacks 127.0.0.1"),
    ("names", WORKER, "names", f"demo-k8s.k8s.example.test {BY_TURNS}", 0, FAIL, "demo.k8s.example.test"),
    (
        "names",
        WORKER,
        "names",
        f"demo-k8s.k8s.example.test {BY_TURNS}\n{CONSOLE}",
        0,
        WARN,
        "one master after the other",
    ),
    ("names", MASTER, "names", f"demo-k8s.k8s.example.test 127.0.0.1\n{CONSOLE}", 0, FAIL, "lacks 10.10.0.11"),
    ("api-proxy", WORKER, "api-proxy", "absent", 0, WARN, "one master after the other"),
    ("api-proxy", INFRA, "api-proxy", "curl: (7) Failed to connect to 127.0.0.1", 7, FAIL, "Failed to connect"),
    ("api-proxy", INFRA, "api-proxy", "curl: (35) Recv failure: Connection reset by peer", 35, FAIL, "no master"),
    ("api-proxy", WORKER, "api-proxy", "", 124, UNKNOWN, "in time"),
    ("names", WORKER, "names", "demo-k8s.k8s.example.test", 0, FAIL, "does not resolve"),
    ("names", WORKER, "names", "demo.k8s.example.test 10.10.0.21 192.0.2.1", 0, FAIL, "does not resolve"),
    ("names", WORKER, "names", "sh: getent: not found", 127, UNKNOWN, "getent"),
]


@pytest.mark.parametrize(("check", "machine", "probe", "output", "status", "verdict", "words"), TABLE)
def test_a_check_judges_what_its_probe_left(
    check: str, machine: str, probe: str, output: str, status: int, verdict: Verdict, words: str
) -> None:
    # The other masters know no nodes: what this one says counts, or what the first master says.
    everyone = evidence()
    teller = MASTER if probe == "nodes" else machine
    everyone[teller] = spoiled(everyone[teller], probe, output, status)
    finding = examine(check, machine, everyone)
    assert finding.verdict is verdict, finding
    assert words in finding.seen
    assert bool(finding.remedy) is (verdict in (WARN, FAIL))


@pytest.mark.parametrize("check", [check.id for check in CHECKS])
@pytest.mark.parametrize("machine", [machine.name for machine in TOPOLOGY.machines])
def test_every_check_passes_on_a_healthy_cluster(check: str, machine: str) -> None:
    finding = examine(check, machine, evidence())
    roles = next(one.roles for one in CHECKS if one.id == check)
    expected = PASS if TOPOLOGY.machine(machine).role in roles else Verdict.NOT_APPLICABLE
    assert (finding.verdict, finding.remedy) == (expected, ""), finding


@pytest.mark.parametrize(
    ("skew", "verdict", "words"),
    [
        (0.0, PASS, "0.0 s ahead of the median of 6 machines"),
        (0.9, PASS, ""),
        (2.4, WARN, "2.4 s ahead"),
        (-2.4, WARN, "2.4 s behind"),
        (31.0, FAIL, "31.0 s ahead"),
        (-4000.0, FAIL, "behind"),
    ],
)
def test_a_clock_is_compared_with_the_median_of_all(skew: float, verdict: Verdict, words: str) -> None:
    everyone = evidence()
    everyone[WORKER] = spoiled(everyone[WORKER], "clock", f"{NOW + 0.05 + skew:.9f}")
    finding = examine("clock", WORKER, everyone)
    assert finding.verdict is verdict, finding
    assert words in finding.seen


def test_a_slow_round_trip_is_not_held_against_a_clock() -> None:
    everyone = evidence()
    told = spoiled(everyone[WORKER], "clock", f"{NOW + 3.9:.3f}")
    everyone[WORKER] = replace(told, answered_at=NOW + 60, clock_at=NOW + 4)
    assert examine("clock", WORKER, everyone).verdict is PASS


def test_two_clocks_are_compared_with_this_computers() -> None:
    everyone = {name: one for name, one in evidence().items() if name in (MASTER, WORKER)}
    everyone[WORKER] = spoiled(everyone[WORKER], "clock", f"{NOW + 40:.3f}")
    assert examine("clock", WORKER, everyone).verdict is FAIL
    assert "this computer" in examine("clock", WORKER, everyone).seen
    assert examine("clock", MASTER, everyone).verdict is PASS


def test_swap_fails_where_the_kubelet_does_not_run() -> None:
    everyone = evidence()
    one = spoiled(everyone[WORKER], "kubelet", "curl: (7) refused", 7)
    everyone[WORKER] = spoiled(one, "swap", "Filename Type\n/swapfile file 1024")
    assert examine("swap", WORKER, everyone).verdict is FAIL


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (HOST_KEY, PASS),
        (HOST_KEY + " a comment", PASS),
        ("ssh-ed25519 AAAAanother", FAIL),
        ("ecdsa-sha2-nistp256 " + HOST_KEY.split()[1], FAIL),
        ("", UNKNOWN),
    ],
)
def test_the_host_key_is_compared_with_the_pinned_one(shown: str, verdict: Verdict) -> None:
    everyone = evidence()
    everyone[WORKER] = replace(everyone[WORKER], host_key=shown)
    assert examine("host-key", WORKER, everyone).verdict is verdict


def test_nodes_are_judged_by_the_first_master_that_knows_them() -> None:
    everyone = evidence()
    everyone[MASTER] = spoiled(everyone[MASTER], "nodes", "error: connection refused", 1)
    del everyone["demo-master-2"]
    assert examine("node", WORKER, everyone).verdict is PASS


def test_without_any_master_nothing_is_known_of_nodes() -> None:
    everyone = {name: one for name, one in evidence().items() if TOPOLOGY.machine(name).role is not Role.MASTER}
    for check in ("node", "labels", "taints"):
        assert examine(check, WORKER, everyone).verdict is UNKNOWN


@pytest.mark.parametrize(
    ("line", "verdict", "words"),
    [
        ("tcp 10.10.0.101 10250 filtered", FAIL, "tcp 10250 (W1) from demo-master-1"),
        ("tcp 10.10.0.101 9100 filtered", WARN, "tcp 9100 (W5) from demo-master-1"),
        ("udp 10.10.0.101 4789 filtered", FAIL, "udp 4789 (W3) from demo-master-1"),
        ("udp 10.10.0.101 4789 unknown", UNKNOWN, "overlay"),
        ("tcp 10.10.0.101 10250 open", PASS, "reached"),
        ("tcp 10.10.0.101 10250 nonsense", PASS, "reached"),
    ],
)
def test_a_port_that_does_not_get_through_is_told_of_the_machine_it_is_on(
    line: str, verdict: Verdict, words: str
) -> None:
    everyone = evidence()
    flow = line.rpartition(" ")[0]
    lines = [other for other in everyone[MASTER].output("reach").splitlines() if not other.startswith(flow + " ")]
    everyone[MASTER] = spoiled(everyone[MASTER], "reach", "\n".join([*lines, line]))
    finding = examine("ports", WORKER, everyone)
    assert finding.verdict is verdict, finding
    assert words in finding.seen
    assert examine("ports", "demo-worker-2", everyone).verdict is PASS


def test_what_reach_found_before_it_was_cut_off_counts() -> None:
    everyone = evidence()
    everyone[MASTER] = spoiled(everyone[MASTER], "reach", "tcp 10.10.0.101 10250 filtered", 124)
    assert examine("ports", WORKER, everyone).verdict is FAIL


def test_two_machines_of_one_name_are_both_told() -> None:
    everyone = evidence()
    everyone["demo-worker-2"] = spoiled(everyone["demo-worker-2"], "hostname", WORKER)
    assert "2 machines" in examine("hostname", WORKER, everyone).seen
    assert examine("hostname", "demo-worker-2", everyone).verdict is FAIL


@pytest.mark.parametrize(
    ("release", "verdict", "words"),
    [
        ("v1.36.2", PASS, "Ready, v1.36.2"),
        ("v1.34.3", WARN, "Kubernetes v1.34 left support on 2026-10-27"),
        ("v1.99.1", PASS, "Ready, v1.99.1"),
    ],
)
def test_a_release_out_of_support_is_warned_about(release: str, verdict: Verdict, words: str) -> None:
    plan = PLAN.model_copy(update={"kubernetes": release})
    listed = "\n".join(node_line(machine, release) for machine in TOPOLOGY.machines)
    everyone = {name: spoiled(one, "nodes", listed) for name, one in evidence().items()}
    subject = Subject(TOPOLOGY.machine(WORKER), plan, TOPOLOGY, everyone[WORKER], everyone)
    found = CHECK["node"].examine(subject)
    assert (found.verdict, words in found.seen) == (verdict, True)
    assert ("craton upgrade demo --to v1.35.9" in found.remedy) == (verdict is WARN)


@pytest.mark.parametrize(
    ("section", "verdict", "words"),
    [
        ("\n#gateway\nTrue Programmed", PASS, "ingress, gateway, sign-in, console answer"),
        ("\n#gateway\nFalse Invalid", FAIL, "the Gateway doesn't work: False Invalid"),
        ('\n#gateway\nError from server (NotFound): gateways "traefik" not found', FAIL, "not found"),
        ("", PASS, "ingress, gateway, sign-in, console answer"),  # another master applied it, and asks
        ("\n#metrics\nTrue Passed", PASS, "ingress, gateway, sign-in, console answer"),
        ("\n#metrics\nFalse MissingEndpoints", FAIL, "kubectl top has no metrics: False MissingEndpoints"),
    ],
)
def test_gateway_and_metrics_are_judged_by_what_the_api_says(section: str, verdict: Verdict, words: str) -> None:
    plan = PLAN.model_copy(update={"addons": PLAN.addons.model_copy(update={"gateway": True})})
    everyone = evidence()
    everyone[MASTER] = spoiled(everyone[MASTER], "console", answers() + section)
    found = CHECK["console"].examine(Subject(TOPOLOGY.machine(MASTER), plan, TOPOLOGY, everyone[MASTER], everyone))
    assert (found.verdict, words in found.seen) == (verdict, True), found


DAY = "begins Nov 22 06:00:00 2026 GMT\n", "Nov 23 06:00:00 2026 GMT"


@pytest.mark.parametrize(
    ("source", "now", "verdict", "words"),
    [
        ("acme", "Nov 22 12:00:00 2026 GMT", PASS, "18 hours left"),
        ("acme", "Nov 23 01:00:00 2026 GMT", WARN, "5 hours left"),
        ("acme", "Nov 23 04:30:00 2026 GMT", FAIL, "1 hour left"),
        ("files", "Nov 22 12:00:00 2026 GMT", FAIL, "18 hours left"),
    ],
)
def test_a_certificate_that_renews_itself_is_judged_by_how_long_it_lasts(
    source: str, now: str, verdict: Verdict, words: str
) -> None:
    plan = PLAN.model_copy(update={"certificate": PLAN.certificate.model_copy(update={"source": source})})
    begins, expires = DAY
    everyone = {MASTER: spoiled(evidence()[MASTER], "console", begins + answers(expires))}
    at = time_of(now)
    assert at is not None
    everyone[MASTER] = replace(everyone[MASTER], answered_at=at)
    found = CHECK["console"].examine(Subject(TOPOLOGY.machine(MASTER), plan, TOPOLOGY, everyone[MASTER], everyone))
    assert (found.verdict, words in found.seen) == (verdict, True), found
    first = first_end(plan, TOPOLOGY, everyone)
    assert (first is not None and first.title == "ingress") is (verdict is not PASS)


@pytest.mark.parametrize(
    ("machine", "days", "verdict", "words"),
    [
        # days left of the API server's, the kubelet's and the authority's certificate
        (MASTER, (30, 300, 3000), PASS, "the first of 3 to end: API server, 30 days left"),
        (MASTER, (29, 300, 3000), WARN, "API server: 29 days left"),
        (MASTER, (300, 7, 3000), WARN, "kubelet: 7 days left"),
        (MASTER, (20, 6, 3000), FAIL, "kubelet: 6 days left; API server: 20 days left"),
        (WORKER, (1, -1, 300), FAIL, "kubelet: expired; API server: 1 day left"),
    ],
)
def test_certificates_warn_thirty_days_before_their_end_and_fail_in_the_last_week(
    machine: str, days: tuple[int, ...], verdict: Verdict, words: str
) -> None:
    everyone = evidence()
    everyone[machine] = spoiled(everyone[machine], "expiry", ending(*days))
    found = examine("expiry", machine, everyone)
    assert found.verdict is verdict
    assert words in found.seen
    assert found.remedy == ("" if verdict is PASS else "craton certs renew demo")
