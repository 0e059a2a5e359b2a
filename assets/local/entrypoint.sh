#!/bin/sh
# The first process of a machine: corrects what a container engine sets up differently from a machine, then
# becomes systemd. Runs at every start, and must not mind what an earlier start has done.
set -eu

# Mounts have to spread from the kubelet to the containers that it runs.
mount --make-rshared /

# Machines manage their own part of every hierarchy; engines mount them read-only where they can.
writable_cgroups() {
    while read -r _ _ _ _ target _; do
        case $target in
        /sys | /sys/fs/cgroup | /sys/fs/cgroup/* | /proc/sys)
            mount -o remount,bind,rw "$target" 2>/dev/null || mount -o remount,rw "$target" 2>/dev/null || :
            ;;
        esac
    done </proc/self/mountinfo
}

# The kubelet and the journal read it; where the engine gives none, the console has to do.
kernel_messages() {
    [ -e /dev/kmsg ] || ln -s /dev/console /dev/kmsg
}

unbound() {
    while umount "$1" 2>/dev/null; do :; done
}

# Engines bind these over and rewrite them at every start: a machine's are its own. The line with the machine's own
# name is kept, or every sudo would wait for a name server.
own_files() {
    name=$(hostname)
    line=$(grep -w -- "$name" /etc/hosts | tail -n 1) || line="127.0.1.1 $name"
    unbound /etc/hosts
    unbound /etc/hostname
    grep -qw localhost /etc/hosts || printf '127.0.0.1 localhost\n::1 localhost\n' >>/etc/hosts
    grep -qw -- "$name" /etc/hosts || printf '%s\n' "$line" >>/etc/hosts
}

# docker's own name server answers on the machine's loopback, where no pod can ask it.
name_servers() {
    [ -n "${CRATON_NAME_SERVERS:-}" ] && grep -q '^nameserver 127\.' /etc/resolv.conf || return 0
    unbound /etc/resolv.conf
    for server in $CRATON_NAME_SERVERS; do echo "nameserver $server"; done >/etc/resolv.conf
}

# All containers of a computer see its one board id; Kubernetes wants one per machine.
board_id() {
    shown=/sys/class/dmi/id/product_uuid own=/var/lib/craton-board-id
    [ -e "$shown" ] || return 0
    [ -s "$own" ] || cat /proc/sys/kernel/random/uuid >"$own"
    mountpoint -q "$(realpath "$shown")" || mount -o bind,ro "$own" "$(realpath "$shown")" || :
}

# The seed comes separately from the root file system: the volume under /var is made only when the machine first starts.
seed() {
    [ -d /usr/local/lib/craton/seed ] || return 0
    mkdir -p /var/lib/cloud/seed
    rm -rf /var/lib/cloud/seed/nocloud
    mv /usr/local/lib/craton/seed /var/lib/cloud/seed/nocloud
}

writable_cgroups
seed
kernel_messages
own_files
name_servers
board_id
exec /sbin/init
