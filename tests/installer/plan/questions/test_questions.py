"""Questions, the answers to them, and the plan that they make."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common.errors import ExitCode, InstallerError
from installer.plan import rules, validation
from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS
from installer.plan.question import Kind, Question
from installer.plan.questions import reading
from installer.plan.questions.answers import (
    AnswersError,
    answers_of,
    answers_of_flags,
    complete,
    plan_of,
    preview,
    problems,
)
from installer.plan.questions.catalogue import PAGES, QUESTIONS, UNASKED, flags, page_of, question_of
from installer.plan.questions.keys import own_public_key
from tests.accounts import live_in
from tests.strategies import plans, repeatable

OWN = {"platform": "machines"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@here"


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home directory without keys."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("home")
        live_in(path, patch)
        yield path


def test_every_field_of_the_plan_is_asked_once() -> None:
    fields = sorted(question.field for question in QUESTIONS)
    assert fields == sorted(set(validation.fields()) - {"craton", *UNASKED})


def test_the_pages_come_in_the_wizards_order() -> None:
    titles = [
        "Name",
        "Platform",
        "Machines",
        "AWS",
        "Google Cloud",
        "Masters",
        "Workers",
        "Ingress",
        "DNS",
        "Access",
        "Networks",
        "Kubernetes",
        "Add-ons",
        "Sign-in",
        "DNS records",
        "Certificate",
        "Downloads",
        "Hardening",
    ]
    assert [page.title for page in PAGES] == titles
    assert page_of("networks.user").title == "Access"
    with pytest.raises(KeyError):
        question_of("craton")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question.field))
def test_a_question_is_worded_and_offers_an_answer_that_is_allowed(question: Question) -> None:
    assert question.title
    assert question.prompt.partition(" (")[0].endswith("?")
    assert question.why.endswith((".", '"')) or '"' in question.why
    assert all(id in rules.RULES for id in question.rules)
    assert [id for id, _, _ in question.quotes] == list(question.rules)
    asking_for_all = {"artifacts.proxy": "http://proxy.test:3128", "aws.vpc": "vpc-0123456789abcdef0",
                      "aws.private_workers": True, "gcp.network": "default"}  # fmt: skip
    everywhere = (
        complete({"platform": platform, "certificate.source": source, "dns.provider": provider} | asking_for_all)
        for platform in PLATFORMS
        for source in ("ca", "acme")
        for provider in ("rfc2136", "route53", "cloud-dns")
    )
    full = next(answers for answers in everywhere if question.applies(answers))
    default = reading.default(question, full)
    if default != "":
        assert reading.error(question, default) is None
        assert reading.parse(question, reading.show(question, default)) == default
    if question.kind in (Kind.CHOICE, Kind.MULTI_CHOICE):
        assert question.choices(full)


def test_questions_that_do_not_apply_are_not_asked() -> None:
    def asked(title: str, answers: dict[str, Any]) -> list[str]:
        [page] = [page for page in PAGES if page.title == title]
        return [question.field for question in page.asked(answers)]

    assert asked("Ingress", {"ingress.kind": "load-balancer"}) == ["ingress.kind"]
    assert asked("Ingress", {"ingress.kind": "infra"}) == ["ingress.kind", "ingress.infra"]
    assert asked("Platform", {"platform": "elsewhere"}) == ["platform"]
    assert asked("Machines", {}) == []
    assert asked("Machines", OWN) == ["machines.inventory"]
    assert asked("Access", {}) == ["ssh.user", "ssh.public_key", "networks.user"]
    assert asked("Access", OWN) == [
        "ssh.user", "ssh.key", "ssh.port", "ssh.jump", "networks.user", "machines.firewall"
    ]  # fmt: skip
    assert "networks.machines" not in asked("Networks", OWN)
    assert "artifacts.mirror" not in asked("Downloads", {})
    assert {"artifacts.mirror", "artifacts.proxy"} <= set(asked("Downloads", {"platform": "local"}))
    assert "artifacts.no_proxy" not in asked("Downloads", {"platform": "local"})
    assert "artifacts.no_proxy" in asked("Downloads", {"platform": "local", "artifacts.proxy": "http://proxy.test"})


def test_without_an_ingress_controller_nothing_is_brought_up_behind_it() -> None:
    plan = plan_of({"addons.ingress": False})
    assert plan.addons.chosen == ("metrics-server", "node-exporter")


def test_no_answers_make_the_demo_plan() -> None:
    assert plan_of({}) == InstallPlan(name="demo", subdomain="example.test", pod_security="baseline")


@repeatable
@given(plans())
def test_the_answers_of_a_plan_make_the_same_plan(plan: InstallPlan) -> None:
    answers = answers_of(plan)
    assert problems(answers) == {}
    assert plan_of(answers) == plan
    assert preview(answers) == plan


@repeatable
@given(plans())
def test_answers_shown_and_typed_again_are_the_same_answers(plan: InstallPlan) -> None:
    for field, value in answers_of(plan).items():
        if field in UNASKED:
            continue
        question = question_of(field)
        assert reading.parse(question, reading.show(question, value)) == value


PROBLEMS: list[tuple[dict[str, Any], str, str]] = [
    ({"masters": 2}, "masters", "Enter 1, 3 or 5 instead of 2"),
    ({"name": ""}, "name", "Enter a name: up to 20 lowercase letters"),
    ({"workers": 0}, "workers", "You need at least one worker, unless masters may run workloads."),
    ({"workers": "many"}, "workers", "Enter 0 to 5000 instead of 'many'"),
    ({"may": ("M6", "M1", "X")}, "may", "'M1' can't be switched on or off"),
    (
        {"ingress.kind": "load-balancer", "rehearsal.load_balancers": False},
        "ingress.kind",
        "has no load balancer. Use infra nodes.",
    ),
    (
        {"networks.machines": "10.96.0.0/16"},
        "networks.services",
        "10.96.0.0/12 overlaps the machine network (10.96.0.0/16)",
    ),
    ({"networks.machines": "10.0.0.0/29"}, "networks.machines", "too small for 6 machines"),
]


@pytest.mark.parametrize(("answers", "field", "words"), PROBLEMS)
def test_a_problem_is_found_where_it_can_be_corrected(answers: dict[str, Any], field: str, words: str) -> None:
    found = problems(answers)
    assert list(found) == [field]
    assert words in found[field]
    with pytest.raises(AnswersError) as caught:
        plan_of(answers)
    assert caught.value.problems == found
    assert caught.value.exit_code is ExitCode.PLAN
    assert question_of(field).flag in caught.value.hint


def _own(text: str, **answers: Any) -> dict[str, Any]:
    """Answers about machines of one's own, listed as `text`."""
    machines = reading.parse(question_of("machines.inventory"), text)
    return {**OWN, "machines.inventory": machines, "subdomain": "example.test", **answers}


