# shellcheck shell=sh
# Kernel modules and settings.

MODULES='overlay br_netfilter vxlan'
SETTINGS='net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables'

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
    # shellcheck disable=SC2086 # a list of names
    put_file /etc/sysctl.d/99-zz-craton.conf 644 printf '%s = 1\n' $SETTINGS
    for setting in $SETTINGS; do
        setting_file=$(setting_path "$setting")
        if [ "$setting" = net.bridge.bridge-nf-call-ip6tables ] && [ ! -e "$setting_file" ]; then
            continue # a kernel without IPv6
        fi
        setting_value=$(cat "$setting_file" 2>/dev/null) || fail "the kernel has no setting $setting"
        [ "$setting_value" != 1 ] || continue
        added_once setting "$setting" "$setting_value"
        change "$setting = 1"
        { echo 1 >"$setting_file"; } 2>/dev/null || fail "the kernel setting $setting cannot be written"
    done
}

# own_setting NAME: what others will set comes from us.
own_setting() {
    setting_value=$(cat "$(setting_path "$1")" 2>/dev/null) || return 0
    added_once setting "$1" "$setting_value"
}

setting_path() {
    printf '/proc/sys/%s' "$(printf '%s' "$1" | tr . /)"
}

undo_setting() {
    setting_file=$(setting_path "$1")
    [ -e "$setting_file" ] && [ "$(cat "$setting_file")" != "$2" ] || return 0
    if { echo "$2" >"$setting_file"; } 2>/dev/null; then
        removed setting "$1"
    else
        left setting "$1" 'it cannot be written'
    fi
}
