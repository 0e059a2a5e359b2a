# shellcheck shell=sh
# Artifacts: fetched, checked against the sum that was reviewed, put in place. Nothing is executed before its sum matched.
#
# artifacts/PATH is a file whose sum matched or is yet to be checked, artifacts/PATH.part one that is still coming.
# installed/NAME records what was put in place: the artifact's sum, then lines of sha256sum.

# select_artifact NAME: sets artifact_path, artifact_sum and artifact_url for this machine's architecture.
select_artifact() {
    artifact_path='' artifact_arch=${artifact_arch:-$(architecture)}
    while read -r name arch path sum url; do
        [ "$name" = "$1" ] && [ "$arch" = "$artifact_arch" ] || continue
        artifact_path=$path artifact_sum=$sum artifact_url=$url
    done <<END
$ARTIFACTS
END
    [ -n "$artifact_path" ] || end "$UNTRUSTED" "no $1 for $artifact_arch is in the configuration"
}

# is_installed NAME: what the configuration wants is in place, to the last bit.
is_installed() {
    select_artifact "$1"
    installed=$STATE/installed/$1
    [ -f "$installed" ] && [ "$(head -n 1 "$installed")" = "$artifact_sum" ] || return 1
    installed_files=$(tail -n +2 "$installed" | cut -c 67-)
    # shellcheck disable=SC2086 # a list of paths
    [ -n "$installed_files" ] && [ "$(tail -n +2 "$installed")" = "$(sums_of $installed_files 2>/dev/null)" ]
}

# install_artifact NAME DIRECTORY [MEMBER...]: a program into DIRECTORY; of an archive, the members, or all files.
install_artifact() {
    ! is_installed "$1" || return 0
    fetch "$artifact_path" "$artifact_sum" "$artifact_url"
    install_name=$1 install_into=$2
    shift 2
    unpacked=$STATE/unpacked
    rm -rf "$unpacked"
    mkdir -p "$unpacked" "$STATE/installed" || failed_write "$unpacked"
    case $artifact_path in
    *.tar.gz | *.tgz)
        tar -xzf "$fetched" -C "$unpacked" "$@" || failed_write "$unpacked/$install_name"
        find "$unpacked" -type f -perm -100 >"$STATE/unpacked.list"
        set --
        while IFS= read -r file; do
            set -- "$@" "$file"
        done <"$STATE/unpacked.list"
        sums_of "$@" </dev/null >"$STATE/unpacked.sums" || failed_write "$STATE/unpacked.sums"
        rm -f "$STATE/unpacked.list"
        ;;
    *)
        { ln "$fetched" "$unpacked/$install_name" 2>/dev/null || cp "$fetched" "$unpacked/$install_name"; } &&
            chmod 755 "$unpacked/$install_name" || failed_write "$unpacked/$install_name"
        echo "$artifact_sum  $unpacked/$install_name" >"$STATE/unpacked.sums" || failed_write "$STATE/unpacked.sums"
        ;;
    esac
    put_all "$install_into" "$STATE/unpacked.sums"
    # Of what was unpacked, and so of what the disk is to have.
    { echo "$artifact_sum" && sed "s|  .*/|  $install_into/|" "$STATE/unpacked.sums"; } \
        >"$STATE/installed/$install_name.new" &&
        mv -f "$STATE/installed/$install_name.new" "$STATE/installed/$install_name" || failed_write "$STATE/installed"
    rm -rf "$unpacked" "$STATE/unpacked.sums"
    change "installed $install_name"
}

# fetch PATH SUM URL: sets `fetched` to a file with that sum.
fetch() {
    [ "$2" != - ] || end "$UNTRUSTED" "no SHA-256 sum of $1 is on record: nothing is run that was not reviewed"
    fetched=$STATE/artifacts/$1
    mkdir -p "${fetched%/*}" || failed_write "$fetched"
    if [ ! -f "$fetched" ]; then
        [ "$3" != - ] || end "$UNREACHABLE" "$1 is on no mirror: give --artifacts the directory that has it"
        resumed=no
        [ ! -s "$fetched.part" ] || resumed=yes
        download "$3" "$fetched.part"
        # What was resumed may be the head of another file: from the start, once.
        if [ "$resumed" = yes ] && [ "$(sum_of "$fetched.part")" != "$2" ]; then
            rm -f "$fetched.part"
            download "$3" "$fetched.part"
        fi
        mv -f "$fetched.part" "$fetched"
    fi
    fetched_sum=$(sum_of "$fetched")
    if [ "$fetched_sum" != "$2" ]; then
        rm -f "$fetched"
        end "$UNTRUSTED" "$1 from $3 has the SHA-256 sum $fetched_sum, expected $2"
    fi
    say "${1##*/}: its SHA-256 sum matches"
}

# download URL FILE: the rest of FILE, or all of it. Tried again while that may help, and while it gets on.
download() {
    has curl || end "$UNREACHABLE" "curl is not installed, and $1 is not on the machine"
    say "download $1"
    download_now=$(date +%s) download_wait=1
    download_end=$((download_now + DOWNLOAD_SECONDS))
    while ! download_once "$1" "$2"; do
        download_now=$(date +%s)
        [ "$download_now" -lt $((download_end - download_wait)) ] ||
            end "$UNREACHABLE" "$1: $download_seen; not whole after $DOWNLOAD_SECONDS s"
        [ "$download_wait" -le 16 ] || end "$UNREACHABLE" "$1: $download_seen"
        say "$download_seen; again in $download_wait s"
        sleep "$download_wait"
        download_now=$((download_now + download_wait))
        download_wait=$((download_wait * 2))
    done
}

download_once() {
    size_before=$(size_of "$2") status=0
    # From https nothing leads to http, as on the installer's computer.
    case $1 in https://*) schemes=https ;; *) schemes=http,https ;; esac
    code=$(curl -sS -f -L --proto "=$schemes" --proto-redir "=$schemes" --max-redirs 10 \
        --connect-timeout 15 --speed-limit 1024 --speed-time 30 --max-time $((download_end - download_now + 1)) \
        -C - -o "$2" -w '%{http_code} %{url_effective}' "$1" 2>"$STATE/curl.err") || status=$?
    led_to=${code#* } code=${code%% *}
    download_seen=$(tail -n 1 "$STATE/curl.err")
    rm -f "$STATE/curl.err"
    [ "$(size_of "$2")" -le "$size_before" ] || download_wait=1
    case $status:$code in
    0:* | *:416) return 0 ;; # 416: all of it had come already
    23:*) failed_write "$2" ;;
    1:*) end "$UNREACHABLE" "GET $1: it redirects to $led_to, which is not $schemes" ;;
    3:* | 47:*) end "$UNREACHABLE" "GET $1: $download_seen" ;; # a redirect to no address, or too many
    33:*) rm -f "$2" ;; # the server cannot resume
    22:408 | 22:425 | 22:429 | 22:5*) download_seen="HTTP status $code" ;;
    22:*) end "$UNREACHABLE" "GET $1: HTTP status $code" ;;
    esac
    return 1
}

size_of() {
    if [ -f "$1" ]; then wc -c <"$1"; else echo 0; fi
}

# Downloads and package managers find the proxy in the environment.
use_proxy() {
    [ -n "$PROXY" ] || return 0
    export http_proxy="$PROXY" https_proxy="$PROXY" HTTP_PROXY="$PROXY" HTTPS_PROXY="$PROXY"
    export no_proxy="$NO_PROXY" NO_PROXY
}
