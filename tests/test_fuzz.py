"""The fuzzer's table of parsers (`make fuzz`): each takes what it is for, and every function that reads is in it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType

import pytest

import installer
from installer.common.errors import InstallerError
from tests.bench import fuzz
from tests.bench.parsers.parser import Parser, of_text

_INPUTS = 60
"""Of each parser: enough to notice that one is worse than it was. `make fuzz` feeds 10,000."""
_TREE = Path(installer.__file__).parent
_READING = frozenset({
    "b64decode", "decode", "extractfile", "fromhex", "fsdecode", "loads", "model_validate_json", "read_bytes",
    "read_text", "readline", "recv", "recv_into", "splitlines",
})  # fmt: skip
"""Methods by which bytes and texts from outside become something else."""
_OUTPUT = frozenset({"stdout", "stderr"})


def _called(parser: Parser) -> set[str]:
    """The functions of the product that a parser's corpus runs through, such as common/json_reader.py:parse."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    with parser.feed() as feed:
        for data in parser.corpus:
            sys.setprofile(note)
            with suppress(InstallerError, *parser.raises):
                feed(data)
            sys.setprofile(None)
    inside = [(Path(code.co_filename), code.co_qualname.replace(".<locals>", "")) for code in seen]
    return {f"{path.relative_to(_TREE)}:{name}" for path, name in inside if path.is_relative_to(_TREE)}


def _forget() -> None:
    """Whatever tests before this one had read is read again."""
    for name, module in list(sys.modules.items()):
        if name.startswith("installer."):
            for item in list(vars(module).values()):
                getattr(item, "cache_clear", lambda: None)()


def _readers(path: Path) -> Iterator[str]:
    """The functions of a module that read."""

    def walk(node: ast.AST, within: tuple[str, ...]) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                yield from walk(child, (*within, child.name))
            elif within and _reads(child):
                yield ".".join(within)
            else:
                yield from walk(child, within)

    for name in walk(ast.parse(path.read_text(encoding="utf-8")), ()):
        yield f"{path.relative_to(_TREE)}:{name}"


