"""A bare machine for `craton-node`: this computer's own files under a private overlay, with stand-ins for what acts
on the kernel and on systemd. Nothing that runs in it changes this computer; system containers test the rest."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installer.node.program import source
from tests.needs import require
from tests.patience import PATIENCE

_STAND_INS = Path(__file__).parent / "stand_ins"
_OWN = r"""
set -eu
mount -t tmpfs tmpfs "$1"
cd "$1"
[ -z "$3" ] || tar -x -p --xattrs --xattrs-include='*' -f "$3"
for top in etc var usr; do
    mkdir -p "up/$top" "work/$top"
    mount -t overlay overlay -o "lowerdir=/$top,upperdir=$1/up/$top,workdir=$1/work/$top" "/$top"
done
for place in run opt root usr/local sys/module proc/sys/net; do
    mkdir -p "own/$place"
    mount --bind "own/$place" "/$place"
done
for setting in vm/overcommit_memory=0 vm/panic_on_oom=0 kernel/panic=0 kernel/panic_on_oops=0 \
    kernel/keys/root_maxkeys=200 kernel/keys/root_maxbytes=20000; do
    file=own/settings/${setting%=*}
    [ -e "$file" ] || { mkdir -p "${file%/*}" && echo "${setting#*=}" >"$file"; }
    mount --bind "$file" "/proc/sys/${setting%=*}"
done
for list in modules swaps; do
    : >>"own/$list"
    [ ! -e "/proc/$list" ] || mount --bind "own/$list" "/proc/$list"
done
"""
"""All that is a machine's own is in the directory $1. It goes on from the archive $3, unless that is empty."""
_FURNISH = r"""
mkdir -p /usr/local/bin /usr/local/sbin
mkdir -p /proc/sys/net/ipv4 /proc/sys/net/bridge /run/systemd/system /run/stand-in
echo 0 >/proc/sys/net/ipv4/ip_forward
echo 15 >/proc/sys/net/ipv4/tcp_retries2
echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
mkdir /sys/module/vxlan
printf 'Filename Type Size Used Priority\n/var/swap.img file 2097148 0 -2\n' >/proc/swaps
rm -rf /usr/bin/containerd* /usr/bin/ctr /usr/bin/runc /usr/sbin/runc /usr/lib/cni /etc/containerd /etc/cni \
    /usr/bin/kube* /var/lib/containerd /var/lib/kubelet /var/lib/craton /etc/kubernetes \
    /usr/sbin/conntrack /usr/bin/conntrack /usr/bin/socat /usr/sbin/haproxy /etc/haproxy \
    /usr/lib/systemd/system/haproxy.service /etc/systemd/system/*/haproxy.service
find "$2" -maxdepth 1 -type f -exec cp {} /usr/local/sbin/ ';'
chmod 755 /usr/local/sbin/*
for command in curl ethtool ip iptables modprobe mount nft nsenter; do
    command -v "$command" >/dev/null || cp /bin/true "/usr/local/sbin/$command"
done
# The network is this computer's, and so would the rules be that a reset takes out, between those of others.
for command in ip iptables-save iptables-restore ip6tables-save ip6tables-restore; do
    cp /bin/true "/usr/local/sbin/$command"
done
rm -f /etc/os-release
printf 'ID=debian\nVERSION_ID=12\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n' >/etc/os-release
mkdir -p /etc/ssl/certs /etc/modules-load.d /etc/sysctl.d /etc/systemd/system/multi-user.target.wants
[ -e /etc/ssl/certs/ca-certificates.crt ] || : >/etc/ssl/certs/ca-certificates.crt
printf '127.0.0.1 localhost\n10.1.1.1 mine' >/etc/hosts
printf 'UUID=1 / ext4 defaults 0 1\n/var/swap.img none swap sw 0 0\n' >/etc/fstab
: >/var/swap.img
cat >/usr/local/sbin/craton-node
chmod 755 /usr/local/sbin/craton-node
"""
"""$2 is the directory of the stand-ins; craton-node is on stdin."""
_STAY = "echo ready; exec sleep 3600"
_KEEP = 'cd "$1" && tar -c --format=posix --xattrs --xattrs-include="*" up own >"$2"'


@dataclass
class BareMachine:
    process: subprocess.Popen[str]
    directory: Path

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Run a command as the machine's root; it and its children are a process group of their own."""
        return subprocess.Popen(
            ["nsenter", "-t", str(self.process.pid), "-m", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={"PATH": os.environ["PATH"]},
        )  # fmt: skip

    def run(self, *command: str, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        process = self.start(*command)
        out, err = process.communicate(stdin, timeout)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def node(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("/usr/local/sbin/craton-node", *words, stdin=stdin)

    def sh(self, script: str) -> str:
        """What a script says, which has to succeed."""
        ended = self.run("sh", "-euc", script)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def status(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.node("status").stdout.splitlines())

    def add_cluster(self) -> None:
        """Have stand-ins of kubeadm, and of all that it takes to run a cluster."""
        for path in sorted((_STAND_INS / "cluster").iterdir()):
            place = f"/usr/local/sbin/{path.name}"
            self.run("sh", "-euc", f"cat >{place}; chmod 755 {place}", stdin=path.read_text())

    def keep(self, archive: Path) -> None:
        """Write all that is this machine's own to a file, from which others begin."""
        kept = self.run("sh", "-c", _KEEP, "sh", str(self.directory), str(archive))
        assert kept.returncode == 0, kept.stderr

    def state(self) -> str:
        """All that preparing may change: files with mode, owner and content, links, swap, modules and settings."""
        return self.sh(_STATE)


_STATE = r"""
cd /
places='etc opt root usr/local usr/sbin/conntrack usr/bin/socat usr/sbin/haproxy'
# But the old versions that the system's own tools keep when accounts come and go.
backups='-name passwd- -o -name group- -o -name shadow- -o -name gshadow-'
find $places ! '(' $backups ')' -printf '%y %m %U %p %l\n' 2>/dev/null | sort -k 4
find $places -type f ! '(' $backups ')' -print0 2>/dev/null | sort -z | xargs -0 sha256sum
find var/lib -mindepth 1 -maxdepth 1 ! -name craton | sort
tail -n +2 /proc/swaps
ls /sys/module
grep -r . /proc/sys/net
grep . /proc/sys/vm/overcommit_memory /proc/sys/kernel/panic /proc/sys/kernel/panic_on_oops /proc/sys/kernel/keys/root_*
sort -u /run/stand-in/active 2>/dev/null || :
"""


@contextmanager
def bare_machine(directory: Path, kept: Path | None = None) -> Iterator[BareMachine]:
    """A machine that lasts as long as the context, and begins as the one whose archive is `kept`. It needs root."""
    require("private files")
    directory.mkdir(parents=True, exist_ok=True)
    script = _OWN + ("" if kept else _FURNISH) + _STAY
    process = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private",
         "sh", "-c", script, "sh", str(directory), str(_STAND_INS), str(kept or "")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdin
        assert process.stdout
        if not kept:
            process.stdin.write(source())
        process.stdin.close()
        assert process.stdout.readline() == "ready\n", "a private overlay could not be made"
        yield BareMachine(process, directory)
    finally:
        process.kill()
        process.wait(PATIENCE)
