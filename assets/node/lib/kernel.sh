# shellcheck shell=sh
# Kernel modules and settings.

MODULES='overlay br_netfilter vxlan'
SETTINGS='net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1'
# What a kubelet wants that protects the kernel's settings. A container's kernel is everybody's: they stay as they are.
KUBELET_SETTINGS='vm.overcommit_memory=1 vm.panic_on_oom=0 kernel.panic=10 kernel.panic_on_oops=1
    kernel.keys.root_maxkeys=1000000 kernel.keys.root_maxbytes=25000000'

# etcd keeps its streams to the other masters until the kernel gives them up: since 3.5 its own limit of 5 s has no effect
# on them. With the kernel's 15 retransmissions, ever further apart, a master that was cut off for a minute and is back can
# wait for another minute until the leader's entries reach it. If another master fails meanwhile, etcd has no quorum.
MASTER_SETTINGS='net.ipv4.tcp_retries2=5'

prepare_modules() {
    # shellcheck disable=SC2086 # a list of names
    put_file /etc/modules-load.d/craton.conf 644 printf '%s\n' $MODULES
    for module in $MODULES; do
        ! is_loaded "$module" || continue
        added module "$module"
        if modprobe "$module" 2>/dev/null || is_loaded "$module"; then
            change "modprobe $module"
        else
            fail "the kernel module $module cannot be loaded: $(modprobe "$module" 2>&1 | tail -n 1)"
        fi
    done
}

# Loaded or built in. Containers have the host's modules and often no /lib/modules.
is_loaded() {
    grep -q "^$1 " /proc/modules 2>/dev/null || [ -d "/sys/module/$1" ] ||
        grep -q "/$1\.ko" "/lib/modules/$(uname -r)/modules.builtin" 2>/dev/null ||
        { [ "$1" = br_netfilter ] && [ -d /proc/sys/net/bridge ]; }
}

undo_module() {
    [ -d "/sys/module/$1" ] || return 0
    if modprobe -r "$1" 2>/dev/null; then
        removed module "$1"
    elif [ -d "/sys/module/$1" ]; then
        left module "$1" 'it is in use, and goes with the next restart'
    fi
}

# The file's name makes it the last: no other file of the system takes a setting back.
prepare_settings() {
    settings=$SETTINGS
    in_container || settings="$settings $KUBELET_SETTINGS"
    [ "$ROLE" != master ] || settings="$settings $MASTER_SETTINGS"
    # shellcheck disable=SC2086 # a list of words
    put_file /etc/sysctl.d/99-zz-craton.conf 644 printf '%s\n' $settings
    for pair in $settings; do
        set_setting "${pair%%=*}" "${pair#*=}"
    done
}

# set_setting NAME VALUE
set_setting() {
    setting_path "$1"
    if [ "$1" = net.bridge.bridge-nf-call-ip6tables ] && [ ! -e "$setting_file" ]; then
        return # a kernel without IPv6
    fi
    setting_value=$(cat "$setting_file" 2>/dev/null) || fail "the kernel has no setting $1"
    [ "$setting_value" != "$2" ] || return 0
    added_once setting "$1" "$setting_value"
    change "$1 = $2"
    { echo "$2" >"$setting_file"; } 2>/dev/null || fail "the kernel setting $1 cannot be written"
}

# own_setting NAME: what others will set comes from us.
own_setting() {
    setting_path "$1"
    setting_value=$(cat "$setting_file" 2>/dev/null) || return 0
    added_once setting "$1" "$setting_value"
}

# setting_path NAME: sets setting_file.
setting_path() {
    setting_file=/proc/sys
    IFS=.
    for setting_part in $1; do
        setting_file=$setting_file/$setting_part
    done
    unset IFS
}

undo_setting() {
    setting_path "$1"
    [ -e "$setting_file" ] && [ "$(cat "$setting_file")" != "$2" ] || return 0
    if { echo "$2" >"$setting_file"; } 2>/dev/null; then
        removed setting "$1"
    else
        left setting "$1" 'it cannot be written'
    fi
}