WRONG_MACHINES: list[tuple[str, list[str]]] = [
    ("10.0.0.1\noh!\n10.0.0.2 role=boss", ["line 2: 'oh!' must be an IP address", "line 3: role: Enter master"]),
    ("web[1-9] internal=10.0.0.[1-9] db", ["db internal: Add internal=ADDRESS"]),
    ("10.0.0.[1-3] 10.0.0.2", ["line 1: 10.0.0.2 is already listed in line 1"]),
    ("10.0.0.1", ["You listed 1 machine; this plan needs 2"]),
    ("web[1-100]", ["web1 internal: Add", "web5 internal: Add", "and 95 more like this"]),
]


@pytest.mark.parametrize(("text", "words"), WRONG_MACHINES)
def test_what_is_wrong_with_a_list_of_machines_is_said_by_line_or_by_machine(text: str, words: list[str]) -> None:
    found = problems(_own(text))
    assert list(found) == ["machines.inventory"]
    assert [said for said in words if said not in found["machines.inventory"]] == []
    assert preview(_own(text))


@pytest.mark.parametrize("answers", [OWN, {**OWN, "machines.inventory": ()}])
def test_machines_that_are_not_listed_yet_are_no_problem_until_the_plan_is_made(answers: dict[str, Any]) -> None:
    assert problems(answers) == {}
    assert preview(answers).machine_count == 6
    with pytest.raises(AnswersError) as caught:
        plan_of({**answers, "subdomain": "example.test"})
    assert caught.value.problems["machines.inventory"].startswith("Missing: enter 10.0.0.11, admin@host:2222")
    assert "--machines" in caught.value.hint


