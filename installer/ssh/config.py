"""How the user reaches a machine, as OpenSSH itself reads ~/.ssh/config: `ssh -G` knows Include, Match and the rest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from installer.common.errors import InstallerError
from installer.common.homes import expanded_by_ssh, is_openssh_home, ssh_home
from installer.common.paths import ClusterDirectory, write_private
from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh.config_answer import OPERATION, Answer, ask, credentials, first, host_key_files, tokens
from installer.ssh.config_answers import Answers
from installer.ssh.endpoint import Endpoint, OpenSSH
from installer.ssh.host_keys import pinned_keys as known_hosts
from installer.ssh.host_keys.verify import jump_name
from installer.ssh.words import file_name, included, program, word

Ask = Callable[[str, Sequence[str], str], Answer]
"""Takes a host's name, arguments of `ssh`, and the text of a configuration."""

_HOPS = 8
"""Jump hosts in a row, after which a configuration goes in circles."""
_HOP = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?:\[(?P<bracketed>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d+))?")
_TRUST = ("UserKnownHostsFile", "GlobalKnownHostsFile", "RevokedHostKeys", "KnownHostsCommand", "HostKeyAlias")
"""The settings that say where keys are known."""
_YES = ("yes", "true")
_NEW_KEYS: Mapping[str, Literal["refuse", "ask", "accept"]] = {
    **dict.fromkeys(_YES, "refuse"),
    **dict.fromkeys(("accept-new", "no", "off", "false"), "accept"),
}
"""By StrictHostKeyChecking. Of what `no` allows, this is all: a changed or revoked key is never accepted."""
_DEFAULTS = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")


@dataclass(frozen=True, slots=True)
class Hop:
    """One host of a ProxyJump, as it is written there."""

    host: str
    user: str | None
    port: str | None


def endpoint(host: Host, ssh: SSH, answers: Answers | None = None) -> Endpoint:
    """Where and how `host` is reached: as the plan says of it, then ~/.ssh/config, then as the plan's `ssh` says.

    `answers` are shared by the hosts of a plan, most of which OpenSSH need not be asked about one by one.
    Raises InstallerError if there is no `ssh`, if it refuses the configuration, or asks for what Craton does not do.
    """
    asking = answers.ask if answers else ask
    return _endpoint(host.address, _options(host), _config(host, ssh) + _known_hosts(), asking)


def command(host: Host, ssh: SSH, machine: str, directory: ClusterDirectory) -> list[str]:
    """The command line of OpenSSH's `ssh` that reaches `host` the same way, by the host keys that the cluster pinned.

    The configuration that it names is written into the cluster's directory.
    """
    path = directory.path / "ssh_config"
    parts = _config(host, ssh), _jump_keys(host, ssh, directory), _own_keys(host, ssh), _known_hosts()
    write_private(path, os.fsencode("".join(parts)))
    pinned = []
    if known_hosts.pinned(directory, machine):
        trust = {
            "UserKnownHostsFile": file_name(directory.known_hosts),
            "HostKeyAlias": machine,
            "StrictHostKeyChecking": "yes",
        }
        pinned = [word for name, value in trust.items() for word in ("-o", f"{name}={value}")]
    return [*program(directory.path), "-F", str(path), *_options(host), *pinned, host.address]


def _options(host: Host) -> list[str]:
    """What the plan says of one machine, as arguments of `ssh`, which come before all files."""
    arguments = _place(host.user, host.port, host.jump)
    if host.key is not None:
        arguments += ["-o", f"IdentityFile={word(host.key)}", "-o", "IdentitiesOnly=yes"]
    return arguments


def _place(user: str | None, port: int | str | None, jump: str | None) -> list[str]:
    """What is given of a host, as arguments of `ssh`. Nothing in it may be quoted, and no plan allows what needs it."""
    given = {"User": user, "Port": port, "ProxyJump": jump}
    return [word for name, value in given.items() if value is not None for word in ("-o", f"{name}={value}")]


def _config(host: Host, ssh: SSH) -> str:
    """A configuration in which the plan's `ssh` comes after the user's own and the system's.

    Jump hosts are not machines of the plan: of its `ssh` they get the key alone, behind all others.
    """
    lines = [
        f"Include {included(ssh_home() / '.ssh' / 'config')}",
        "Include /etc/ssh/ssh_config",
        f"Match originalhost {host.address}",
        f"  Port {ssh.port}",
        f"  User {ssh.user}",
    ]
    if ssh.key is not None:
        lines += [f"  IdentityFile {word(ssh.key)}", "  IdentitiesOnly yes"]
    if ssh.jump is not None:
        lines.append(f"  ProxyJump {ssh.jump}")
    if key := host.key or ssh.key:
        lines.append(f"Match !originalhost {host.address}")
        lines += [f"  IdentityFile {word(path)}" for path in (*(f"~/.ssh/{name}" for name in _DEFAULTS), key)]
    return "".join(f"{line}\n" for line in lines)


def _known_hosts() -> str:
    """Lines that name the user's files of host keys, where OpenSSH would look for them in another home."""
    if is_openssh_home():
        return ""
    files = " ".join(file_name(ssh_home() / ".ssh" / name) for name in ("known_hosts", "known_hosts2"))
    return f"Match all\n  UserKnownHostsFile {files}\n"


