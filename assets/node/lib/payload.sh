# shellcheck shell=sh
# Payloads: several files on stdin, each after a line `#file NAME`. They may hold secrets.

PAYLOAD=$STATE/payload

# take_payload NAME...: the files on stdin under $PAYLOAD; others than these are refused.
take_payload() {
    rm -rf "$PAYLOAD"
    (umask 077 && mkdir "$PAYLOAD") || failed_write "$PAYLOAD"
    payload_file=''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        '#file '*)
            payload_file=${line#'#file '}
            is_among "$payload_file" "$@" || refuse_payload "no file of this payload: $payload_file"
            [ ! -e "$PAYLOAD/$payload_file" ] || refuse_payload "twice in this payload: $payload_file"
            : >"$PAYLOAD/$payload_file" || failed_write "$PAYLOAD/$payload_file"
            ;;
        *)
            [ -n "$payload_file" ] || refuse_payload 'a payload on stdin begins with a line: #file NAME'
            printf '%s\n' "$line" >>"$PAYLOAD/$payload_file" || failed_write "$PAYLOAD/$payload_file"
            ;;
        esac
    done
}

refuse_payload() {
    drop_payload
    end "$USAGE" "$*"
}

drop_payload() {
    rm -rf "$PAYLOAD"
}

# is_among WORD WORD...
is_among() {
    among_word=$1
    shift
    for among; do
        [ "$among" != "$among_word" ] || return 0
    done
    return 1
}