SIZES: list[tuple[str, dict[str, Any], tuple[int, int, int]]] = [
    ("10.0.0.[1-2]", {}, (1, 1, 0)),
    ("10.0.0.[1-3]", {}, (1, 1, 1)),
    ("10.0.0.[1-4]", {}, (1, 1, 2)),
    ("10.0.0.[1-5]", {}, (3, 1, 1)),
    ("10.0.0.[1-9]", {}, (3, 1, 5)),
    ("10.0.0.[1-9]", {"ingress.infra": 3}, (3, 3, 3)),
    ("10.0.0.[1-9]", {"workers": 2}, (3, 4, 2)),
    ("10.0.0.[1-9]", {"workers": 3, "ingress.infra": 1}, (5, 1, 3)),
    ("10.0.0.[1-9]", {"masters": 5}, (5, 1, 3)),
    ("10.0.0.1 role=master 10.0.0.[2-6] role=worker 10.0.0.7", {}, (1, 1, 5)),
    ("10.0.0.[1-5] role=master 10.0.0.[6-7] role=infra 10.0.0.8", {}, (5, 2, 1)),
]


@pytest.mark.parametrize(("text", "answers", "sizes"), SIZES)
def test_every_machine_gets_a_role(text: str, answers: dict[str, Any], sizes: tuple[int, int, int]) -> None:
    plan = plan_of(_own(text, **answers))
    assert (plan.masters, plan.infra, plan.workers) == sizes
    assert plan.schedulable_masters == (plan.workers == 0)


def test_more_masters_than_there_are_machines_for_cannot_be_chosen() -> None:
    choices = question_of("masters").choices
    assert [bool(choice.unavailable) for choice in choices(_own("10.0.0.[1-5]"))] == [False, False, True]
    assert [bool(choice.unavailable) for choice in choices(_own(""))] == [False, False, False]


def test_own_machines_are_logged_in_to_as_whoever_runs_craton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert plan_of(_own("10.0.0.[1-5]")).ssh.user == "ada"
    assert plan_of({}).ssh.user == "craton"
    monkeypatch.setenv("LOGNAME", "Ada Lovelace")
    with pytest.raises(AnswersError) as caught:
        plan_of(_own("10.0.0.[1-5]"))
    assert caught.value.problems.keys() == {"ssh.user"}
    assert "--ssh-user" in caught.value.hint
    assert plan_of({**_own("10.0.0.[1-5]"), "ssh.user": "ada"}).ssh.user == "ada"


def test_own_machines_are_open_to_everybody_unless_said_otherwise() -> None:
    assert complete(OWN)["networks.user"] == "0.0.0.0/0"


def test_there_is_no_load_balancer_before_own_machines() -> None:
    choices = question_of("ingress.kind").choices(_own("10.0.0.[1-5]"))
    assert "Your own machines have no load balancer. Use infra nodes." in choices[1].unavailable


@pytest.mark.parametrize("network", ["10.244.0", "10.100.0"])
def test_networks_are_offered_in_which_no_machine_stands(network: str) -> None:
    assert problems(_own(f"{network}.[1-5]")) == {}


def test_problems_of_several_fields_are_found_at_once() -> None:
    assert set(problems({"masters": 2, "workers": 0, "subdomain": "x"})) == {"masters", "workers", "subdomain"}


def test_an_answer_to_a_question_that_no_longer_applies_is_no_problem() -> None:
    assert plan_of({"ingress.infra": 3, "ingress.kind": "load-balancer"}).infra == 0


