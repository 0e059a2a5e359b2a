"""What people write: plans, pasted lists, answers, drafts, kubeconfigs; and text itself."""

from __future__ import annotations

from pathlib import Path

from installer.cluster import admin_access
from installer.common import yaml_foreign, yaml_reader
from installer.common.paths import ClusterDirectory
from installer.common.sanitise import clean
from installer.common.scrub import LineScrubber, safe
from installer.operations import kubeconfig
from installer.operations.kubeconfig_entries import merged, without
from installer.plan import inventory, planfile
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.questions import draft, reading
from installer.plan.questions.catalogue import PAGES
from installer.ssh.transport.output import Output
from tests.bench.parsers.parser import Parser, encoded, of_bytes, of_file, of_text
from tests.doubles.kubeconfigs import access, given_by_master
from tests.installer.common.harmless_lines import HARMLESS
from tests.installer.common.secret_lines import SECRETS
from tests.installer.plan.pasted_lists import BROKEN, PASTED
from tests.strategies import COMMENTED

PLAN = InstallPlan(name="demo", subdomain="example.test")
_OWN = """\
craton: 1
name: demo
subdomain: example.test
platform: machines
machines:
  hosts:
  - {address: 10.0.0.11, role: master, user: root, port: 2222}
  - {address: m2.example.test, role: worker, key: ~/.ssh/id_ed25519, jump: "ops@bastion:22"}
networks: {machines: 10.0.0.0/24, pods: 10.128.0.0/10, services: 172.30.0.0/16}
artifacts:
  mirror: https://mirror.example.test:8443/k8s
  sums: {release/v1.36.2/bin/linux/amd64/kubeadm: "%s"}
may: [M6]
""" % ("a1" * 32)
_LIST = """\
master: 10.0.0.11 10.0.0.12
root@10.0.0.13:2222 role=infra key="~/.ssh/a b" jump=ops@bastion:22,10.9.9.9
m[1-3,7].example.test, [2001:db8::1]:22 internal=10.1.0.4  # three
@hosts.txt
"""
_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: work
clusters:
- cluster: {server: "https://work.example.test:6443", certificate-authority-data: LS0t}  # theirs
  name: work
users: [{name: me, user: {token: opaque}}]
contexts:
- &c
  context: {cluster: work, user: me}
  name: work
"""

_LISTS = (*(case.text for case in PASTED), *(case.text for case in BROKEN))


def _plan(path: Path) -> object:
    return planfile.dump(planfile.load(path))


def _inventory(text: str) -> object:
    found = inventory.parse(text)
    return [inventory.show(inventory.data(host)) for host in found.hosts], inventory.replaced(
        text, 0, Host(address="10.0.0.9")
    )


def _answers(text: str) -> object:
    return [
        reading.error(question, reading.parse(question, text)) or reading.show(question, reading.parse(question, text))
        for page in PAGES
        for question in page.questions
    ]


def _given_by_master(text: str) -> object:
    return admin_access.read(text, PLAN).kubeconfig()


def _kept(path: Path) -> object:
    """The file of a kubeconfig: the cluster's own, and any other."""
    text = kubeconfig._text(path)
    directory = ClusterDirectory(path.parent)
    path.replace(directory.kubeconfig)
    return text, kubeconfig.kept_access(directory, PLAN)


def _merged(text: str) -> object:
    there = merged(text, access(PLAN), Path("config"))
    return without(there, PLAN.name, Path("config"))


def _output(data: bytes) -> object:
    lines: list[str] = []
    output = Output(lines.append)
    for at in range(0, len(data), 1000):
        output.feed(data[at : at + 1000])
    output.finish()
    scrubber = LineScrubber()
    left = [safe_line for line in lines for safe_line in scrubber.lines("step", line)]
    assert all(clean(line) == line for line in left)
    return left


def _safe(text: str) -> object:
    left = safe(text)
    assert clean(left) == left
    return left


PARSERS: tuple[Parser, ...] = (
    of_file("plan", _plan, encoded(COMMENTED, _OWN, planfile.dump(PLAN))),
    of_text("pasted list", _inventory, (_LIST, "10.0.0.1\r\n10.0.0.2", *_LISTS)),
    of_text("answer", _answers, ("demo", "3", "yes", "10.0.0.0/8", "https://m.example.test", "v1.36.2", "none", _LIST)),
    of_bytes(
        "draft", draft._parse, encoded("craton: 1\npage: Machines\nanswers: {name: demo, masters: 3, may: [M6]}\n")
    ),
    of_text("YAML", lambda text: yaml_reader.read(text), (COMMENTED, _OWN)),
    of_text("YAML of others", lambda text: yaml_foreign.read(text), (_KUBECONFIG, '{"a": [1, {"b": null}]}')),
    of_text("kubeconfig of a master", _given_by_master, (given_by_master(PLAN),), admin_access.AccessError),
    of_file("file of a kubeconfig", _kept, encoded(given_by_master(PLAN), _KUBECONFIG)),
    of_text(
        "kubeconfig of a person",
        _merged,
        (
            _KUBECONFIG,
            "",
            "null\n",
            "# a remark",
            '{"apiVersion":"v1","kind":"Config","clusters":[]}',
            merged(_KUBECONFIG, access(PLAN), Path("config")),
        ),
    ),
    of_text("text that is shown", _safe, (*(case.text for case in SECRETS), *HARMLESS)),
    of_bytes("output of a command", _output, encoded(*(case.text for case in SECRETS), *HARMLESS)),
)
