# shellcheck shell=sh
# Out of the cluster: kubeadm reset, and what it leaves. What was there before the machine came in stays.

# Files and directories that a cluster brings to its machines.
CLUSTER_DATA='/etc/kubernetes /var/lib/kubelet /var/lib/etcd /etc/cni /etc/cni/net.d /var/lib/cni /run/flannel
    /var/log/kubernetes /var/log/pods /var/log/containers /opt/cni/bin/flannel /usr/libexec/kubernetes'
# Of kube-proxy; each network name space has its own.
NODE_SETTINGS='net.ipv4.conf.all.route_localnet net.netfilter.nf_conntrack_tcp_timeout_close_wait
    net.netfilter.nf_conntrack_tcp_timeout_established'

own_cluster_data() {
    for path in $CLUSTER_DATA; do
        own_data "$path"
    done
    own_node_settings
    [ -e "$STATE/before" ] || look_before
}

# Of what has no place in the undo log: images, interfaces and tables of rules that were there before.
look_before() {
    mkdir -p "$STATE/before.new" || failed_write "$STATE/before.new"
    crictl images -q 2>/dev/null | sort -u >"$STATE/before.new/images" || :
    links >"$STATE/before.new/links"
    tables >"$STATE/before.new/tables"
    mv -fT "$STATE/before.new" "$STATE/before"
}

was_before() {
    grep -qxF -- "$2" "$STATE/before/$1" 2>/dev/null
}

links() {
    ls /sys/class/net
}

tables() {
    ! has nft || nft list tables 2>/dev/null || :
}

verb_reset() {
    [ -n "$(member)" ] || [ -e "$BEGUN" ] || { say 'already done' && return; }
    [ "$(member)" != another ] || end "$OTHER_CLUSTER" 'this machine is a node of a cluster that Craton did not make'
    clean_up
    drop_payload
    drop_images
    rm -rf "$STATE/before"
    return_to_standalone
}

clean_up() {
    [ -e "$BEGUN" ] || echo reset >"$BEGUN" # from here on this machine is no node
    without_proxy
    ! has kubeadm || reset_kubeadm
    # With it go the groups of its pods, which may be empty, and stay.
    systemctl stop kubelet.service kubepods.slice 2>/dev/null || :
    drop_links
    drop_cluster_data
    drop_pod_networks
    drop_node_settings
    rm -rf "$STATE/addons" "$STATE/member" "$STATE/patches" "$STATE/upgraded" "$STATE/upgrading" "$RESTORING" \
        "$RESTORING.kept" "$STATE/restore" "$STATE/addon.yaml" "$CERTIFICATE_KEY" "$UPLOAD_CONFIG" "$KUBEADM_CONFIG" \
        "$KUBEADM_LOG" "$KUBECACHEDIR"
    rm -f "$BEGUN"
}

# The member of etcd goes with it where the others still answer; where they do not, no word of theirs is waited for.
reset_kubeadm() {
    timeout 200 kubeadm reset -f </dev/null ||
        timeout 120 kubeadm reset -f --skip-phases=remove-etcd-member </dev/null || fail 'kubeadm reset failed'
}

drop_links() {
    has ip || return 0
    for link in cni0 flannel.1; do
        was_before links "$link" || ip link delete "$link" 2>/dev/null || :
    done
    # The pods' ends of their interfaces went with their namespaces.
}

# What came with the cluster goes; of directories that others use as well, what is the pod network's.
drop_cluster_data() {
    rm -rf /var/lib/etcd/member /var/lib/etcd.before-restore-* "$KEPT" "$ASIDE" /etc/kubernetes/tmp
    rm -rf /etc/cni/net.d/*flannel* /var/lib/cni/flannel /var/lib/cni/networks/cbr0 /run/flannel
    rm -f /var/lib/cni/cache/results/cbr0-* /var/lib/cni/results/cbr0-*
    rmdir /etc/kubernetes/pki 2>/dev/null || :
    ! recorded account etcd || userdel etcd 2>/dev/null || :
    for directory in /var/lib/etcd /var/log/kubernetes /var/log/pods /var/log/containers /opt/cni/bin/flannel \
        /usr/libexec/kubernetes; do
        ! recorded data "$directory" || rm -rf "$directory"
    done
    for directory in /etc/cni/net.d /etc/cni /var/lib/cni/cache/results /var/lib/cni/cache /var/lib/cni/results \
        /var/lib/cni/networks /var/lib/cni; do
        # What others keep there stays, and so does what was there, if empty.
        case $directory in
        /var/lib/cni*) recorded data /var/lib/cni || continue ;;
        *) recorded data "$directory" || continue ;;
        esac
        rmdir "$directory" 2>/dev/null || :
    done
}

# What kube-proxy sets in the kernel.
own_node_settings() {
    for setting in $NODE_SETTINGS; do
        own_setting "$setting"
    done
}

drop_node_settings() {
    for setting in $NODE_SETTINGS; do
        setting_value=$(records_of setting "$setting")
        [ -z "$setting_value" ] || undo_setting "$setting" "$setting_value" >/dev/null
    done
}

drop_pod_networks() {
    # Chains named CNI-... are podman's as well, where it has networks as well as the pods.
    ours='KUBE-|FLANNEL|"cbr0'
    [ -n "$(ls /etc/cni/net.d 2>/dev/null)" ] || ours="$ours|CNI-"
    for version in iptables ip6tables; do
        drop_rules "$version" "$ours"
    done
    tables | while read -r table family name; do
        was_before tables "$table $family $name" || drop_empty_table "$family" "$name"
    done
}

# drop_rules iptables|ip6tables PATTERN: takes out the rules and chains that match, if any do.
drop_rules() {
    has "$1-save" || return 0
    rules=$("$1-save" 2>/dev/null) || return 0
    ! echo "$rules" | grep -q -E "$2" || echo "$rules" | grep -v -E "$2" | "$1-restore" 2>/dev/null || :
}

# drop_empty_table FAMILY NAME: one of iptables' own that came with the cluster and holds no rule any more.
drop_empty_table() {
    case $1:$2 in ip:filter | ip:nat | ip:mangle | ip:raw | ip6:filter | ip6:nat | ip6:mangle | ip6:raw) ;; *) return 0 ;; esac
    # Only the heads of tables and chains are left.
    nft list table "$1" "$2" 2>/dev/null | grep -v -E '^table |^	chain |^		type .* policy accept;$|^	?}$|^#|^$' | grep -q . ||
        nft delete table "$1" "$2" 2>/dev/null || :
}

# Images that were pulled for the cluster. Those from archives stay: an upgrade may have brought them, and no registry may
# have them.
drop_images() {
    [ -e "$STATE/before/images" ] && has crictl || return 0
    imported_ids=$(imported_images)
    crictl images -q 2>/dev/null | sort -u | while read -r image; do
        # shellcheck disable=SC2086 # a list of identities
        was_before images "$image" || is_among "$image" $imported_ids || timeout 60 crictl rmi "$image" >/dev/null 2>&1 </dev/null || :
    done
}
