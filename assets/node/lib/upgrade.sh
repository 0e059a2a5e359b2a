# shellcheck shell=sh
# To a newer release of Kubernetes: kubeadm first, then what it upgrades. The kubelet comes with `prepare`.

# Says the release that `kubeadm upgrade` brought this machine to.
UPGRADED=$STATE/upgraded

# upgrade apply|node, with the new configuration on stdin
upgrade() {
    read_configuration
    check_claim "$CLUSTER"
    rm -f "$CONFIGURATION.new"
    [ "$(member)" = "$CLUSTER" ] || fail "this machine is no node of $CLUSTER"
    [ "$(cat "$UPGRADED" 2>/dev/null)" != "$KUBERNETES" ] || { say 'already done' && return; }
    (
        use_proxy
        install_artifact kubeadm /usr/local/bin
        prepare_images
    )
    without_proxy
    kind=worker
    [ ! -f "$ADMIN" ] || kind=master
    upgrade_images=$(images_of "$kind" "$KUBERNETES" "$PAUSE_IMAGE")
    pull_images "$upgrade_images" 1
    keep_images "$upgrade_images"
    # What its new configuration may ask of a kubelet that starts again before it is a newer one.
    prepare_settings
    say "stage $stages_all $stages_all kubeadm upgrade $1 to $KUBERNETES"
    write_patches
    run_upgrade "$1"
}

run_upgrade() {
    set -- "$1" --patches "$STATE/patches"
    # kubeadm's check of the system fails there, whatever the kubelet is told.
    ! on_cgroup_v1 && ! in_container || set -- "$@" --ignore-preflight-errors=SystemVerification
    [ "$1" != apply ] || set -- "$@" -y "$KUBERNETES"
    upgrade_since=$(date +%s)
    run_logged "$KUBERNETES" upgrade "$@" || {
        waiting_evidence
        say_evidence "$upgrade_since"
        fail "kubeadm upgrade $1 failed: its messages are above"
    }
}
