# shellcheck shell=sh
# The lease: which computer works on this machine's cluster. It is kept on the first master, so that a second computer
# finds it there; a machine that no cluster has claimed keeps none. One line: ID SINCE RENEWED OWNER, both times in
# seconds of this machine's own clock.

LEASE=$STATE/lease

# verb_lease take|seize|show|drop ID OWNER: says who holds it afterwards. Nobody waits for a verb that is at work.
verb_lease() {
    [ -f "$STATE/claim" ] && lease_lock && [ -f "$STATE/claim" ] || { say 'holder=' && return; }
    holder='' since='' renewed='' owner='' now=$(date +%s)
    [ ! -s "$LEASE" ] || read -r holder since renewed owner <"$LEASE"
    case $1 in
    show) ;;
    take | seize) [ -n "$holder" ] && [ "$holder" != "$2" ] && [ "$1" = take ] || keep_lease "$2" "$3" ;;
    drop) [ "$holder" != "$2" ] || { rm -f "$LEASE" && holder=''; } ;;
    *) end "$USAGE" "no such verb: lease $1" ;;
    esac
    [ -n "$holder" ] || { say 'holder=' && return; }
    printf 'holder=%s\nsince=%s\nrenewed=%s\nnow=%s\nowner=%s\n' "$holder" "$since" "$renewed" "$now" "$owner"
}

lease_lock() {
    exec 7<"$STATE"
    flock -w 20 7 || end "$BUSY" 'the lease is busy'
}

keep_lease() {
    [ "$holder" = "$1" ] || since=$now
    holder=$1 renewed=$now owner=$2
    printf '%s %s %s %s\n' "$holder" "$since" "$renewed" "$owner" >"$LEASE.new" && mv -f "$LEASE.new" "$LEASE" || failed_write "$LEASE"
    flush "$LEASE"
}
