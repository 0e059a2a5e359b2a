"""Preflight checks of the operating system: what it is, its first process, its name, what keeps its clock."""

from __future__ import annotations

import re

from installer.common.systems import TESTED, Support, support
from installer.common.text import whole_number
from installer.health.check import Judgement, Subject
from installer.health.checks.host import HOSTNAME
from installer.health.parsing import brief, pairs
from installer.health.preflight import probes
from installer.health.preflight.check import PreflightCheck, fails, holds, warns
from installer.health.preflight.facts import ARCHITECTURES, system
from installer.health.preflight.records import Records, records
from installer.plan.rules import Level
from installer.steps.evidence import Unreadable

ARTIFACTS = ("amd64", "arm64")
"""Architectures for which everything that is installed is published."""
SLOW_LOOKUP = 3
"""Seconds; a name server that is not there costs 5 or more."""

_NODE_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_TIME_SERVICES = ("systemd-timesyncd", "chronyd", "chrony", "ntpd", "ntp", "ntpsec", "openntpd")


def _os(subject: Subject) -> Judgement:
    found = system(subject.evidence)
    if not found.os_id:
        raise Unreadable("the machine has no os-release to say what it is")
    name = brief(found.os_name)
    supported = support(found.os_id, found.os_version, found.os_like)
    if supported is Support.TESTED:
        return holds(name)
    if found.os_id in TESTED:
        return warns(f"{name}: Craton is tested on {found.os_id} {' and '.join(TESTED[found.os_id])}")
    return (
        warns(f"{name}: Craton is not tested on it")
        if supported is Support.UNTESTED
        else fails(f"{name} is not supported")
    )


def _architecture(subject: Subject) -> Judgement:
    hardware = system(subject.evidence).hardware
    name = ARCHITECTURES.get(hardware, "")
    if name in ARTIFACTS:
        return holds(name)
    if not hardware:
        raise Unreadable("the machine didn't say what architecture it is")
    return fails(f"{brief(hardware)}: artifacts are published for {' and '.join(ARTIFACTS)}")


def _init(subject: Subject) -> Judgement:
    name = records(subject.evidence, probes.SYSTEM).need("init", "what its first process is")
    return holds("systemd") if name == "systemd" else fails(f"process 1 is {brief(name)}, not systemd")


def _root(subject: Subject) -> Judgement:
    reported = records(subject.evidence, probes.SYSTEM)
    user, mapped = reported.need("user", "as whom sudo runs commands"), reported.get("uid-map").split()
    if user != "0":
        return fails(f"sudo runs commands as user {brief(user)}, not root")
    if len(mapped) == 3 and mapped[:2] != ["0", "0"]:
        return fails(f"root is user {brief(mapped[1])} outside: this is an unprivileged container")
    return holds("sudo gives root, without a password")


def _container(subject: Subject) -> Judgement:
    found = system(subject.evidence)
    if found.container in ("wsl", "openvz", "proot"):
        return fails(f"{found.container}: no kubelet runs in it")
    if found.container:
        return holds(f"a {brief(found.container)} container: kernel, modules, clock and swap are its host's")
    return holds(f"a {brief(found.virtualization)} machine" if found.virtualization else "a machine of its own")


def _reboot(subject: Subject) -> Judgement:
    pending = records(subject.evidence, probes.SYSTEM).get("reboot-required")
    return warns("an update waits for a restart") if pending else holds("nothing waits for a restart")


def _security_modules(subject: Subject) -> Judgement:
    reported = records(subject.evidence, probes.SYSTEM)
    apparmor = "AppArmor is on" if reported.get("apparmor") == "Y" else "AppArmor is off"
    if reported.get("selinux") == "1":
        return warns("SELinux is enforcing")
    return holds(f"{apparmor}, SELinux is {'permissive' if reported.get('selinux') == '0' else 'off'}")


def _own_name(subject: Subject) -> Judgement:
    name = subject.evidence.output(HOSTNAME.id).strip()
    if not name:
        raise Unreadable("the machine didn't say what it is called")
    if not _NODE_NAME.fullmatch(name) or name.split(".")[0] == "localhost":
        return warns(
            f"{brief(name)} isn't a valid host name", "hostnamectl set-hostname NAME: lowercase, digits and '-'"
        )
    for found, status, seconds in records(subject.evidence, probes.RESOLVER).rows("lookup", 3):
        if found == name:
            slow = (whole_number(seconds) or 0) >= SLOW_LOOKUP
            if status != "0" or slow:
                how = f"takes {brief(seconds)} s to" if slow else "can't"
                seen = f"{name} {how} resolve its own name"
                return warns(seen, f"echo '{subject.machine.located} {name}' >>/etc/hosts")
    return holds(name)


