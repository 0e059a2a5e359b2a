# shellcheck shell=sh
# The undo log: an append-only record of all that was added to this machine, one line each, on disk before the change.
#
#     KIND NAME [PREVIOUS...]      no part holds a space
#
# `undo` reads it backwards and calls undo_KIND NAME PREVIOUS... for each line. Such a function removes what still
# stands as we left it, says `removed KIND NAME` or `left KIND NAME WHY`, and nothing where nothing is left.

# added KIND NAME [PREVIOUS...]
added() {
    if [ ! -f "$UNDO_LOG" ]; then
        state_directory
    else
        ! grep -qxF -- "$*" "$UNDO_LOG" || return 0
        # What a crash cut short names a change that was never made.
        [ -z "$(tail -c 1 "$UNDO_LOG")" ] || echo >>"$UNDO_LOG" || failed_write "$UNDO_LOG"
    fi
    printf '%s\n' "$*" >>"$UNDO_LOG" || failed_write "$UNDO_LOG"
    flush "$UNDO_LOG"
}

# added_once KIND NAME PREVIOUS...: only the first line of a kind and name counts, of a state that was there before us.
added_once() {
    recorded "$1" "$2" || added "$@"
}

recorded() {
    [ -f "$UNDO_LOG" ] && grep -q "^$1 $(escaped "$2")\( \|$\)" "$UNDO_LOG"
}

# Each line of KIND NAME, without the two.
records_of() {
    [ ! -f "$UNDO_LOG" ] || sed -n "s/^$1 $(escaped "$2") //p" "$UNDO_LOG"
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
    grep "^$1 $(escaped "$2")\( \|$\)" "$UNDO_LOG" >>"$STATE/kept"
}
