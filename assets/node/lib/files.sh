# shellcheck shell=sh
# Files: written atomically, only if different, with what was there before kept so that undo can put it back.
#
# In the undo log: file PATH PREVIOUS SUM. PREVIOUS is the name of the old content under saved/, `-` where there was no
# file, `=` where the old content was ours too. SUM is of the new content: a file with another one is somebody else's.

# put_file PATH MODE COMMAND [ARGUMENT...]: the content is what the command says. Not a pipeline, whose end would be a
# shell of its own, and what it changes nobody's business.
put_file() {
    put_path=$1 put_mode=$2
    shift 2
    "$@" >"$STATE/new" || failed_write "$STATE/new"
    put "$STATE/new" "$put_path" "$put_mode"
    rm -f "$STATE/new"
}

# put SOURCE PATH MODE: PATH gets SOURCE's content. One of ours that has it already gets the mode.
put() {
    ! has_content "$1" "$2" "$3" || return 0
    make_directory "${2%/*}"
    note_put "$2" "$(sum_of "$1")"
    flush_log
    change "write $2"
    replace "$1" "$2" "$3"
}

# put_all DIRECTORY SUMS: the same for many programs, each on a line of sha256sum in the file SUMS, with one wait for the
# disk before any change, and one before the first takes its place.
put_all() {
    put_into=$1 put_sums=$2
    set --
    while read -r _ put_source; do
        has_content "$put_source" "$put_into/${put_source##*/}" 755 || set -- "$@" "$put_source"
    done <"$put_sums"
    [ $# -gt 0 ] || return 0
    make_directory "$put_into"
    while read -r put_sum put_source; do
        ! is_among "$put_source" "$@" || note_put "$put_into/${put_source##*/}" "$put_sum"
    done <"$put_sums"
    flush_log
    for put_source; do
        shift
        stage_new "$put_source" "$put_into/${put_source##*/}" 755
        set -- "$@" "$staged_path"
    done
    flush "$@"
    for staged_path; do
        put_path=$put_into/${staged_path##*/.craton-new.}
        change "write $put_path"
        move "$staged_path" "$put_path"
    done
}

# has_content SOURCE PATH MODE: PATH has SOURCE's content, and the mode if it is ours.
has_content() {
    [ -f "$2" ] && cmp -s "$1" "$2" || return 1
    ! is_ours file "$2" || set_mode "$3" "$2"
}

# note_put PATH SUM: the undo log says what PATH will be, and what becomes of the file that is there.
note_put() {
    if ! exists "$1"; then
        put_previous=-
    elif is_ours file "$1"; then
        put_previous='='
    else
        put_previous=$(saved_name "$1")
        save "$1" "$put_previous"
    fi
    note file "$1" "$put_previous" "$2"
}

# set_mode MODE PATH
set_mode() {
    [ "$(stat -c %a "$2")" != "$1" ] || return 0
    change "chmod $1 $2"
    chmod "$1" "$2" || failed_write "$2"
}

# is_ours KIND PATH: PATH holds what we wrote.
is_ours() {
    [ -f "$2" ] && recorded "$1" "$2" || return 1
    ours=$(sum_of "$2")
    case $(records_of "$1" "$2")$NEWLINE in *" $ours$NEWLINE"*) return 0 ;; *) return 1 ;; esac
}

# The file under saved/ that keeps PATH's old content: a number behind it, if there was other content before.
saved_name() {
    saved_base=$(printf '%s' "${1#/}" | tr / %)
    saved_count=0
    [ ! -f "$UNDO_LOG" ] || saved_count=$(grep -c " $(escaped "$saved_base")\(\.[0-9]*\)\{0,1\} " "$UNDO_LOG") || :
    printf '%s.%s' "$saved_base" "$saved_count"
}

# save PATH NAME: keep PATH, with mode, owner and times, as saved/NAME.
save() {
    mkdir -p "$STATE/saved" || failed_write "$STATE/saved"
    cp -pP "$1" "$STATE/saved/$2" || failed_write "$STATE/saved/$2"
    [ -L "$1" ] || flush "$STATE/saved/$2"
}

# staged PATH: sets staged_path, where the new content of PATH is made ready.
staged() {
    staged_path=${1%/*}/.craton-new.${1##*/}
}