def _time_sync(subject: Subject) -> Judgement:
    reported = records(subject.evidence, probes.SOFTWARE)
    told = pairs("\n".join(reported.all("time")), "=")
    active = [name for name in _TIME_SERVICES if units(subject).get(name, {}).get("ActiveState") == "active"]
    by = f" by {active[0]}" if active else ""
    if told.get("NTPSynchronized") == "yes":
        return holds(f"kept{by}")
    if told.get("NTPSynchronized") == "no":
        return warns(
            f"the clock is not synchronised{f', though {active[0]} runs' if active else ': no time service runs'}"
        )
    if active:
        return holds(f"{active[0]} runs")
    raise Unreadable("the machine didn't say whether its clock is synchronised")


def units(subject: Subject) -> dict[str, dict[str, str]]:
    """Properties of services that the machine knows, by name without `.service`. Raises Unreadable."""
    blocks: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in subject.evidence.output(probes.SOFTWARE.id).splitlines():
        key, found, value = line.strip().partition("=")
        if not found or " " in key:
            current = {}
            continue
        current[key] = value
        if key == "Id":
            blocks[value.removesuffix(".service")] = current
    return {name: block for name, block in blocks.items() if block.get("LoadState") != "not-found"}


def _pending(reported: Records) -> str:
    """What keeps the machine busy, or nothing."""
    if reported.get("cloud-init"):
        return "cloud-init has not finished"
    busy = reported.rows("busy", 2)
    return f"{brief(busy[0][0])} (process {brief(busy[0][1])}) holds the lock of the package manager" if busy else ""


def _idle(subject: Subject) -> Judgement:
    pending = _pending(records(subject.evidence, probes.PROGRAMS))
    return warns(pending) if pending else holds("its first boot is done, and no package is being installed")


CHECKS = (
    PreflightCheck("os", "operating system", Level.NEEDED, _os, (probes.SYSTEM,),
        what="Debian 12 or 13, Ubuntu 22.04 or 24.04; derivatives, other releases and RHEL-likes are untested",
        remedy="install one of Debian 12, Debian 13, Ubuntu 22.04, Ubuntu 24.04"),
    PreflightCheck("architecture", "architecture", Level.NEEDED, _architecture, (probes.SYSTEM,),
        what="amd64 or arm64", remedy="use a machine with a 64-bit Intel, AMD or ARM processor"),
    PreflightCheck("init", "systemd", Level.NEEDED, _init, (probes.SYSTEM,),
        what="systemd is the first process", remedy="start the machine with systemd as its init"),
    PreflightCheck("root", "root", Level.NEEDED, _root, (probes.SYSTEM,),
        what="sudo gives root, and root is root outside of its container as well",
        remedy="allow the user ALL=(ALL) NOPASSWD: ALL in sudoers; run a container privileged"),
    PreflightCheck("container", "kind of machine", Level.NEEDED, _container, (probes.SYSTEM,),
        what="a machine, a virtual machine or a privileged system container",
        remedy="use a virtual machine or a physical one"),
    PreflightCheck("reboot", "restart", Level.SHOULD, _reboot, (probes.SYSTEM,),
        what="no update waits for a restart", remedy="systemctl reboot, before there is a node to drain"),
    PreflightCheck("idle", "idle", Level.SHOULD, _idle, (probes.PROGRAMS,),
        what="cloud-init is done and nothing holds the package manager's lock",
        remedy="wait until it is over: cloud-init status --wait, or systemctl status unattended-upgrades"),
    PreflightCheck("security-modules", "SELinux and AppArmor", Level.SHOULD, _security_modules, (probes.SYSTEM,),
        what="SELinux does not enforce; AppArmor may",
        remedy="setenforce 0, and SELINUX=permissive in /etc/selinux/config; or install container-selinux"),
    PreflightCheck("own-name", "own name", Level.SHOULD, _own_name, (HOSTNAME, probes.RESOLVER),
        what="the host name is one that a node may have, and the machine resolves it at once",
        remedy="hostnamectl set-hostname NAME, and a line for it in /etc/hosts"),
    PreflightCheck("time-sync", "time service", Level.NEEDED, _time_sync, (probes.SOFTWARE,),
        what="a time service keeps the clock (N9)",
        remedy="timedatectl set-ntp true, or apt-get install chrony; udp 123 has to leave the machine"),
)  # fmt: skip