def test_a_question_without_a_default_is_no_problem_until_the_plan_is_made() -> None:
    answers = {"platform": "elsewhere"}
    assert "subdomain" not in problems(answers)
    with pytest.raises(AnswersError) as caught:
        plan_of(answers)
    assert caught.value.problems["subdomain"].startswith("Enter a DNS domain")


@pytest.mark.parametrize(
    ("machines", "pods"), [(200, "10.244.0.0/16"), (300, "10.128.0.0/15"), (5000, "10.128.0.0/11")]
)
def test_the_pod_network_offered_has_room_for_the_machines(machines: int, pods: str) -> None:
    assert complete({"workers": machines})["networks.pods"] == pods
    assert problems({"workers": machines}) == {}


def test_a_load_balancer_is_offered_only_where_there_is_one() -> None:
    choices = question_of("ingress.kind").choices
    assert [bool(choice.unavailable) for choice in choices({"rehearsal.load_balancers": True})] == [False, False]
    infra, balancer = choices({"rehearsal.load_balancers": False})
    assert infra.unavailable == ""
    assert "has no load balancer. Use infra nodes." in balancer.unavailable


def test_rules_of_infra_nodes_are_offered_only_with_infra_nodes() -> None:
    question = question_of("may")
    assert "I4" in [choice.value for choice in question.choices({"ingress.kind": "infra"})]
    balanced = {"ingress.kind": "load-balancer"}
    assert "I4" not in [choice.value for choice in question.choices(balanced)]
    assert reading.default(question, balanced) == ("M6",)


_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("10.10.0.0/16")


@repeatable
@given(st.dictionaries(st.sampled_from([question.field for question in QUESTIONS]), _VALUES))
def test_any_answers_have_problems_or_make_a_plan_and_always_a_preview(answers: dict[str, Any]) -> None:
    found = problems(answers)
    assert preview(answers)
    for question in QUESTIONS:
        question.choices(complete(answers))
    if not found and "platform" not in answers:
        assert plan_of(answers)


def test_a_preview_keeps_the_answers_that_can_stand() -> None:
    plan = preview({"name": "shop", "masters": 2, "workers": 7, "networks.pods": "10.10.0.0/16"})
    assert (plan.name, plan.masters, plan.workers, str(plan.networks.pods)) == ("shop", 3, 7, "10.244.0.0/16")


TYPED: list[tuple[str, str, object]] = [
    ("masters", " 5 ", 5),
    ("masters", "two", "two"),
    ("workers", "007", 7),
    ("workers", "2.0", "2.0"),
    ("schedulable_masters", "Yes", True),
    ("schedulable_masters", "off", False),
    ("schedulable_masters", "maybe", "maybe"),
    ("may", "M5, I4", ("M5", "I4")),
    ("may", "M5 I4,", ("M5", "I4")),
    ("may", "none", ()),
    ("may", "", ()),
    ("ssh.public_key", "", None),
    ("ssh.public_key", "none", None),
    ("ssh.public_key", KEY, KEY),
    ("name", " demo ", "demo"),
    ("ssh.key", "none", None),
    ("ssh.jump", "ops@bastion", "ops@bastion"),
    ("local.memory", "2048", 2048),
    ("local.memory", "", None),
    ("local.memory", "2G", "2G"),
    ("machines.inventory", "", ()),
    ("machines.inventory", "ada@a:22, b", ({"address": "a", "user": "ada", "port": 22}, {"address": "b"})),
    ("machines.inventory", "a, b role=", "a, b role="),
]


@pytest.mark.parametrize(("field", "text", "value"), TYPED)
def test_typed_text_becomes_a_value(field: str, text: str, value: object) -> None:
    assert reading.parse(question_of(field), text) == value


def test_a_public_key_may_be_given_as_the_path_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(KEY + "\n")
    assert reading.parse(question_of("ssh.public_key"), str(tmp_path / "id.pub")) == KEY