def _own_keys(host: Host, ssh: SSH) -> str:
    """Lines that name the user's private keys, where OpenSSH would look for them in another home."""
    if is_openssh_home():
        return ""
    files = ask(host.address, _options(host), _config(host, ssh)).get("identityfile", ())
    own = [word(str(expanded_by_ssh(file))) for file in files if file.startswith("~/")]
    usual = [word(str(ssh_home() / ".ssh" / name)) for name in _DEFAULTS]
    lines = [f"Match originalhost {host.address}", *(f"  IdentityFile {key}" for key in own)]
    lines += [f"Match !originalhost {host.address}", *(f"  IdentityFile {key}" for key in usual)]
    return "".join(f"{line}\n" for line in lines)


def _jump_keys(host: Host, ssh: SSH, directory: ClusterDirectory) -> str:
    """Where the keys of jump hosts are pinned in the cluster's own file, their lines of configuration.

    They come last: only there is the address known that the user's HostName gives to a jump host.
    """
    text, hop = "", endpoint(host, ssh).jump
    while hop is not None:
        name = jump_name(hop)
        if known_hosts.pinned(directory, name):
            text += f"Match host {hop.address}\n  HostKeyAlias {name}\n"
            text += f"  UserKnownHostsFile {file_name(directory.known_hosts)}\n"
        hop = hop.jump
    return text


def _endpoint(name: str, arguments: list[str], config: str, asking: Ask = ask, depth: int = 0) -> Endpoint:
    if depth > _HOPS:
        raise InstallerError(
            OPERATION,
            f"the jump hosts go in circles: {name} is the hop number {depth}",
            hint="fix ProxyJump in ~/.ssh/config; `ssh -G HOST` shows what OpenSSH reads",
        )
    answer = asking(name, arguments, config)
    if first(answer, "proxycommand") not in ("", "none"):
        raise InstallerError(
            OPERATION,
            f"ProxyCommand is set for {name}: Craton goes through jump hosts alone",
            hint="set ProxyJump instead, in ~/.ssh/config or as ssh.jump in the plan",
        )
    return Endpoint(
        first(answer, "hostname"),
        _port(name, answer),
        first(answer, "user"),
        None,
        credentials=credentials(answer, tokens(name, answer)),
        openssh=_openssh(name, arguments, config, answer),
        jump=_jump(first(answer, "proxyjump"), config, depth),
    )


def _port(name: str, answer: Answer) -> int:
    port = first(answer, "port")
    if not re.fullmatch(r"[0-9]{1,5}", port):
        seen = f"`ssh -G {name}` names no port: {port[:60]!r}"
        raise InstallerError(OPERATION, seen, hint="try `ssh -G` yourself: it has to be OpenSSH's")
    return int(port)


def _openssh(name: str, arguments: list[str], config: str, answer: Answer) -> OpenSSH:
    """How `ssh` is asked about host keys: without a jump host, of which it need not know for that."""
    jump = first(answer, "proxyjump") not in ("", "none")
    extra = []
    if first(answer, "userknownhostsfile") == "none":
        # Without such a file, `ssh` refuses a new key silently.
        extra.append("UserKnownHostsFile=/dev/null")
    if first(answer, "canonicalizehostname") in _YES and not jump:
        # `yes` means: unless there is a ProxyCommand, which there is when `ssh` is asked.
        extra.append("CanonicalizeHostname=always")
    arguments = [*(word for setting in extra for word in ("-o", setting)), *arguments]
    if jump:
        _check_files(name, ["-o", "ProxyCommand=-", *arguments], config, answer)
    return OpenSSH(
        name,
        tuple(arguments),
        config,
        algorithms=tuple(first(answer, "hostkeyalgorithms").split(",")),
        files=host_key_files(answer),
        new_keys=_NEW_KEYS.get(first(answer, "stricthostkeychecking"), "ask"),
        check_address=first(answer, "checkhostip") in _YES and not jump,
    )


def _check_files(name: str, asked: list[str], config: str, answer: Answer) -> None:
    """Raise InstallerError where `ssh` reads other files of host keys when it is asked about a key.

    The name of a file may hold the jump host (%j), also in a hash (%C); a Match may look for one.
    """
    without = ask(name, asked, config)
    for keyword in _TRUST:
        here, there = (first(each, keyword.lower()).replace("/dev/null", "none") for each in (answer, without))
        if here != there or "%C" in here or "%j" in here:
            raise InstallerError(
                OPERATION,
                f"{keyword} for {name} depends on the jump host: Craton cannot tell what `ssh` reads",
                hint=f"in ~/.ssh/config, set {keyword} without %C and %j, and in no Match that looks for the way there",
            )


def _jump(hops: str, config: str, depth: int) -> Endpoint | None:
    """The last of the hops, reached through those before it."""
    if hops in ("", "none"):
        return None
    before, _, last = hops.rpartition(",")
    hop = _parse_hop(last)
    arguments = _place(hop.user, hop.port, before or None)
    return _endpoint(hop.host, arguments, config, depth=depth + 1)


def _parse_hop(text: str) -> Hop:
    found = _HOP.fullmatch(text.strip())
    if found is None:
        raise InstallerError(OPERATION, f"{text!r} isn't a jump host", hint="write it as USER@HOST:PORT")
    return Hop(found["bracketed"] or found["host"], found["user"], found["port"])
