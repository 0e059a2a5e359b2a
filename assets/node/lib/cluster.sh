# shellcheck shell=sh
# Verbs of a machine in a cluster: kubeadm and kubectl with what this machine needs of them.

ADMIN=/etc/kubernetes/admin.conf
KUBEADM_CONFIG=$STATE/kubeadm.yaml

# The name of the cluster whose node this machine is; `another` if it was not us who made it one. A machine whose
# kubeadm did not come to its end is no node yet.
member() {
    [ -f /etc/kubernetes/kubelet.conf ] && [ ! -e "$STATE/joining" ] || return 0
    if [ -f "$STATE/member" ]; then cat "$STATE/member"; else echo another; fi
}

cluster_name() {
    sed -n "s/^CLUSTER='\(.*\)'\$/\1/p" "$CONFIGURATION" 2>/dev/null
}

verb_init() {
    run_kubeadm init --skip-token-print
}

verb_join() {
    run_kubeadm join
}

# run_kubeadm init|join [OPTION...], with its configuration on stdin: done once; one that was cut off is cleaned up
# after, and run again.
run_kubeadm() {
    has kubeadm || fail 'kubeadm is not on this machine: prepare it first'
    name=$(member)
    if [ -n "$name" ]; then
        [ "$name" = "$(cluster_name)" ] || end "$OTHER_CLUSTER" "this machine is a node of $name"
        say 'already done'
        return
    fi
    take_kubeadm_config "$1"
    [ ! -e "$STATE/joining" ] || clean_up
    own_cluster_data
    touch "$STATE/joining"
    cluster_name >"$STATE/member"
    say "stage 1 1 kubeadm $1"
    if on_cgroup_v1; then # whatever the kubelet is told, kubeadm's check of the system fails there
        set -- "$@" --ignore-preflight-errors=SystemVerification
    fi
    kubeadm "$@" --config "$KUBEADM_CONFIG" </dev/null || kubeadm_failed "$1"
    rm -f "$STATE/joining" "$KUBEADM_CONFIG"
}

take_kubeadm_config() {
    umask 077 # it may hold secrets
    { [ "$1" != init ] || extra_settings; } >"$KUBEADM_CONFIG" && cat >>"$KUBEADM_CONFIG" ||
        failed_write "$KUBEADM_CONFIG"
    umask 022
}

kubeadm_failed() {
    rm -f "$KUBEADM_CONFIG"
    fail "kubeadm $1 failed: its messages stand above"
}

# What kubelet and kube-proxy have to be told where machines are containers or use cgroup v1.
extra_settings() {
    if on_cgroup_v1 || in_container; then
        printf 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n'
        ! on_cgroup_v1 || echo 'failCgroupV1: false'
        ! in_container || echo 'failSwapOn: false'
        echo '---'
    fi
    ! in_container || printf 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack:\n  maxPerCore: 0\n---\n'
}

own_cluster_data() {
    for path in /etc/kubernetes /var/lib/kubelet /var/lib/etcd /etc/cni/net.d /var/lib/cni /run/flannel; do
        own_data "$path"
    done
}

# The key under which the control plane's certificates wait for further masters; the Secret with them ends after 2 h.
verb_invite() {
    must_be_master
    key_file=$STATE/certificate-key
    umask 077
    [ -s "$key_file" ] || kubeadm certs certificate-key >"$key_file" || fail 'kubeadm certs certificate-key failed'
    if [ -z "$(find "$STATE/certificates-uploaded" -mmin -60 2>/dev/null)" ]; then
        kubeadm init phase upload-certs --upload-certs --certificate-key "$(cat "$key_file")" --kubeconfig "$ADMIN" \
            >/dev/null || fail 'kubeadm init phase upload-certs failed'
        : >"$STATE/certificates-uploaded"
    fi
    command=$(kubeadm token create --ttl 1h --print-join-command --kubeconfig "$ADMIN") || fail 'kubeadm token create failed'
    printf '%s\n' "$command" | sed -n 's/.*--token \([^ ]*\).*--discovery-token-ca-cert-hash \([^ ]*\).*/token=\1\nca_hash=\2/p'
    printf 'certificate_key=%s\n' "$(cat "$key_file")"
}

