# shellcheck shell=sh
# What kubeadm and etcd leave open, closed: as the CIS Kubernetes Benchmark has it, and so that nobody but root reads it.

KUBELET_CONFIG=/var/lib/kubelet/config.yaml

# After kubeadm, which rewrites these at a join and at an upgrade.
secure_files() {
    for path in "$KUBELET_CONFIG" /var/lib/kubelet/instance-config.yaml /var/lib/kubelet/kubeadm-flags.env; do
        [ ! -f "$path" ] || chmod 600 "$path" || :
    done
    [ ! -d /var/lib/etcd ] || [ ! -d "$PKI/etcd" ] || secure_etcd
}

# etcd's data belongs to an account that nobody logs in to, and no other program runs as.
secure_etcd() {
    make_etcd_account && chown etcd:etcd /var/lib/etcd && chmod 700 /var/lib/etcd ||
        say "the owner of /var/lib/etcd stays as it is: the account etcd can't have it"
}

make_etcd_account() {
    ! id etcd >/dev/null 2>&1 || return 0
    ! grep -q '^etcd:' /etc/group || return 1 # a group of somebody else's
    added account etcd
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin etcd
}

undo_account() {
    id "$1" >/dev/null 2>&1 || return 0
    if userdel "$1" 2>/dev/null; then
        removed account "$1"
    else
        left account "$1" 'userdel failed'
    fi
}
