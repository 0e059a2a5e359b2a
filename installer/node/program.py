"""`craton-node`: the one program that Craton runs on a machine, and how its output is read.

Verbs (arguments; what stdin holds; what stdout says):

    status                          lines `key=value`: prepared (a version or empty), configuration (the SHA-256 sum of
                                    what it was prepared with), kubelet (active or inactive), member (the cluster's name
                                    or empty), addons (names joined by commas), program (the SHA-256 sum of the program
                                    itself), claim (CLUSTER/MACHINE or empty), architecture (as artifacts name it),
                                    cgroup (1 or 2), container (yes or no)
    survey                          the lines of `status`, a line `#condition`, then those of `condition`
    claim CLUSTER MACHINE           exit status 77 if another cluster has the machine
    lease take|seize|show|drop ID OWNER      which computer works on the cluster: lines `key=value`, holder (an id, or
                                    empty), since, renewed and now (seconds of the machine's clock), owner
    release                         gives the machine back; lines `removed KIND NAME` and `left KIND NAME WHY`
    needed        the configuration; paths of the artifacts that preparing would fetch, one a line
    prepare       the configuration (installer.node.configuration); stages
    hosts         the configuration; writes the names that machines know each other by, and nothing else
                  (a proxy to the API that runs is one of them; `prepare` makes it)
    undo          undoes prepare and firewall, after leaving the cluster; lines `removed KIND NAME`
                  and `left KIND NAME WHY`
    firewall apply|confirm|remove|show       see installer.node.firewall

Of a machine in its cluster (a payload is several files on stdin, each after a line `#file NAME`):

    condition     what this machine is in its cluster, lines `key=value`: member (the cluster's name, `another`, or
                  empty), begun (init or join, while one began and hasn't finished), kubelet (`ok`, or in one
                  line why not), serving (`ok` if its server shows a certificate of the cluster's CA, `own` if it
                  signs its own, or why not), manifests (names of the static pods on disk, by comma), running (names
                  of those whose container runs), api (`ok`, or why not; masters), version (the release of its API
                  server's manifest; masters), kubelet_version, kubeadm_version, busy (`yes` while another craton-node
                  changes the machine, or `no`)
    init          a payload: kubeadm.yaml (ClusterConfiguration, InitConfiguration, ...), encryption.yaml,
                  admission.yaml, authentication.yaml, audit-policy.yaml; on the first master
    invite        lines `token=`, `ca_hash=`, `certificate_key=`, `encryption_key=`; secret; on a master
    join          a payload: kubeadm.yaml (JoinConfiguration) with the fields of `invite`; on masters those files too
    policies      a payload: admission.yaml, authentication.yaml, audit-policy.yaml, which the API server reads when it
                  starts; before an upgrade; on a master
    policies sums                   a line `SUM  authentication.yaml` of the file that the API server reads, and a line
                  `SUM  in use` of what it goes by, if it says so; on a master
    certs show    a line `pending=yes` while new certificates have yet to be used, or `pending=no`; then, after each
                  line `#certificate PATH`, a certificate (PEM, or a line `base64 ...`)
    certs renew   all that kubeadm renews; etcd and the control plane start again, one after the other; on a master
    certs kubelet                   the kubelet starts again, and asks for a certificate if its own ends soon
    addon NAME    applies the manifests of an addon from stdin, and waits for nothing; on a master
    kubectl ARG...                  kubectl with the administrator's credentials; on a master
    kubeconfig    the administrator's kubeconfig; secret; on a master
    etcd members                    the JSON of etcd's member list (`/v3/cluster/member/list`); on a master
    etcd health URL...              a line `URL ok` or `URL WHY` for each client URL; on a master
    etcd remove ID                  takes the member (decimal, as the JSON has it) out; on a master
    etcd snapshot FILE              a checked snapshot of this master's etcd, mode 0600; a line `FILE SUM REVISION`
    etcd restore FILE               this master's etcd rebuilt from a snapshot, as its only member; the one that was is
                                    kept aside (/var/lib/etcd.before-restore-TIME, named in a line `kept PATH`)
    images missing IMAGE...         the configuration, with the new release; the images that are not here, one a line
    images bring IMAGE...           the same; archives are imported, and of these images those pulled that are not here
    upgrade apply|node              the configuration, with the new release; kubeadm of that release, then
                                    `kubeadm upgrade apply` (the first master) or `kubeadm upgrade node`; then `prepare`
                                    brings the new kubelet
    gather        what is worth reading when something is wrong: sections, each after a line `#file NAME`
    reset         takes the machine out of its cluster again

An init, join or upgrade that fails says on stdout, besides kubeadm's own words, what else was seen:

    evidence image IMAGE WHERE WORDS      an image that was not pulled from WHERE (a host), and why
    evidence kubelet WORDS                the kubelet's last error
    evidence container NAME EXIT WORDS    a container of a static pod that ended, and the last line of its log
    evidence waiting IMAGE NODE POD       a pod that waits for an image which its node does not have (upgrade)
    evidence clock SECONDS                the machine's time, in Unix seconds

A line `stage N OF TITLE` says which stage starts. Every verb may be run again: what is done stays done.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable
from enum import Enum
from functools import cache
from importlib import resources

from installer.common.errors import InstallerError
from installer.node.upload import upload
from installer.ssh.connection import Connection, Result, as_root
from installer.steps.step import Context

Explain = Callable[[Result], InstallerError | None]
"""Says what the output of a verb that failed means, or None where it knows nothing better than its last line."""

PATH = "/usr/local/sbin/craton-node"
"""By its whole path: not everybody's sudo looks there for commands."""
BUILT_IN = "built-in"
"""What a stand-in says in place of its program's sum."""

