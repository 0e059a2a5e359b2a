# shellcheck shell=sh
# Into the cluster: init and join, with kubeadm.

KUBEADM_CONFIG=$STATE/kubeadm.yaml
KUBEADM_LOG=$STATE/kubeadm.log
# What kubeadm gives a kubelet that joins, and takes away once it has a certificate.
BOOTSTRAP=/etc/kubernetes/bootstrap-kubelet.conf
CLIENT_CERTIFICATE=/var/lib/kubelet/pki/kubelet-client-current.pem
# What the control plane's own configuration names stays here.
KEPT=/etc/kubernetes/craton
POLICIES='admission.yaml authentication.yaml audit-policy.yaml'

verb_init() {
    enter init --skip-token-print
}

verb_join() {
    enter join
}

# enter init|join [OPTION...], with a payload on stdin: done once; one that was cut off is cleaned up after, and repeated.
enter() {
    has kubeadm || fail 'kubeadm is not on this machine: prepare it first'
    # shellcheck disable=SC2086 # a list of names
    take_payload kubeadm.yaml encryption.yaml $POLICIES
    ! is_in_cluster "$1" || { drop_payload && say 'already done' && return; }
    [ -s "$PAYLOAD/kubeadm.yaml" ] || refuse_payload 'the payload has no kubeadm.yaml'
    [ ! -e "$BEGUN" ] || undo_begun
    without_proxy
    own_cluster_data
    enter_images=$(images_of "$(kind_of_machine "$1")" "$(kubeadm_version)" "$(kept_setting PAUSE_IMAGE)")
    pull_images "$enter_images" 1
    keep_images "$enter_images"
    say "stage $stages_all $stages_all kubeadm $1"
    begin "$1"
    run_kubeadm "$@" --config "$KUBEADM_CONFIG"
}

undo_begun() {
    say 'what an interrupted run began is undone'
    clean_up
    return_to_standalone
}

# Whether init or join came to its end, if only nobody noted it.
is_in_cluster() {
    in_name=$(member)
    if [ -n "$in_name" ]; then
        [ "$in_name" = "$(kept_setting CLUSTER)" ] || end "$OTHER_CLUSTER" "this machine is a node of $in_name"
        return 0
    fi
    [ "$(cat "$BEGUN" 2>/dev/null)" = "$1" ] && [ -f "$STATE/member" ] && "stands_$1" || return 1
    finish
}

# All that `kubeadm init` makes, to the last: its addons.
stands_init() {
    [ -f "$ADMIN" ] && [ "$(api_condition)" = ok ] || return 1
    as_admin --request-timeout=10s -n kube-public get configmap/cluster-info >/dev/null 2>&1 &&
        as_admin --request-timeout=10s -n kube-system get configmap/kubeadm-config configmap/kubelet-config \
            deployment/coredns daemonset/kube-proxy >/dev/null 2>&1
}

# A node that is registered and, of a master, whose API server and etcd answer.
stands_join() {
    [ -f /etc/kubernetes/kubelet.conf ] && [ "$(kubelet_condition)" = ok ] || return 1
    if [ -d "$PKI/etcd" ]; then
        [ "$(manifests | wc -l)" -ge 4 ] && [ -f "$ADMIN" ] && [ "$(api_condition)" = ok ] || return 1
    fi
    kubectl --kubeconfig /etc/kubernetes/kubelet.conf --request-timeout=10s get node "$(kept_setting MACHINE)" >/dev/null 2>&1
}

# Masters get their join's configuration with the place of a control plane in it.
kind_of_machine() {
    if [ "$1" = init ] || grep -q '^controlPlane:' "$PAYLOAD/kubeadm.yaml"; then echo master; else echo worker; fi
}

# kubeadm would hand a proxy on to the control plane.
without_proxy() {
    unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY all_proxy ALL_PROXY
}

begin() {
    kept_setting CLUSTER >"$STATE/member" || failed_write "$STATE/member"
    echo "$1" >"$BEGUN" || failed_write "$BEGUN"
    flush "$BEGUN"
    leave_standalone
    write_patches
    (
        umask 077
        # shellcheck disable=SC2086 # a list of names
        keep_files encryption.yaml $POLICIES
        cp "$PAYLOAD/kubeadm.yaml" "$KUBEADM_CONFIG"
    ) || failed_write "$KUBEADM_CONFIG"
    rmdir "$KEPT" 2>/dev/null || mkdir -p /var/log/kubernetes/audit
    drop_payload
}

# keep_files NAME...: those that the payload has.
keep_files() {
    mkdir -p "$KEPT"
    for file; do
        [ ! -e "$PAYLOAD/$file" ] || cp "$PAYLOAD/$file" "$KEPT/$file" || exit 1
    done
}