must_be_master() {
    [ -f "$ADMIN" ] || fail "$ADMIN is not on this machine: it is no master"
}

verb_kubectl() {
    must_be_master
    exec kubectl --kubeconfig "$ADMIN" "$@"
}

verb_kubeconfig() {
    must_be_master
    cat "$ADMIN"
}

# verb_addon NAME: the manifests are on stdin; done when what they roll out stands.
verb_addon() {
    must_be_master
    manifests=$STATE/addon.yaml
    cat >"$manifests" || failed_write "$manifests"
    [ -s "$manifests" ] || end "$USAGE" "no manifests of the addon $1 on stdin"
    say "stage 1 2 manifests of $1"
    kubectl --kubeconfig "$ADMIN" apply -f "$manifests" || fail "kubectl apply failed for the addon $1"
    say "stage 2 2 roll-out of $1"
    kubectl --kubeconfig "$ADMIN" get -f "$manifests" --no-headers \
        -o custom-columns=KIND:.kind,NAME:.metadata.name,NAMESPACE:.metadata.namespace >"$STATE/rollouts" ||
        fail "kubectl get failed for the addon $1"
    while read -r kind name namespace; do
        case $kind in DaemonSet | Deployment | StatefulSet) ;; *) continue ;; esac
        kubectl --kubeconfig "$ADMIN" -n "$namespace" rollout status "$kind/$name" --timeout=240s </dev/null ||
            fail "the roll-out of $kind $name does not come to its end"
    done <"$STATE/rollouts"
    rm -f "$manifests" "$STATE/rollouts"
    mkdir -p "$STATE/addons" && touch "$STATE/addons/$1"
}

addons() {
    [ ! -d "$STATE/addons" ] || find "$STATE/addons" -type f -exec basename {} ';' | sort | tr '\n' ',' | sed 's/,$//'
}

verb_reset() {
    [ -n "$(member)" ] || [ -e "$STATE/joining" ] || { say 'already done' && return; }
    [ "$(member)" != another ] || end "$OTHER_CLUSTER" 'this machine is a node of a cluster that Craton did not make'
    clean_up
}

# drop_rules iptables|ip6tables PATTERN: takes out the rules and chains that match, if any do.
drop_rules() {
    has "$1-save" || return 0
    rules=$("$1-save" 2>/dev/null) || return 0
    ! echo "$rules" | grep -q -E "$2" || echo "$rules" | grep -v -E "$2" | "$1-restore" 2>/dev/null || :
}

# kubeadm reset, and what it leaves: interfaces, rules and files of the pod network.
clean_up() {
    ! has kubeadm || kubeadm reset -f </dev/null || fail 'kubeadm reset failed'
    for interface in cni0 flannel.1; do
        ! has ip || ip link delete "$interface" 2>/dev/null || :
    done
    rm -rf /etc/cni/net.d/*flannel* /var/lib/cni/flannel /var/lib/cni/networks/cbr0 /run/flannel /var/lib/etcd
    rm -f /var/lib/cni/cache/results/cbr0-* /var/lib/cni/results/cbr0-*
    for directory in /etc/cni/net.d /var/lib/cni/cache/results /var/lib/cni/cache /var/lib/cni/results \
        /var/lib/cni/networks /var/lib/cni; do
        rmdir "$directory" 2>/dev/null || : # what others keep there stays
    done
    # Chains named CNI-... are podman's as well, where its networks stand beside the pods'.
    ours='KUBE-|FLANNEL|"cbr0'
    [ -n "$(ls /etc/cni/net.d 2>/dev/null)" ] || ours="$ours|CNI-"
    for tables in iptables ip6tables; do
        drop_rules "$tables" "$ours"
    done
    rm -rf "$STATE/addons" "$STATE/member" "$STATE/joining" "$STATE/certificate-key" "$STATE/certificates-uploaded"
}