_ASKS = frozenset(
    {"addon", "gather", "invite", "kubeconfig", "kubectl", "needed", "firewall show", "images missing", "certs show"}
)
"""Verbs that leave a machine's answers about itself as they were."""

_USAGE = 2

_STAGE = re.compile(r"stage ([0-9]{1,4}) ([0-9]{1,4}) (.+)")

_HINTS = {
    28: "free space on the machine's disk (df -h), then resume",
    30: "the machine's file system is mounted read-only: look for the reason (dmesg), mount it writable, then resume",
    65: "Usually a proxy that rewrites downloads, or a mirror that changed after the review: find out which; "
    "`craton review PLAN --refresh` reads the sums again",
    69: "check that the machine reaches its mirror, by way of the plan's proxy if it needs one; "
    "or bring the artifacts with --artifacts",
    75: "another command of Craton still runs on the machine: wait for it to end, then resume",
    77: "destroy that cluster first, or leave the machine out of the plan",
    126: "the machine's user needs sudo without a password",
    127: "craton-node is not on the machine: prepare it again",
}


@cache
def source() -> str:
    """The program as machines get it: its parts, one after the other, and then its verbs."""
    node = resources.files("assets") / "node"
    parts = sorted((node / "lib").iterdir(), key=lambda part: (part.name != "common.sh", part.name))
    texts = [part.read_text(encoding="utf-8") for part in parts if part.name.endswith(".sh")]
    return "\n".join(["#!/bin/sh", *texts, (node / "craton-node").read_text(encoding="utf-8")])


@cache
def source_sum() -> str:
    """What `status` of a machine that has this program says of it."""
    return hashlib.sha256(source().encode()).hexdigest()


def command(connection: Connection, verb: str, *arguments: str) -> str:
    """The shell command that runs a verb as root."""
    return as_root(connection, shlex.join([PATH, verb, *arguments]))


def run_program(
    ctx: Context,
    machine: str,
    verb: str,
    *arguments: str,
    stdin: str = "",
    secret: bool = False,
    explain: Explain | None = None,
) -> str:
    """Run one verb on `machine` until the step's deadline and return its stdout.

    Stages and log lines are passed on to `ctx`, output lines of a `secret` verb are not.
    Raises InstallerError if the program fails: what `explain` makes of it, else the last line of stderr.
    """

    def on_line(line: str) -> None:
        if stage := _STAGE.fullmatch(line):
            number, of, title = stage.groups()
            ctx.stage(int(number), int(of), title)
            line = f"[{number}/{of}] {title}"
        ctx.log(line)

    ctx.check_stop()
    intact = False
    try:
        connection = ctx.world.connect(machine, min(30.0, ctx.remaining()))
        line = command(connection, verb, *arguments)
        result = connection.run(
            line, stdin=stdin, deadline=ctx.remaining(), on_line=None if secret else on_line, secret=secret
        )
        intact = result.status == 0 and _only_asks(verb, *arguments)
    finally:
        if not intact:
            ctx.world.answers.forget(machine)
    if result.status != 0:
        raise (explain and explain(result)) or _failure(machine, verb, result)
    return result.stdout


def _only_asks(verb: str, *arguments: str) -> bool:
    return verb in _ASKS or " ".join((verb, *arguments[:1])) in _ASKS


