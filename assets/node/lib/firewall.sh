# shellcheck shell=sh
# The firewall: the contract's rules as nftables table `inet craton`. No other table is ever touched.
#
# What is loaded is removed by itself, unless it is confirmed in time over a connection that had to pass it.
# Until then it is kept under /run alone, so that a restart of the machine takes it back as well.
#
# In the undo log: firewall craton, meaning the table, its file and its unit.

FIREWALL_FILE=/etc/craton/firewall.nft
FIREWALL_SUM=$STATE/firewall.sum
FIREWALL_UNIT=/etc/systemd/system/craton-firewall.service
FIREWALL_RUN=/run/craton/firewall

# firewall_apply TOKEN SECONDS < RULESET: in force now, and for good if TOKEN is confirmed within SECONDS.
firewall_apply() {
    case ${1:-} in '' | *[!0-9a-f]*) end "$USAGE" 'firewall apply: a token of hexadecimal digits is wanted' ;; esac
    case ${2:-} in '' | *[!0-9]*) end "$USAGE" 'firewall apply: a number of seconds is wanted' ;; esac
    has nft || fail 'nft is not installed: install the package nftables'
    firewall_lock
    cat >"$FIREWALL_RUN/new" || failed_write "$FIREWALL_RUN/new"
    nft -c -f "$FIREWALL_RUN/new" || fail 'nft refuses the rules: nothing was changed'
    if [ -e "$FIREWALL_RUN/pending" ]; then
        firewall_disarm # what was there before those rules is still what to go back to
    else
        firewall_current >"$FIREWALL_RUN/previous" || failed_write "$FIREWALL_RUN/previous"
    fi
    added firewall craton
    firewall_arm "$1" "$2"
    nft -f "$FIREWALL_RUN/new" || { firewall_disarm && fail 'nft did not load the rules: what was before stays'; }
    say "loaded; removed in $2 s unless confirmed"
}

# firewall_confirm TOKEN: what `firewall apply TOKEN` loaded stays, over restarts too.
firewall_confirm() {
    firewall_lock
    if [ -z "${1:-}" ] || [ "$(firewall_pending)" != "$1" ]; then
        fail 'the rules were rolled back: nothing waits to be confirmed'
    fi
    [ -d /etc/craton ] || mkdir -m 755 /etc/craton || failed_write /etc/craton
    cp "$FIREWALL_RUN/new" "$FIREWALL_FILE.new" || failed_write "$FIREWALL_FILE"
    flush "$FIREWALL_FILE.new"
    firewall_sum >"$FIREWALL_SUM" || failed_write "$FIREWALL_SUM"
    mv -f "$FIREWALL_FILE.new" "$FIREWALL_FILE" || failed_write "$FIREWALL_FILE"
    firewall_keep
    firewall_disarm
    say confirmed
}

# firewall_remove: the table and all that keeps it are gone, if they were there.
firewall_remove() {
    firewall_lock
    firewall_disarm
    firewall_stood=no
    if exists "$FIREWALL_UNIT"; then
        firewall_stood=yes
        systemctl disable --quiet --now craton-firewall.service || :
        rm -f "$FIREWALL_UNIT" || failed_write "$FIREWALL_UNIT"
        systemctl daemon-reload || :
    fi
    if exists "$FIREWALL_FILE"; then
        firewall_stood=yes
        rm -f "$FIREWALL_FILE" || failed_write "$FIREWALL_FILE"
    fi
    if firewall_stands; then
        firewall_stood=yes
        nft delete table inet craton || fail 'nft did not delete table inet craton'
    fi
    rm -rf "$FIREWALL_FILE.new" "$FIREWALL_SUM" "$FIREWALL_RUN"
    rmdir /etc/craton /run/craton 2>/dev/null || :
    [ "$firewall_stood" = no ] || removed firewall craton
}

# firewall_show: lines `file=` (the SHA-256 sum of what was confirmed), `table=` (absent, pending, kept or changed),
# `unit=` (enabled, disabled, or none without systemd), and last `rules=` with the table as nft's JSON.
firewall_show() {
    if [ -e "$FIREWALL_FILE" ]; then say "file=$(sum_of "$FIREWALL_FILE")"; else say file=; fi
    if ! firewall_stands; then
        say table=absent
    elif [ -n "$(firewall_pending)" ]; then
        say table=pending
    elif [ "$(firewall_sum)" = "$(cat "$FIREWALL_SUM" 2>/dev/null)" ]; then
        say table=kept
    else
        say table=changed
    fi
    if ! firewall_systemd; then
        say unit=none
    elif systemctl is-enabled --quiet craton-firewall.service 2>/dev/null; then
        say unit=enabled
    else
        say unit=disabled
    fi
    ! firewall_stands || say "rules=$(nft -j list table inet craton)"
}

