# shellcheck shell=sh
# This master's etcd, rebuilt from a snapshot. Cut off at any point, it goes on where it was.
#
# $RESTORING holds the time of its beginning as long as it is under way; what was etcd's data is then kept aside under
# that time. The manifests of the control plane wait in $ASIDE, next to the directory where the kubelet looks for them.

RESTORING=$STATE/restoring
ASIDE=/etc/kubernetes/craton-aside

# etcd_restore FILE
etcd_restore() {
    lock 600
    [ -s "$1" ] || fail "$1 is not on this machine, or empty"
    [ -e "$ASIDE/etcd.yaml" ] || must_have_etcd
    umask 077
    say 'stage 1 5 the snapshot is checked'
    check_snapshot "$1"
    [ -s "$RESTORING" ] || { date +%Y%m%d%H%M%S >"$RESTORING.new" && mv -f "$RESTORING.new" "$RESTORING"; } ||
        failed_write "$RESTORING"
    flush "$RESTORING"
    kept=$ETCD_DATA.before-restore-$(cat "$RESTORING")
    say 'stage 2 5 the control plane stops'
    stop_control_plane
    say 'stage 3 5 what etcd had is kept aside'
    keep_etcd_data
    say 'stage 4 5 the snapshot becomes etcd'
    restore_etcd_data
    say 'stage 5 5 the control plane starts'
    start_control_plane
    rm -rf "$RESTORING" "$RESTORING.kept" "$STATE/restore"
    say "kept $kept"
}

# The manifest that says how this etcd is run, wherever it is now.
etcd_manifest() {
    if [ -e "$ASIDE/etcd.yaml" ]; then say "$ASIDE/etcd.yaml"; else say "$ETCD_MANIFEST"; fi
}

check_snapshot() {
    mkdir -p "$STATE/restore" && cp "$1" "$STATE/restore/snapshot" || failed_write "$STATE/restore"
    if ! revision=$(revision_of "$(etcd_manifest)" "$STATE/restore"); then
        snapshot_words=$(one_line <"$STATE/restore/output")
        rm -rf "$STATE/restore"
        fail "$1 is no whole snapshot of etcd: $snapshot_words"
    fi
    say "revision $revision"
}

stop_control_plane() {
    mkdir -p "$ASIDE"
    for name in $STATIC_PODS; do
        [ ! -e "$MANIFESTS/$name.yaml" ] || mv -f "$MANIFESTS/$name.yaml" "$ASIDE/$name.yaml" || failed_write "$ASIDE"
    done
    stop_end=$(($(date +%s) + 180))
    for name in kube-apiserver etcd; do
        while [ -n "$(timeout 20 crictl ps --name "^$name\$" -q)" ]; do
            [ "$(date +%s)" -lt "$stop_end" ] || fail "the container $name still runs, 180 s after its manifest was taken away"
            sleep 1
        done
    done
}

keep_etcd_data() {
    [ ! -e "$RESTORING.kept" ] || return 0
    own_data "$kept"
    rm -rf "$kept" # the beginning of a move that was cut off
    mkdir -p "$kept"
    [ ! -e "$ETCD_DATA/member" ] || mv "$ETCD_DATA/member" "$kept/member" || failed_write "$kept"
    : >"$RESTORING.kept"
    flush "$RESTORING.kept"
}

# Revisions go on far beyond those that the cluster has seen: nobody takes what is old for new.
restore_etcd_data() {
    etcd_name=$(flag_of "$(etcd_manifest)" name) etcd_peer=$(flag_of "$(etcd_manifest)" initial-advertise-peer-urls)
    rm -rf "$STATE/restore/data"
    etcd_tool "$(etcd_manifest)" "$STATE/restore" etcdutl snapshot restore /work/snapshot --data-dir /work/data \
        --name "$etcd_name" --initial-cluster "$etcd_name=$etcd_peer" --initial-advertise-peer-urls "$etcd_peer" \
        --initial-cluster-token "craton-$(cat "$RESTORING")" --bump-revision 1000000000 --mark-compacted \
        >"$STATE/restore/output" 2>&1 || fail "etcdutl snapshot restore failed: $(one_line <"$STATE/restore/output")"
    mkdir -p "$ETCD_DATA"
    rm -rf "$ETCD_DATA/member"
    mv "$STATE/restore/data/member" "$ETCD_DATA/member" || failed_write "$ETCD_DATA"
    secure_etcd
}

start_control_plane() {
    for name in $STATIC_PODS; do
        [ ! -e "$ASIDE/$name.yaml" ] || mv -f "$ASIDE/$name.yaml" "$MANIFESTS/$name.yaml" || failed_write "$MANIFESTS"
    done
    start_end=$(($(date +%s) + 240))
    until [ "$(health_of https://127.0.0.1:2379)" = ok ] && [ "$(api_condition)" = ok ]; do
        [ "$(date +%s)" -lt "$start_end" ] || start_failed
        sleep 1
    done
    rmdir "$ASIDE" 2>/dev/null || :
}

start_failed() {
    say_evidence "$((start_end - 240))"
    fail "after 240 s etcd says: $(health_of https://127.0.0.1:2379); the API server: $(api_condition)"
}
