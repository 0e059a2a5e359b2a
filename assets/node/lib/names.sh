# shellcheck shell=sh
# The names that machines know each other by, in a block of /etc/hosts that is ours.

prepare_names() {
    HOSTS=$HOSTS$(api_names && echo .)
    HOSTS=${HOSTS%.}
    edit names /etc/hosts
    drop_api_proxy
}

with_names() {
    edit_text=$(cat && echo .)
    edit_text=${edit_text%.}
    printf '%s' "$edit_text"
    case $edit_text in '' | *"$NEWLINE") ;; *) echo ;; esac
    own=${ADDRESS:+$ADDRESS $MACHINE$NEWLINE}
    case $HOSTS in *"$own"*) own='' ;; esac # a master is among the names already
    printf '# BEGIN craton %s\n%s%s# END craton\n' "$CLUSTER" "$HOSTS" "$own"
}

# A block whose end is gone is no block: nothing after it is taken for ours.
without_names() {
    awk '/^# BEGIN craton / && !inside { inside = 1; held = ""; }
        inside { held = held $0 "\n"; if ($0 == "# END craton") { inside = 0; held = "" } next }
        { print }
        END { printf "%s", held }'
}

undo_names() {
    undo_edit names "$1"
}
