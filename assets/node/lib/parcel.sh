# shellcheck shell=sh
# Parcels: several files on stdin, each after a line `#file NAME`. They may hold secrets.

PARCEL=$STATE/parcel

# take_parcel NAME...: the files on stdin under $PARCEL; others than these are refused.
take_parcel() {
    rm -rf "$PARCEL"
    (umask 077 && mkdir "$PARCEL") || failed_write "$PARCEL"
    parcel_file=''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        '#file '*)
            parcel_file=${line#'#file '}
            is_among "$parcel_file" "$@" || refuse_parcel "no file of this payload: $parcel_file"
            [ ! -e "$PARCEL/$parcel_file" ] || refuse_parcel "twice in this payload: $parcel_file"
            : >"$PARCEL/$parcel_file" || failed_write "$PARCEL/$parcel_file"
            ;;
        *)
            [ -n "$parcel_file" ] || refuse_parcel 'a payload on stdin begins with a line: #file NAME'
            printf '%s\n' "$line" >>"$PARCEL/$parcel_file" || failed_write "$PARCEL/$parcel_file"
            ;;
        esac
    done
}

refuse_parcel() {
    drop_parcel
    end "$USAGE" "$*"
}

drop_parcel() {
    rm -rf "$PARCEL"
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
