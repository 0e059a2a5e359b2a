# shellcheck shell=sh
# The ledger: an append-only record of all that was added to this machine, one line each, on disk before the change.
#
#     KIND NAME [PREVIOUS...]      no part holds a space
#
# `undo` reads it backwards and calls undo_KIND NAME PREVIOUS... for each line. Such a function takes back what still
# stands as we left it, says `removed KIND NAME` or `left KIND NAME WHY`, and nothing where nothing stands any more.

# added KIND NAME [PREVIOUS...]
added() {
    if [ ! -f "$LEDGER" ]; then
        state_directory
    else
        ! grep -qxF -- "$*" "$LEDGER" || return 0
        # What a crash cut short names a change that was never made.
        [ -z "$(tail -c 1 "$LEDGER")" ] || echo >>"$LEDGER" || failed_write "$LEDGER"
    fi
    printf '%s\n' "$*" >>"$LEDGER" || failed_write "$LEDGER"
    flush "$LEDGER"
}

# added_once KIND NAME PREVIOUS...: only the first line of a kind and name counts, of a state that was there before us.
added_once() {
    recorded "$1" "$2" || added "$@"
}

recorded() {
    [ -f "$LEDGER" ] && grep -q "^$1 $(escaped "$2")\( \|$\)" "$LEDGER"
}

# Each line of KIND NAME, without the two.
records_of() {
    [ ! -f "$LEDGER" ] || sed -n "s/^$1 $(escaped "$2") //p" "$LEDGER"
}

# A name as a basic regular expression for sed and grep that finds it alone.
escaped() {
    printf '%s' "$1" | sed 's/[].[*^$/\\]/\\&/g'
}

# On disk, also after a power cut. Old versions of sync know no files.
flush() {
    sync "$1" 2>/dev/null || sync
}

removed() {
    say "removed $*"
}

# left KIND NAME WHY: what stays stays on record.
left() {
    say "left $*"
    left_any=yes
    grep "^$1 $(escaped "$2")\( \|$\)" "$LEDGER" >>"$STATE/kept"
}
