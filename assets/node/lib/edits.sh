# shellcheck shell=sh
# Edits: our part of a file that is somebody else's, such as /etc/hosts.
#
# Of each kind, with_KIND adds our part to the text on stdin and without_KIND takes it out. In the undo log:
# KIND PATH PREVIOUS SUM, where PREVIOUS names the text without our part under saved/ (`=`: as on the line before).

# edit KIND PATH
edit() {
    exists "$2" || put_file "$2" 644 true
    edit_path=$(readlink -f "$2")
    edit_base=$STATE/edit.base edit_new=$STATE/edit.new
    "without_$1" <"$edit_path" >"$edit_base" || failed_write "$edit_base"
    "with_$1" <"$edit_base" >"$edit_new" || failed_write "$edit_new"
    if ! cmp -s "$edit_new" "$edit_path"; then
        edit_previous='='
        if ! is_ours "$1" "$edit_path"; then
            edit_previous=$(saved_name "$edit_path")
            save_base "$edit_path" "$edit_previous"
        fi
        added "$1" "$edit_path" "$edit_previous" "$(sum_of "$edit_new")"
        change "edit $edit_path"
        replace "$edit_new" "$edit_path"
    fi
    rm -f "$edit_base" "$edit_new"
}

# save_base PATH NAME: PATH without our part; to the byte as it was, where it holds none.
save_base() {
    save "$1" "$2"
    edit_flat=$(tail -c 1 "$1")
    [ -n "$edit_flat" ] || cmp -s "$edit_base" "$1" || cat "$edit_base" >"$STATE/saved/$2" || failed_write "$STATE/saved/$2"
    flush "$STATE/saved/$2"
}

# undo_edit KIND PATH: exactly what was before, or only our part out, if others changed the file since.
undo_edit() {
    drop_staged "$2"
    [ -f "$2" ] || return 0
    undo_previous=$(previous_of "$1" "$2")
    if is_ours "$1" "$2"; then
        put_back "$2" "$undo_previous"
        return
    fi
    "without_$1" <"$2" >"$STATE/edit.base" || failed_write "$STATE/edit.base"
    if ! cmp -s "$STATE/edit.base" "$2" && ! is_saved "$2" "$undo_previous"; then
        replace "$STATE/edit.base" "$2"
        removed change "$2"
    fi
    rm -f "$STATE/edit.base"
}
