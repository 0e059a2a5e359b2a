# shellcheck shell=sh
# Undo: the undo log backwards. What others changed since is left, named, and stays on record.

verb_undo() {
    if [ ! -f "$UNDO_LOG" ]; then
        say unchanged
        return
    fi
    rm -f "$STATE/prepared"
    case $(member):$(cat "$BEGUN" 2>/dev/null) in
    : | another:*) ;;
    *) clean_up ;;
    esac
    : >"$STATE/kept"
    left_any=no
    sed '1!G;h;$!d' "$UNDO_LOG" >"$STATE/backwards"
    undo_seen=$NEWLINE
    while read -r kind name rest; do
        case $undo_seen in *"$NEWLINE$kind $name$NEWLINE"*) continue ;; esac
        undo_seen="$undo_seen$kind $name$NEWLINE"
        undo_one "$kind" "$name" "$rest"
    done <"$STATE/backwards"
    settle
    forget
}

# undo_one KIND NAME REST. Nothing that it runs may read the list.
undo_one() {
    case $1 in
    account | data | directory | file | firewall | fstab | link | login | mask | module | names | namespace | package | service | setting | swap)
        # shellcheck disable=SC2086 # words
        "undo_$1" "$2" $3 </dev/null
        ;;
    *) left "$1" "$2" 'this version of craton-node does not know it' ;;
    esac
}

undo_firewall() {
    if [ -e "$FIREWALL_FILE" ] || [ -e "$FIREWALL_UNIT" ] || nft list table inet craton >/dev/null 2>&1; then
        firewall_remove
    fi
}

# Units are as they were before: let systemd know, and let containerd run with its own configuration again.
settle() {
    [ "$(active kubelet.service)" = active ] || systemctl stop kubepods.slice 2>/dev/null || :
    systemctl daemon-reload || :
    ! is_pending containerd.service || systemctl restart containerd.service || :
}

# Only the claim, and what was left, stay on record.
forget() {
    if [ "$left_any" = yes ]; then
        mv -f "$STATE/kept" "$UNDO_LOG"
    else
        rm -rf "$UNDO_LOG" "$STATE/saved"
    fi
    find "$STATE" -mindepth 1 -maxdepth 1 ! -name ledger ! -name saved ! -name claim ! -name lock -exec rm -rf {} +
}