def _failure(machine: str, verb: str, result: Result) -> InstallerError:
    lines = [line for line in result.stderr.splitlines() if line.strip()] or ["no message"]
    reason = 127 if is_missing(result) else result.status
    return InstallerError(
        f"craton-node {verb}",
        f"exit status {result.status}: {lines[-1].removeprefix('craton-node: ')}",
        machine=machine,
        hint=_HINTS.get(reason, "read the machine's log (craton ssh, craton gather), fix it, then resume"),
    )


def is_missing(result: Result) -> bool:
    """Whether there is no program to run. sudo's own words for it are translated, but begin with its path."""
    return result.status == 127 or result.stderr.startswith(f"sudo: {PATH}:")


class Asked(Enum):
    """Whether a machine has to be asked, or its earlier answer is still good (installer.steps.answers)."""

    NOW = "now"
    SURVEYED = "surveyed"
    """Its answer from this run is still good."""
    JUST_NOW = "just now"
    """So will what this step has heard a moment ago."""


def status(ctx: Context, machine: str, asked: Asked = Asked.NOW) -> dict[str, str]:
    """What `craton-node status` says, by key; nothing where the program is not on the machine."""
    return _ask(ctx, machine, "status", asked)


def condition(ctx: Context, machine: str, asked: Asked = Asked.NOW) -> dict[str, str]:
    """What `craton-node condition` says, by key; nothing where the program is not on the machine."""
    return _ask(ctx, machine, "condition", asked)


def _ask(ctx: Context, machine: str, verb: str, asked: Asked) -> dict[str, str]:
    ctx.check_stop()
    answers = ctx.world.answers
    known = None if asked is Asked.NOW else answers.surveyed(machine, verb)
    if known is None and asked is Asked.JUST_NOW:
        known = answers.of_this_moment(machine, verb)
    if known is None:
        connection = ctx.world.connect(machine, min(30.0, ctx.remaining()))
        if asked is Asked.SURVEYED and (said := read_survey(run_survey(ctx, connection))):
            for each, fields in said.items():  # this step may ask for the rest
                answers.keep(machine, each, fields)
            return said[verb]
        known = _read(connection, machine, verb, ctx.remaining())
        answers.keep(machine, verb, known)
    return known


def run_survey(ctx: Context, connection: Connection) -> Result:
    return connection.run(command(connection, "survey"), deadline=ctx.remaining())


def read_survey(result: Result) -> dict[str, dict[str, str]]:
    """What a survey has of each verb; nothing if it failed."""
    if result.status != 0:
        return {}
    first, _, second = result.stdout.partition("\n#condition\n")
    return {"status": read_fields(first), "condition": read_fields(second)}


def read_status(connection: Connection, machine: str, deadline: float) -> dict[str, str]:
    """As `status`, outside of a step; `deadline` is in seconds."""
    return _read(connection, machine, "status", deadline)


def _read(connection: Connection, machine: str, verb: str, deadline: float) -> dict[str, str]:
    return read_fields(ask_verb(connection, machine, verb, deadline=deadline) or "")


def ask_verb(connection: Connection, machine: str, verb: str, *arguments: str, deadline: float) -> str | None:
    """What a verb says, outside of a step; None where the machine has no program, or one too old to know the verb.

    `deadline` is in seconds. Raises InstallerError if the verb fails.
    """
    result = connection.run(command(connection, verb, *arguments), deadline=deadline)
    if is_missing(result) or (result.status == _USAGE and "no such verb" in result.stderr):
        return None
    if result.status != 0:
        raise _failure(machine, verb, result)
    return result.stdout


def read_fields(output: str) -> dict[str, str]:
    """The values of a verb's lines `key=value`, by key; other lines are passed over."""
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def ensure_program(ctx: Context, machine: str) -> dict[str, str]:
    """Bring this program to `machine`, unless it has it; return what its `status` says. Raises InstallerError."""
    fields = status(ctx, machine, Asked.JUST_NOW)
    if fields.get("program") in (source_sum(), BUILT_IN):
        return fields
    ctx.world.answers.forget(machine)
    upload(ctx, machine, source().encode(), PATH, mode=0o755)
    fields = status(ctx, machine)
    if fields.get("program") != source_sum():
        raise InstallerError(
            "install craton-node",
            f"{PATH} is on the machine and doesn't run properly: it says {fields or 'nothing'}",
            machine=machine,
            hint="something on the machine changes or replaces the file: look at it with craton ssh",
        )
    return fields