def _reads(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        ours = isinstance(node.value, ast.Name) and node.value.id in ("sys", "subprocess")
        parse = node.attr == "parse" and isinstance(node.value, ast.Name) and node.value.id == "json_reader"
        return parse or node.attr in _READING or (node.attr in _OUTPUT and not ours)
    return False


_NOT_FED = {
    "what ships with Craton": (
        "artifacts/addon_images.py:_table", "artifacts/sizes.py:_document", "cluster/templates.py:_template",
        "common/manual.py:read", "platforms/clouds/pool_bundle.py:bundle",
        "health/reach/scripts.py:_program", "node/program.py:source",
        "platforms/local/image.py:inputs", "platforms/local/rootfs.py:_base",
        "platforms/local/rootfs.py:_from_packages",
    ),
    "what Craton makes itself": (
        "cluster/administrator.py:_hash", "cluster/console_certificate.py:_secret",
        "cluster/kubeadm.py:new_encryption_key", "cluster/applied_sums.py:record",
        "cluster/acme.py:ACMEKeys.apply", "cluster/acme.py:configuration", "cluster/probe_account.py:make",
        "cluster/sign_in.py:_list", "cluster/tls/authority.py:chain_text",
        "cluster/tls/authority.py:key_text", "platforms/cloud_init.py:_written",
        "platforms/cloud_init.py:make_host_key", "common/text.py:without_unicode",
        "platforms/aws/pool.py:Template._data", "platforms/gcp/pool_store.py:write",
    ),
    "what Google's library makes of an answer that it has read": ("accounts/gcp/account.py:Account._compute",),
    "what one process of Craton says to another, over a pipe of theirs or as an argument": (
        "engine/process.py:handed_secrets", "engine/process.py:launch", "operations/assignment.py:Assignment.from_json",
        "operations/account_worker.py:serve",
    ),
    "what the kernel says about this computer": (
        "common/ownership.py:_unmapped", "common/processors.py:_current",
        "engine/holder.py:_boot", "engine/holder.py:_start_of",
        "platforms/local/computer.py:_available_memory", "platforms/local/engine.py:_can_raise_limits",
    ),
    "bytes that are copied or compared and not read": (
        "artifacts/charts.py:_sum_of", "artifacts/charts.py:content", "artifacts/kubeadm_images.py:_copy",
        "cluster/kubeconfig.py:Kubeconfig.observe", "node/waiting.py:greeted", "operations/backup.py:_pack",
        "operations/clusters.py:_plan_row",
        "operations/kubeconfig.py:save", "operations/lease.py:own_holder", "operations/lookup.py:adopt",
        "operations/runs.py:_launch_changed", "operations/runs.py:_launch_settled",
        "operations/worker.py:_run", "operations/worker.py:work.recorded",
    ),
    "output that is shown, or compared with words": (
        "cluster/sign_in.py:Trust.observe", "node/waiting.py:_show_console",
        "engine/ending.py:_last_words", "node/steps.py:Connect._log_in", "operations/support_bundle.py:_contents",
        "platforms/local/engine.py:_docker_problem", "platforms/local/rootfs.py:_apt_proxies",
        "platforms/local/steps.py:Names._found", "platforms/machines/platform.py:MachinesPlatform.remove",
        "platforms/rehearsal/client.py:SiteClient.start", "ssh/transport/end_commands.py:end_commands",
    ),
    "a stream, of which another function in the table reads the text": (
        "artifacts/charts.py:_helm", "artifacts/kubeadm_images.py:_ask", "cli/sign_in.py:_line",
        "operations/account.py:AccountProcess._listen",
        "common/console.py:ask_line", "operations/kubeconfig.py:change",
        "platforms/local/network.py:_read_routes",
        "platforms/local/network.py:host_name_servers", "platforms/local/process.py:_end",
        "platforms/local/process.py:follow", "platforms/local/process.py:run",
        "platforms/local/rootfs.py:_index_targets", "ssh/host_keys/exchange.py:talk",
        "ssh/transport/command.py:Session._read", "ssh/transport/tcp.py:Replay._read",
        "ssh/transport/userauth.py:Login._parse_banner",
    ),
}  # fmt: skip
"""Functions that read and are not fed, by the reason."""
_SIMULATOR = "platforms/rehearsal/simulator/"
"""Test doubles that ship with the product: they read what Craton says, on loopback, with a token."""


def test_the_table_covers_every_function_that_reads_from_outside() -> None:
    _forget()
    called = set().union(*map(_called, fuzz.PARSERS))
    reading = {name for path in _TREE.rglob("*.py") for name in _readers(path) if not name.startswith(_SIMULATOR)}
    assert reading - called == {name for names in _NOT_FED.values() for name in names}


@pytest.mark.parametrize("parser", fuzz.PARSERS, ids=lambda parser: parser.name)
def test_whatever_a_parser_is_fed_is_read_or_refused_in_words(parser: Parser) -> None:
    assert fuzz.failures(parser, _INPUTS) == []


@pytest.mark.parametrize(
    "bad", ["ends in a traceback", "never ends", "moves the cursor"], ids=lambda bad: str(bad).replace(" ", "-")
)
def test_the_fuzzer_notices_a_parser_that(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(text: str) -> None:
        if bad == "never ends":
            while True:
                text.count("x")
        if bad == "moves the cursor":
            error = InstallerError("read", "x")
            object.__setattr__(error, "observed", "\x1b[2J")  # past what makes errors safe
            raise error
        raise KeyError(text)

    monkeypatch.setattr(fuzz, "LIMIT", 0.05)
    assert len(fuzz.failures(of_text("x", read, ("a",)), 1)) == 1
