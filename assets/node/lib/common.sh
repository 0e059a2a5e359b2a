# shellcheck shell=sh
# Words, exit statuses and stages: what every part of craton-node says, and how it ends. It comes before all others.

set -eu
umask 022
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

STATE=/var/lib/craton
# kubectl's, which would be in root's home.
KUBECACHEDIR=$STATE/kubectl
export KUBECACHEDIR
# The file keeps the name that earlier versions gave it: machines in use have it.
UNDO_LOG=$STATE/ledger
PROGRAM=/usr/local/sbin/craton-node
NEWLINE='
'

# Exit statuses beyond 1, as installer.node.program reads them.
USAGE=2
NO_SPACE=28
READ_ONLY=30
UNTRUSTED=65
UNREACHABLE=69
BUSY=75
OTHER_CLUSTER=77
NOT_ROOT=126

say() {
    printf '%s\n' "$*"
}

# fail MESSAGE: the last line of stderr is what the installer shows.
fail() {
    end 1 "$@"
}

# end STATUS MESSAGE
end() {
    end_status=$1
    shift
    printf 'craton-node: %s\n' "$*" >&2
    exit "$end_status"
}

# stage NUMBER OF TITLE FUNCTION: announces the stage, runs it, and says so if it had nothing to do.
stage() {
    say "stage $1 $2 $3"
    changed=no
    "$4"
    [ "$changed" = yes ] || say unchanged
    [ "$changed" = no ] || any_change=yes
}

# change WHAT: this run changes the machine.
change() {
    changed=yes
    say "$*"
}

# OpenSSL takes a quarter of the time, where it is installed.
sum_of() {
    if has openssl; then sum_line=$(openssl dgst -sha256 -r <"$1"); else sum_line=$(sha256sum <"$1"); fi || :
    say "${sum_line%% *}"
}

# sums_of FILE...: as lines of sha256sum.
sums_of() {
    if has openssl; then openssl dgst -sha256 -r "$@" | sed 's/ \*/  /'; else sha256sum "$@"; fi
}

exists() {
    [ -e "$1" ] || [ -L "$1" ]
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# systemd's own word for it: other signs are found on machines as well that are none.
in_container() {
    [ -e /run/systemd/container ]
}

# cgroup version 1, which today's kubelet accepts only if it is told to.
on_cgroup_v1() {
    [ ! -e /sys/fs/cgroup/cgroup.controllers ]
}

architecture() {
    case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) uname -m ;;
    esac
}

# failed_write PATH: a write to PATH failed; end with the reason that a test write next to it finds.
failed_write() {
    probe=$(dirname "$1")/.craton-probe
    reason=$({ head -c 65536 /dev/zero >"$probe"; } 2>&1) || :
    rm -f "$probe"
    case $reason in
    *'No space left'*) end "$NO_SPACE" "write $1: No space left on device" ;;
    *'Read-only'*) end "$READ_ONLY" "write $1: Read-only file system" ;;
    *) fail "write $1: ${reason:-failed}" ;;
    esac
}

state_directory() {
    [ -d "$STATE" ] || { mkdir -p "$STATE" && chmod 700 "$STATE"; } 2>/dev/null || failed_write "$STATE"
}

# lock SECONDS: only one craton-node changes a machine at a time. One whose connection dropped may still be at work: wait
# for it so long. Descriptor 8 holds the lock until the program ends, and all that it started.
lock() {
    state_directory
    { printf "" >>"$STATE/lock"; } 2>/dev/null || failed_write "$STATE/lock"
    exec 8>>"$STATE/lock"
    flock -n 8 && return
    say 'another craton-node is running here: waiting for it'
    flock -w "$1" 8 || end "$BUSY" "another craton-node is still at work on this machine after $1 s"
}

unlock() {
    flock -u 8
}
