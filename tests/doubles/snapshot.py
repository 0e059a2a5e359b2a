"""What a real machine is like, to the last file: taken as root, past SSH, and compared with what it was."""

from __future__ import annotations

from difflib import unified_diff

from tests.doubles.machines import the_engine
from tests.patience import PATIENCE

# What changes by itself, or belongs to the computer that all machines share, is left out. Where systemd is too busy to
# answer, the look fails: it would seem as if there were no units.
_LOOK = r"""
cd /
echo '# files'
find etc root usr/local opt var/lib -xdev \( -path var/lib/systemd -o -path var/lib/private \
    -o -path var/lib/containerd/io.containerd.grpc.v1.introspection \) -prune -o \
    -type d -printf '%y %m %U:%G %p\n' -o -printf '%y %m %U:%G %p %l %T@\n' |
    grep -v -E ' etc/machine-id |/meta\.db ' | sort
find etc usr/local opt -xdev -type f -exec sha256sum {} + | sort -k 2
echo '# units'
files=$(systemctl list-unit-files --no-legend --plain) || exit 1
units=$(systemctl list-units --all --no-legend --plain --type=service,timer,socket,target) || exit 1
echo "$files" | sort
echo "$units" |
    awk '{ print $1, $2, $3, $4 }' |
    grep -v -E '^(user|session|run-|ssh@|sshd@|systemd-tmpfiles-clean|systemd-timedated)' | sort
echo '# settings'
sysctl -a 2>/dev/null | grep -E '^net\.' | grep -v -E 'conntrack_count|fastopen_key|rss_key|random' | sort
echo '# firewall'
nft list ruleset
echo '# mounts'
awk '{ print $1, $2, $3, $4 }' /proc/self/mounts | grep -v -E ' /run/(user|credentials)' | sort
echo '# modules'
cut -d ' ' -f 1 /proc/modules | sort
echo '# interfaces'
ip -br link | awk '{ print $1 }'
echo '# packages'
dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n'
"""


def snapshot(name: str) -> list[str]:
    """Files, units, kernel settings, firewall, mounts, modules, interfaces and packages of the machine, a line each."""
    return the_engine().call("exec", name, "sh", "-c", _LOOK, machine=name, deadline=PATIENCE).splitlines()


def difference(before: list[str], after: list[str]) -> str:
    """What changed from one snapshot to the next, as a diff without context; empty if nothing did."""
    return "\n".join(unified_diff(before, after, "before", "after", n=0, lineterm=""))
