"""Cases of where `ssh` looks for host keys: names of files in every spelling, and lists of revoked keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from installer.common.errors import InstallerError
from installer.ssh.host_keys.verify import ChangedHostKey, RefusedHostKey, RevokedHostKey, UnknownHostKey
from tests.doubles.host_keys import CertifiedServer, revocation_list
from tests.installer.ssh.host_keys.cases import ONE_FILE, Case


def files() -> Iterator[Case]:
    """Where files are, and how they are written."""
    right, wrong = "{place} {certified}", "{place} {other}"

    def at(
        name: str,
        file: str,
        refusal: type[InstallerError] | None,
        text: str,
        *,
        quoted: str = "",
        keyword: str = "UserKnownHostsFile",
        more: str = "",
        environment: dict[str, str] | None = None,
    ) -> Case:
        quoted = quoted or f'"{{home}}/{file}"'
        none = "" if "Global" in keyword else "GlobalKnownHostsFile none\n"
        return Case(name, refusal, "", f"{keyword} {quoted}\n{none}{more}", {file: text}, environment=environment or {})

    blanks = "my keys/known hosts"
    yield at("blanks", blanks, None, right)
    yield at("blanks, and a changed key", blanks, ChangedHostKey, wrong)
    yield at("blanks, and a revoked key", blanks, RevokedHostKey, f"{right}\n@revoked * {{certified}}")
    yield at("blanks, single quotes", blanks, ChangedHostKey, wrong, quoted=f"'{{home}}/{blanks}'")
    yield at("an escaped blank", blanks, ChangedHostKey, wrong, quoted="{home}/my\\ keys/known\\ hosts")
    yield at("quotes within", "a \"b\" 'c'", ChangedHostKey, wrong, quoted='"{home}/a \\"b\\" \'c\'"')
    yield at("two blanks in a row", "a  b", ChangedHostKey, wrong)
    yield at("global, blanks", blanks, ChangedHostKey, wrong, keyword="UserKnownHostsFile none\nGlobalKnownHostsFile")
    yield at("global, blanks, and the right key", blanks, None, right, keyword="GlobalKnownHostsFile")
    yield at("global, revoked", blanks, RevokedHostKey, "@revoked * {certified}", keyword="GlobalKnownHostsFile")
    yield at("a percent sign", "100%", ChangedHostKey, wrong, quoted='"{home}/100%%"')
    yield at("tokens", "127.0.0.1-{port}-{user}", ChangedHostKey, wrong, quoted='"{home}/%h-%p-%r"')
    yield at("the alias as a token", "web", None, "web {certified}", quoted='"{home}/%k"', more="HostKeyAlias web\n")
    yield at("a variable", "there", ChangedHostKey, wrong, quoted="${{CASE}}/there", environment={"CASE": "{home}"})
    yield at("~", "tilde", ChangedHostKey, wrong, quoted='"{tilde}/tilde"')
    yield at("not text", "cl\udce9", ChangedHostKey, wrong)
    yield at("not text, and the right key", "cl\udce9", None, right)
    yield at("a hash sign", "#1", ChangedHostKey, wrong)
    both = 'UserKnownHostsFile "{home}/a b" {home}/c\nGlobalKnownHostsFile none\n'
    yield Case("two files, the first one right", None, "", both, {"a b": right, "c": wrong})
    yield Case("two files, the second one right", None, "", both, {"a b": wrong, "c": right})
    yield Case("two files, one revokes", RevokedHostKey, "", both, {"a b": right, "c": "@revoked * {certified}"})
    yield Case("two files, neither is there", UnknownHostKey, "", both)
    yield Case("two files, one of them is there", ChangedHostKey, "", both, {"c": wrong})
    yield Case("the parts of a name are files too", UnknownHostKey, "", both.replace(" {home}/c", ""), {"a": wrong})
    yield Case("no file", UnknownHostKey, right, "UserKnownHostsFile none\nGlobalKnownHostsFile none\n")
    yield Case("a directory", UnknownHostKey, "", 'UserKnownHostsFile "{home}"\nGlobalKnownHostsFile none\n')
    yield Case(
        "the first setting holds",
        ChangedHostKey,
        wrong,
        ONE_FILE + "UserKnownHostsFile {home}/later\n",
        {"later": right},
    )
    yield Case(
        "by host", None, wrong, 'Host 127.0.0.*\n UserKnownHostsFile "{home}/by host"\nHost *\n ' + ONE_FILE,
        {"by host": right},
    )  # fmt: skip
    yield Case(
        "by a match that runs a command", None, wrong,
        'Match exec "test %h = 127.0.0.1"\n UserKnownHostsFile "{home}/by match"\nMatch all\n ' + ONE_FILE,
        {"by match": right},
    )  # fmt: skip
    yield Case(
        "included", ChangedHostKey, "", 'Include "{home}/more *"\nGlobalKnownHostsFile none\n',
        {"more settings": ONE_FILE, "known": wrong},
    )  # fmt: skip


def revoked(what: str, *options: str) -> Callable[[Path, CertifiedServer], None]:
    def write(home: Path, server: CertifiedServer) -> None:
        revocation_list(
            home / "revoked keys",
            *(option.format(**server.words()) for option in options),
            what=what.format(**server.words()),
        )

    return write


def revocations() -> Iterator[Case]:
    right, config = (
        "{place} {plain}\n@cert-authority * {authority}",
        ONE_FILE + 'RevokedHostKeys "{home}/revoked keys"\n',
    )
    for name, text, refusal in (
        ("the key", "{certified}", RevokedHostKey),
        ("the authority", "{authority}", RevokedHostKey),
        ("the key with comments", "# these are bad\n\n  {other} x\n{certified} y", RevokedHostKey),
        ("another key", "{other}", None),
        ("nobody", "", None),
        ("a line that is no key", "garbage\n", RefusedHostKey),
    ):
        yield Case(f"a list that revokes {name}", refusal, right, config, {"revoked keys": text})
    yield Case("a list that is not there", RefusedHostKey, right, config)
    yield Case("no list", None, right, ONE_FILE + "RevokedHostKeys none\n")
    # Releases of OpenSSH differ: old ones take the token for a part of the name.
    token = ONE_FILE + 'RevokedHostKeys "{home}/%h"\n'
    yield Case("a list behind a token", None, right, token, {"127.0.0.1": "{certified}"}, settled=False)
    for name, write, refusal in (
        ("the key", revoked("{certified}"), RevokedHostKey),
        ("another key", revoked("{other}"), None),
        ("the key by its hash", revoked("sha256: {certified}"), RevokedHostKey),
        ("a serial number", revoked("serial: 7", "-s", "{directory}/authority.pub"), RevokedHostKey),
        ("another serial number", revoked("serial: 8", "-s", "{directory}/authority.pub"), None),
        ("an id", revoked("id: id", "-s", "{directory}/authority.pub"), RevokedHostKey),
    ):
        yield Case(f"a KRL that revokes {name}", refusal, right, config, prepare=write)
    yield Case("a KRL that is cut off", RefusedHostKey, right, config, prepare=cut_off)


def cut_off(home: Path, server: CertifiedServer) -> None:
    revocation_list(home / "revoked keys", what=server.other)
    with (home / "revoked keys").open("r+b") as file:
        file.truncate(40)
