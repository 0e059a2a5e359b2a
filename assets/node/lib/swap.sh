# shellcheck shell=sh
# Swap off, and kept off: now, in /etc/fstab, and in the units that switch it on at boot.
#
# In the undo log: swap DEVICE PRIORITY, fstab PATH PREVIOUS SUM, mask UNIT ACTIVE.

prepare_swap() {
    if in_container; then
        [ -z "$(swap_areas)" ] || say "the swap that shows here is the host's: the kubelet is told to live with it"
        return
    fi
    if [ -f /etc/fstab ]; then
        edit fstab /etc/fstab
        [ "$changed" = no ] || systemctl daemon-reload
    fi
    # The units first: one that is only switched off would come back.
    for unit in $(swap_services); do
        mask "$unit"
    done
    swap_areas >"$STATE/swaps"
    while read -r device priority; do
        added_once swap "$device" "$priority"
        change "swapoff $device"
        swapoff "$device" || fail "swapoff $device failed: too little memory is free for what it holds"
    done <"$STATE/swaps"
    rm -f "$STATE/swaps"
    for unit in $(swap_units); do
        mask "$unit"
    done
}

# Lines `DEVICE PRIORITY`.
swap_areas() {
    [ ! -r /proc/swaps ] || tail -n +2 /proc/swaps | awk '{ print $1, $NF }'
}

# Services that make a swap area at boot: zram-generator's, zram-tools', Raspberry Pi OS's.
swap_services() {
    systemctl list-units --all --plain --no-legend 'systemd-zram-setup@*.service' zramswap.service dphys-swapfile.service \
        2>/dev/null | awk '$2 != "not-found" && $3 == "active" { print $1 }'
}

# What systemd would still switch on, such as a partition that it found by itself.
swap_units() {
    systemctl list-units --all --plain --no-legend --type=swap 2>/dev/null | awk '$2 == "loaded" { print $1 }'
}

FSTAB_MARK='# off for Kubernetes (craton): '

with_fstab() {
    awk -v mark="$FSTAB_MARK" '!/^[ \t]*#/ && $3 == "swap" { printf "%s", mark } { print }'
}

without_fstab() {
    sed "s/^$(escaped "$FSTAB_MARK")//"
}

undo_fstab() {
    undo_edit fstab "$1"
    systemctl daemon-reload || :
}

undo_swap() {
    ! swap_areas | grep -q "^$(escaped "$1") " || return 0
    [ -e "$1" ] || return 0 # a zram device comes back with its service
    if [ "$2" -lt 0 ] && swapon "$1" 2>/dev/null || swapon -p "$2" "$1" 2>/dev/null; then
        removed swapoff "$1"
    else
        left swap "$1" 'swapon failed'
    fi
}
