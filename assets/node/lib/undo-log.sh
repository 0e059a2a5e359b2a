# shellcheck shell=sh
# The undo log: an append-only record of all that was added to this machine, one line each, on disk before the change.
#
#     KIND NAME [PREVIOUS...]      no part holds a space
#
# `undo` reads it backwards and calls undo_KIND NAME PREVIOUS... for each line. Such a function removes what still
# stands as we left it, says `removed KIND NAME` or `left KIND NAME WHY`, and nothing where nothing is left.

# What it holds is read once, as long as this program alone writes it: a prepare looks there some hundred times.

log_lines='' log_read=no log_flushed=yes

# Sets log_lines: a line break, then all lines, each with its own.
read_log() {
    [ "$log_read" = no ] || return 0
    log_read=yes log_lines=$NEWLINE
    [ ! -s "$UNDO_LOG" ] || log_lines=$NEWLINE$(cat "$UNDO_LOG")$NEWLINE
}

# After a shell of its own may have written it.
read_log_again() {
    log_read=no
}

# added KIND NAME [PREVIOUS...]
added() {
    note "$@"
    flush_log
}

# note KIND NAME [PREVIOUS...]: for several changes at once, which wait for one flush_log.
note() {
    read_log
    case $log_lines in *"$NEWLINE$*$NEWLINE"*) return 0 ;; esac
    if [ "$log_lines" = "$NEWLINE" ]; then
        state_directory
    elif [ "$log_read" = yes ]; then
        # What a crash cut short names a change that was never made.
        [ -z "$(tail -c 1 "$UNDO_LOG")" ] || echo >>"$UNDO_LOG" || failed_write "$UNDO_LOG"
    fi
    printf '%s\n' "$*" >>"$UNDO_LOG" || failed_write "$UNDO_LOG"
    log_read=written log_lines=$log_lines$*$NEWLINE log_flushed=no
}

# All lines are on disk.
flush_log() {
    [ "$log_flushed" = no ] || return 0
    flush "$UNDO_LOG"
    log_flushed=yes
}

# added_once KIND NAME PREVIOUS...: only the first line of a kind and name counts, of a state that was there before us.
added_once() {
    recorded "$1" "$2" || added "$@"
}

recorded() {
    read_log
    case $log_lines in
    *"$NEWLINE$1 $2 "* | *"$NEWLINE$1 $2$NEWLINE"*) return 0 ;;
    *) return 1 ;;
    esac
}

# Each line of KIND NAME, without the two.
records_of() {
    read_log
    IFS=$NEWLINE
    set -f
    for records_line in $log_lines; do
        case $records_line in "$1 $2 "*) say "${records_line#"$1 $2 "}" ;; esac
    done
    set +f
    unset IFS
}

# A name as a basic regular expression for sed and grep that finds it alone.
escaped() {
    printf '%s' "$1" | sed 's/[].[*^$/\\]/\\&/g'
}

# On disk, also after a power cut. Old versions of sync know no files.
flush() {
    sync "$@" 2>/dev/null || sync
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