KEY_FILES = {
    "missing.pub": (None, "There is no file missing.pub. Check the path."),
    "folder.pub": ("folder", "folder.pub can't be read: Is a directory."),
    "empty.pub": ("\n", "empty.pub is empty."),
    "./id": ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "./id: That's a private key. Use the public half"),
    "id-cert.pub": (f"ssh-ed25519-cert-v01@openssh.com {KEY.split()[1]} me\n", "id-cert.pub: That's a certificate."),
    "two.pub": (f"{KEY}\n{KEY}\n", "two.pub: That's more than one line. Enter one line of an OpenSSH public key"),
    "keys/missing": (None, "There is no file keys/missing."),
    "cut.pub": (KEY[:40], "cut.pub: This ssh-ed25519 key is damaged or cut off."),
}


@pytest.mark.parametrize("path", KEY_FILES)
def test_a_file_without_a_public_key_is_refused_by_what_is_in_it(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content, words = KEY_FILES[path]
    if content == "folder":
        Path(path).mkdir()
    elif content is not None:
        Path(path).write_text(content)
    question = question_of("ssh.public_key")
    assert reading.parse(question, path) == path
    assert str(reading.error(question, path)).startswith(words)
    assert problems({"ssh.public_key": path})["ssh.public_key"].startswith(words)


def test_a_public_key_may_be_named_without_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("id.pub").write_bytes(f"{KEY}\r\n".encode())
    assert reading.parse(question_of("ssh.public_key"), "id.pub") == KEY


def test_the_users_first_usable_public_key_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live_in(tmp_path, monkeypatch)
    assert own_public_key() is None
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_rsa.pub").write_text(KEY.replace("me@here", "me") + "\n")
    (tmp_path / ".ssh/id_ecdsa.pub").write_bytes(b"\xff\xfe")
    assert own_public_key() == KEY.replace("me@here", "me")
    (tmp_path / ".ssh/id_ed25519.pub").write_text(KEY)
    assert plan_of({}).ssh.public_key == KEY


def test_there_is_a_flag_for_each_question() -> None:
    found = {flag.field: flag for flag in flags()}
    assert list(found) == [question.field for question in QUESTIONS]
    assert len({flag.parameter for flag in found.values()}) == len(found)
    assert found["masters"].name == "--masters"
    assert found["machines.inventory"].name == "--machines"
    assert found["schedulable_masters"].name == "--schedulable-masters/--no-schedulable-masters"
    assert all(flag.parameter.isidentifier() and flag.help for flag in found.values())


def test_flags_make_answers_and_those_not_given_make_none() -> None:
    given: dict[str, str | bool | None] = {
        "masters": "5",
        "load_balancers": False,
        "may": "none",
        "workers": None,
        "plain": True,
    }
    assert answers_of_flags(given) == {"masters": 5, "rehearsal.load_balancers": False, "may": ()}


def test_every_wrong_flag_is_named_with_what_is_allowed() -> None:
    with pytest.raises(InstallerError) as caught:
        answers_of_flags({"masters": "two", "workers": "5001", "name": "ok"})
    assert (
        caught.value.observed
        == "--masters: Enter 1, 3 or 5 instead of 'two'. --workers: Enter 0 to 5000 instead of 5001."
    )
    assert caught.value.exit_code is ExitCode.USAGE


def test_listing_the_flags_imports_nothing_heavy() -> None:
    code = (
        "import sys; from installer.plan.questions.catalogue import flags; flags(); "
        "sys.exit(bool({'pydantic', 'ruamel.yaml', 'textual'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("ada", "ada"),
        ("first.last", "first.last"),
        ("Administrator", "Administrator"),
        (r"DOM\ada", r"DOM\ada"),
        ("a b", ""),
    ],
)
def test_on_own_machines_whoever_runs_craton_logs_in_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch, name: str, offered: str
) -> None:
    monkeypatch.setenv("LOGNAME", name)
    assert reading.default(question_of("ssh.user"), OWN) == offered
    assert reading.default(question_of("ssh.user"), {"platform": "rehearsal"}) == "craton"