# One at a time: the roll-back, which comes at its own time, waits as well. Descriptor 9 holds the lock.
firewall_lock() {
    (umask 077 && mkdir -p "$FIREWALL_RUN") || failed_write "$FIREWALL_RUN"
    exec 9>>"$FIREWALL_RUN/lock"
    flock -w 20 9 || end "$BUSY" 'another firewall command is still at work on this machine after 20 s'
}

firewall_systemd() {
    [ -d /run/systemd/system ]
}

firewall_stands() {
    has nft && nft list table inet craton >/dev/null 2>&1
}

firewall_pending() {
    cat "$FIREWALL_RUN/pending" 2>/dev/null || :
}

# Text that brings back the table as it is, or its absence: the first two lines delete it, whether it is there or not.
firewall_current() {
    say 'table inet craton'
    say 'delete table inet craton'
    ! firewall_stands || nft -s list table inet craton
}

firewall_sum() {
    nft -s list table inet craton | sum_of /dev/stdin
}

# firewall_arm TOKEN SECONDS: the roll-back comes, whatever becomes of this program and of its connection. It holds
# none of the locks of this program.
firewall_arm() {
    firewall_rollback_program >"$FIREWALL_RUN/rollback" || failed_write "$FIREWALL_RUN/rollback"
    say "$1" >"$FIREWALL_RUN/pending" || failed_write "$FIREWALL_RUN/pending"
    if firewall_systemd && systemd-run --quiet --collect --unit="craton-firewall-$1" --on-active="$2" \
        --timer-property=AccuracySec=100ms /bin/sh "$FIREWALL_RUN/rollback" "$1"; then
        return
    fi
    # shellcheck disable=SC2016 # the inner shell expands them
    setsid sh -c 'sleep "$1"; exec sh "$2" "$3"' sh "$2" "$FIREWALL_RUN/rollback" "$1" \
        </dev/null >/dev/null 2>&1 8>&- 9>&- &
    say "$!" >"$FIREWALL_RUN/armed"
}

# What waits to be rolled back waits no more. As the lock is held and nothing was rolled back, the process is still ours.
firewall_disarm() {
    [ -e "$FIREWALL_RUN/pending" ] || return 0
    if [ -e "$FIREWALL_RUN/armed" ]; then
        kill -- "-$(cat "$FIREWALL_RUN/armed")" 2>/dev/null || :
    else
        systemctl stop "craton-firewall-$(firewall_pending).timer" 2>/dev/null || :
    fi
    rm -f "$FIREWALL_RUN/pending" "$FIREWALL_RUN/armed"
}

# The roll-back is a program of its own: craton-node may be replaced or removed meanwhile. Rather no table than one
# that locks everybody out.
firewall_rollback_program() {
    cat <<'END'
cd /run/craton/firewall || exit 0
exec 9>>lock
flock 9
[ "$(cat pending 2>/dev/null)" = "$1" ] || exit 0
nft -f previous || nft delete table inet craton
rm -f pending armed
END
}

# Over restarts, too. Debian's nftables.service flushes every table whenever it starts, stops or reloads.
firewall_keep() {
    if ! firewall_systemd; then
        say 'no systemd here: the rules are gone after a restart'
        return
    fi
    firewall_unit >"$FIREWALL_UNIT" || failed_write "$FIREWALL_UNIT"
    chmod 644 "$FIREWALL_UNIT"
    systemctl daemon-reload || fail 'systemctl daemon-reload failed'
    systemctl enable --quiet --now craton-firewall.service || fail 'craton-firewall.service cannot be enabled'
}

firewall_unit() {
    cat <<END
[Unit]
Description=The Generic Platform contract's firewall rules
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
After=systemd-modules-load.service nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$(command -v nft) -f $FIREWALL_FILE
ExecReload=$(command -v nft) -f $FIREWALL_FILE

[Install]
WantedBy=sysinit.target
END
}
