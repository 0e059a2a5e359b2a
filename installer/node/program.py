"""`craton-node`: the one program that Craton runs on a machine, and how its output is read.

Verbs (arguments; what stdin holds; what stdout says):

    status                          lines `key=value`: prepared (a version or empty), kubelet (active or inactive),
                                    member (the cluster's name or empty), addons (names joined by commas)
    prepare VERSION                 stages
    init          kubeadm's ClusterConfiguration and InitConfiguration; on the first master
    invite        lines `token=`, `ca_hash=`, `certificate_key=`; secret; on a master
    join          kubeadm's JoinConfiguration, with what `invite` said
    addon NAME    applies the manifests of an addon (overlay, ingress); on a master
    kubectl ARG...                  kubectl with the administrator's credentials; on a master
    kubeconfig    the administrator's kubeconfig; secret; on a master
    reset         takes the machine out of its cluster again

A line `stage N OF TITLE` says which stage starts. Every verb may be run again: what is done stays done.
"""

from __future__ import annotations

import shlex

from installer.errors import InstallerError
from installer.node.connection import Result
from installer.step import Context

_HINTS = {
    28: "free space on the machine's disk (df -h), then resume",
    126: "the machine's user needs sudo without a password",
    127: "craton-node is not on the machine: prepare it again",
}


def run_program(ctx: Context, machine: str, verb: str, *arguments: str, stdin: str = "", secret: bool = False) -> str:
    """Run one verb on `machine` until the step's deadline and return its stdout.

    Stages and log lines are passed on to `ctx`, output lines of a `secret` verb are not.
    Raises InstallerError with the last line of stderr if the program fails.
    """

    def on_line(line: str) -> None:
        words = line.split(" ", 3)
        if words[0] == "stage" and len(words) == 4 and words[1].isdigit() and words[2].isdigit():
            ctx.stage(int(words[1]), int(words[2]), words[3])
            line = f"[{words[1]}/{words[2]}] {words[3]}"
        ctx.log(line)

    ctx.check_stop()
    connection = ctx.world.connect(machine, min(30.0, ctx.remaining()))
    command = shlex.join(["sudo", "-n", "craton-node", verb, *arguments])
    result = connection.run(command, stdin=stdin, deadline=ctx.remaining(), on_line=None if secret else on_line)
    if result.status != 0:
        raise _failure(machine, verb, result)
    return result.stdout


def _failure(machine: str, verb: str, result: Result) -> InstallerError:
    lines = [line for line in result.stderr.splitlines() if line.strip()] or ["no message"]
    return InstallerError(
        f"craton-node {verb}",
        f"exit status {result.status}: {lines[-1]}",
        machine=machine,
        hint=_HINTS.get(result.status, "read the machine's log (craton ssh, craton gather), mend it, then resume"),
    )


def status(ctx: Context, machine: str) -> dict[str, str]:
    """What `craton-node status` says, by key."""
    output = run_program(ctx, machine, "status", secret=True)
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