# drop_staged PATH: what a killed run made ready.
drop_staged() {
    staged "$1"
    ! exists "$staged_path" || rm -f "$staged_path"
}

# replace SOURCE PATH [MODE]: in one step, except where PATH is a mount point (containers). Without MODE, PATH keeps its
# mode and owner.
replace() {
    stage_new "$@"
    flush "$staged_path"
    move "$staged_path" "$2"
}

# stage_new SOURCE PATH [MODE]: make ready what `move` puts in place; sets staged_path.
stage_new() {
    staged "$2"
    if [ -n "${3:-}" ]; then
        cp "$1" "$staged_path" && chmod "$3" "$staged_path" || failed_write "$2"
    else
        cp -p "$2" "$staged_path" && cat "$1" >"$staged_path" || failed_write "$2"
    fi
}

# move STAGED PATH
move() {
    if [ -f "$2" ] && [ ! -L "$2" ] && mountpoint -q "$2" 2>/dev/null; then
        cat "$1" >"$2" || failed_write "$2"
        rm -f "$1"
    else
        mv -fT "$1" "$2" || failed_write "$2"
    fi
    ! has restorecon || restorecon "$2" 2>/dev/null || :
}

# make_directory PATH: and its parents; those that were not there are on record.
make_directory() {
    [ ! -d "${1:-/}" ] || return 0
    make_directory "${1%/*}"
    added directory "$1"
    mkdir "$1" 2>/dev/null || [ -d "$1" ] || failed_write "$1"
}

# make_link PATH TARGET, where there is nothing at PATH.
make_link() {
    ! exists "$1" || return 0
    make_directory "${1%/*}"
    added link "$1" "$2"
    change "link $1 to $2"
    ln -s "$2" "$1" || failed_write "$1"
}

# withdraw PATH: a file of ours that isn't wanted any more. Its lines in the undo log stay, and name nothing that exists.
withdraw() {
    ! is_ours file "$1" || { change "remove $1" && undo_file "$1" >/dev/null; }
}

# The name under saved/ of the newest content of PATH that was not ours, or `-`.
previous_of() {
    previous=''
    while read -r previous_one _; do
        case $previous_one in *=*) ;; *) previous=$previous_one ;; esac
    done <<END
$(records_of "$1" "$2")
END
    say "$previous"
}

undo_file() {
    drop_staged "$1"
    undo_previous=$(previous_of file "$1")
    if ! exists "$1"; then
        [ "$undo_previous" = - ] || left file "$1" 'it was removed since; what was there before us is kept'
    elif is_ours file "$1"; then
        put_back "$1" "$undo_previous"
    elif [ "$undo_previous" = - ] || ! is_saved "$1" "$undo_previous"; then
        left file "$1" 'it was changed since'
    fi
}

# put_back PATH PREVIOUS: what was there before us, or nothing.
put_back() {
    if [ "$2" = - ]; then
        rm -f "$1" || failed_write "$1"
        removed file "$1"
    else
        staged "$1"
        cp -pP "$STATE/saved/$2" "$staged_path" || failed_write "$1"
        move "$staged_path" "$1"
        removed change "$1"
    fi
}

# is_saved PATH NAME: PATH is as it was before us.
is_saved() {
    if [ -L "$STATE/saved/$2" ]; then
        [ "$(readlink "$1")" = "$(readlink "$STATE/saved/$2")" ]
    else
        cmp -s "$1" "$STATE/saved/$2"
    fi
}

undo_directory() {
    [ -d "$1" ] || return 0
    if rmdir "$1" 2>/dev/null; then
        removed directory "$1"
    else
        left directory "$1" 'it is not empty'
    fi
}

undo_link() {
    exists "$1" || return 0
    if [ "$(readlink "$1")" = "$2" ]; then
        rm -f "$1"
        removed link "$1"
    else
        left link "$1" 'it was changed since'
    fi
}

# own_data PATH: what others will put there comes from us, if nothing is there yet.
own_data() {
    exists "$1" || added data "$1"
}

undo_data() {
    exists "$1" || return 0
    while read -r _ _ _ _ undo_mount _; do
        case $undo_mount in "$1" | "$1"/*) umount -l "$undo_mount" 2>/dev/null || : ;; esac
    done </proc/self/mountinfo
    if rm -rf "$1" 2>/dev/null; then
        removed data "$1"
    else
        left data "$1" 'something still uses it'
    fi
}