# What the API server reads when it starts, as of this version of Craton; before it is upgraded.
verb_policies() {
    must_be_master
    case ${1:-} in
    '') ;;
    sums)
        (cd "$KEPT" && sha256sum authentication.yaml) || fail "$KEPT/authentication.yaml cannot be read"
        authentication_in_use
        return
        ;;
    *) end "$USAGE" "no such verb: policies $1" ;;
    esac
    # shellcheck disable=SC2086 # a list of names
    take_payload $POLICIES
    # shellcheck disable=SC2086
    (umask 077 && keep_files $POLICIES) || failed_write "$KEPT"
    drop_payload
}

# The sum of what the API server goes by: it takes a new file once it has heard from each issuer in it.
authentication_in_use() {
    # Of this master's own server, not of whoever answers by name; metrics are megabytes, which take a busy machine long.
    kubectl --kubeconfig "$ADMIN" --server "https://$(api_address):6443" --request-timeout 30s get --raw /metrics 2>/dev/null |
        sed -n 's/^apiserver_authentication_config_controller_last_config_info{.*[{,]hash="sha256:\([0-9a-f]*\)".*/\1  in use/p'
}

finish() {
    rm -f "$BEGUN" "$KUBEADM_CONFIG" "$KUBEADM_LOG"
}

# run_kubeadm init|join ARGUMENT...
run_kubeadm() {
    kubeadm_since=$(date +%s)
    if ! run_logged "" "$@"; then
        rm -f "$KUBEADM_CONFIG"
        say_evidence "$kubeadm_since"
        fail "kubeadm $1 failed: its messages are above"
    fi
    finish
}

# run_logged RELEASE ARGUMENT...: kubeadm, whose output is printed as it comes. It goes on, and its end is noted, where
# nobody listens any more; it holds the lock until then. RELEASE is noted as the one that an upgrade brought.
run_logged() {
    release=$1
    shift
    rm -f "$STATE/kubeadm.status"
    (
        kubeadm_status=0
        kubeadm "$@" </dev/null || kubeadm_status=$?
        [ "$kubeadm_status" -ne 0 ] || kubeadm_succeeded
        rm -f "$KUBEADM_CONFIG"
        echo "$kubeadm_status" >"$STATE/kubeadm.status"
    ) >"$KUBEADM_LOG" 2>&1 &
    follow "$KUBEADM_LOG" $!
    read_log_again
    kubeadm_ended=$(cat "$STATE/kubeadm.status" 2>/dev/null) || :
    rm -f "$STATE/kubeadm.status" "$KUBEADM_LOG"
    [ "$kubeadm_ended" = 0 ]
}

kubeadm_succeeded() {
    secure_files
    if [ -n "$release" ]; then echo "$release" >"$UPGRADED"; else rm -f "$BEGUN"; fi
}

# follow LOG PID: what is written to the log, until the process is gone.
follow() {
    followed=0 hastened=no
    while [ ! -e "$STATE/kubeadm.status" ] && kill -0 "$2" 2>/dev/null; do
        show_log "$1"
        hasten_kubelet
        sleep 0.2 2>/dev/null || sleep 1
    done
    show_log "$1"
}

# The kubelet of a master that joins asks the API server beside it for its certificate, which it has yet to start, and
# asks again after 2, 4, 8 and 16 s, for its pods as well. Restarted once that server answers, it waits for neither.
hasten_kubelet() {
    [ "$hastened" = no ] && [ -e "$BOOTSTRAP" ] && [ -e "$APISERVER" ] && [ ! -e "$CLIENT_CERTIFICATE" ] || return 0
    knows_bootstrap_token || return 0
    hastened=yes
    say 'its API server answers: the kubelet starts again, and asks it for a certificate at once'
    systemctl restart kubelet.service || :
}

# Whether this master's own API server lets in who shows the token with which its kubelet asks for a certificate: for
# anything else that it makes ready, nobody need wait.
knows_bootstrap_token() {
    sed -n 's/^ *token: *\(.*\)$/header = "Authorization: Bearer \1"/p' "$BOOTSTRAP" 2>/dev/null |
        curl -sS -f --noproxy '*' --max-time 2 --cacert "$PKI/ca.crt" -K - -o /dev/null \
            "https://$(api_address):6443/version" 2>/dev/null
}

show_log() {
    log_size=$(size_of "$1")
    [ "$log_size" -gt "$followed" ] || return 0
    tail -c "+$((followed + 1))" "$1" | head -c "$((log_size - followed))"
    followed=$log_size
}
