# shellcheck shell=sh
# etcd of this master: its members, by its API; snapshots, with the tools out of its own image.

ETCD_MANIFEST=$MANIFESTS/etcd.yaml
ETCD_DATA=/var/lib/etcd
ETCD_PKI=$PKI/etcd

etcd_members() {
    etcd_call cluster/member/list '{}'
}

# etcd_health URL...
etcd_health() {
    for url; do
        case $url in https://*) ;; *) end "$USAGE" "no client URL of etcd: $url" ;; esac
        say "$url $(health_of "$url")"
    done
}

health_of() {
    etcd_says=$(etcd_curl 4 "$1/health" 2>&1) || :
    case $etcd_says in
    *'"health":"true"'*) echo ok ;;
    *) printf '%s' "$etcd_says" | one_line ;;
    esac
}

# etcd_remove ID
etcd_remove() {
    case $1 in '' | *[!0-9]*) end "$USAGE" "no ID of a member: $1" ;; esac
    case $(etcd_members) in
    *"\"ID\":\"$1\""*) etcd_call cluster/member/remove "{\"ID\":\"$1\"}" >/dev/null && say "removed member $1" ;;
    *) say 'already done' ;;
    esac
}

# etcd_call PATH JSON: what etcd's API answers; ends the program if that is no success.
etcd_call() {
    must_have_etcd
    etcd_status=0
    etcd_says=$(etcd_curl 15 -w '\n%{http_code}' -X POST -d "$2" "https://127.0.0.1:2379/v3/$1" 2>&1) || etcd_status=$?
    case $etcd_status:$etcd_says in
    0:*"$NEWLINE"200) printf '%s\n' "${etcd_says%"$NEWLINE"200}" ;;
    *) fail "etcd's API, $1: $(printf '%s\n' "$etcd_says" | grep -v '^[0-9]*$' | one_line)" ;;
    esac
}

# etcd_curl SECONDS ARGUMENT...
etcd_curl() {
    etcd_seconds=$1
    shift
    etcd_client=$ETCD_PKI/healthcheck-client
    [ -e "$etcd_client.crt" ] || etcd_client=$PKI/apiserver-etcd-client
    curl -sS --noproxy '*' --max-time "$etcd_seconds" --cacert "$ETCD_PKI/ca.crt" --cert "$etcd_client.crt" \
        --key "$etcd_client.key" "$@"
}

must_have_etcd() {
    [ -e "$ETCD_MANIFEST" ] || fail "$ETCD_MANIFEST is not on this machine: it runs no etcd"
}

# etcd_tool MANIFEST DIRECTORY PROGRAM ARGUMENT...: a program out of the manifest's image, with the host's network.
# It sees DIRECTORY as /work, and etcd's certificates as /pki.
etcd_tool() {
    tool_image=$(image_of "$1") tool_work=$2
    shift 2
    image_is_here "$tool_image" || pull_images "$tool_image" 0
    tool_name=craton-etcd-$$
    timeout 300 ctr -n k8s.io run --rm --net-host \
        --mount "type=bind,src=$ETCD_PKI,dst=/pki,options=rbind:ro" \
        --mount "type=bind,src=$tool_work,dst=/work,options=rbind:rw" \
        "$tool_image" "$tool_name" "$@" </dev/null || {
        tool_status=$?
        ctr -n k8s.io tasks rm -f "$tool_name" >/dev/null 2>&1 || :
        ctr -n k8s.io containers rm "$tool_name" >/dev/null 2>&1 || :
        return "$tool_status"
    }
}

# etcd_snapshot FILE
etcd_snapshot() {
    case $1 in /*) ;; *) end "$USAGE" "no absolute path: $1" ;; esac
    must_have_etcd
    umask 077
    state_directory
    snapshot_work=$(mktemp -d "$STATE/snapshot.XXXXXX") || failed_write "$STATE/snapshot"
    etcd_tool "$ETCD_MANIFEST" "$snapshot_work" etcdctl --endpoints https://127.0.0.1:2379 --cacert /pki/ca.crt \
        --cert /pki/healthcheck-client.crt --key /pki/healthcheck-client.key snapshot save /work/snapshot \
        >"$snapshot_work/output" 2>&1 || snapshot_failed 'etcdctl snapshot save failed'
    snapshot_revision=$(revision_of "$ETCD_MANIFEST" "$snapshot_work") || snapshot_failed 'the snapshot is not whole'
    chmod 600 "$snapshot_work/snapshot"
    mkdir -p "$(dirname "$1")" && mv -f "$snapshot_work/snapshot" "$1" || failed_write "$1"
    rm -rf "$snapshot_work"
    flush "$1"
    say "$1 $(sum_of "$1") $snapshot_revision"
}

snapshot_failed() {
    snapshot_words=$(one_line <"$snapshot_work/output")
    rm -rf "$snapshot_work"
    fail "$1: $snapshot_words"
}

# revision_of MANIFEST DIRECTORY: that of DIRECTORY/snapshot, if it is whole.
revision_of() {
    etcd_tool "$1" "$2" etcdutl snapshot status /work/snapshot -w json >"$2/status" 2>"$2/output" || return 1
    sed -n 's/.*"revision":\([0-9]*\).*/\1/p' "$2/status" | grep .
}
