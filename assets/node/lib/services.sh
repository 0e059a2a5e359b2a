# shellcheck shell=sh
# Units of systemd: switched on and off, with what they were before on record.
#
# In the undo log: service UNIT ENABLED ACTIVE, and mask UNIT ACTIVE, in systemctl's own words.
# A file pending/WHAT says that something written still has to take effect; it outlives a kill.

pending() {
    [ -d "$STATE/pending" ] || mkdir -p "$STATE/pending" || failed_write "$STATE/pending"
    echo >"$STATE/pending/$1" || failed_write "$STATE/pending/$1"
}

is_pending() {
    [ -e "$STATE/pending/$1" ]
}

settled() {
    ! is_pending "$1" || rm -f "$STATE/pending/$1"
}

enabled() {
    enabled_word=$(systemctl is-enabled "$1" 2>/dev/null) || :
    printf '%s' "${enabled_word:-absent}"
}

active() {
    active_word=$(systemctl is-active "$1" 2>/dev/null) || :
    printf '%s' "${active_word:-inactive}"
}

# put_pending PATH WHAT COMMAND [MODE]: as put_file, mode 644 unless told. That it has yet to take effect is known before
# the file changes.
put_pending() {
    "$3" >"$STATE/coming" || failed_write "$STATE/coming"
    cmp -s "$STATE/coming" "$1" || pending "$2"
    put "$STATE/coming" "$1" "${4:-644}"
    rm -f "$STATE/coming"
}

# put_unit PATH COMMAND: a unit file or drop-in, which systemd reads before anything is started.
put_unit() {
    put_pending "$1" reload "$2"
}

reload_units() {
    is_pending reload || return 0
    systemctl daemon-reload
    settled reload
}

# service_on UNIT: enabled, and running with the configuration that it has now.
service_on() {
    reload_units
    added_once service "$1" "$(enabled "$1")" "$(active "$1")"
    if [ "$(enabled "$1")" != enabled ]; then
        change "enable $1"
        systemctl enable -q "$1" || fail "systemctl enable $1 failed"
    fi
    if [ "$(active "$1")" != active ] || is_pending "$1"; then
        change "start $1"
        systemctl restart "$1" || fail "systemctl restart $1 failed: $(journal_of "$1")"
        settled "$1"
    fi
}

journal_of() {
    journalctl -u "$1" -n 1 --no-pager -o cat 2>/dev/null || :
}

undo_service() {
    systemctl cat "$1" >/dev/null 2>&1 || return 0
    undo_changed=no
    if [ "$2" != enabled ] && [ "$(enabled "$1")" = enabled ]; then
        systemctl disable -q "$1" || :
        undo_changed=yes
    fi
    if [ "$3" != active ] && [ "$(active "$1")" = active ]; then
        systemctl stop "$1" || :
        undo_changed=yes
    fi
    [ "$3" != active ] || pending "$1" # it goes on, with its own configuration
    [ "$undo_changed" = no ] || removed service "$1"
}

# mask UNIT: stopped, and kept off.
mask() {
    [ "$(enabled "$1")" != masked ] || return 0
    added mask "$1" "$(active "$1")"
    change "mask $1"
    systemctl mask -q --now "$1" || fail "systemctl mask $1 failed"
}

undo_mask() {
    [ "$(enabled "$1")" = masked ] || return 0
    systemctl unmask -q "$1" || :
    [ "$2" != active ] || systemctl start "$1" || :
    removed mask "$1"
}
