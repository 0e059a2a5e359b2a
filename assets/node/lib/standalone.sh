# shellcheck shell=sh
# The kubelet of a machine that is in no cluster: it runs, alone, so that the machine has one from its first boot on.
#
# It keeps to a directory of its own, opens no port but that of its health (loopback, 10248), and leaves images, rules
# and kernel settings alone. The kubelet's unit reads $STANDALONE last: as long as it exists, the kubelet is alone.

STANDALONE=$STATE/kubelet-standalone.env
STANDALONE_CONFIG=$STATE/kubelet-standalone.yaml

stand_alone() {
    keep_standalone "$STANDALONE_CONFIG" standalone_config
    keep_standalone "$STANDALONE" standalone_settings
}

# keep_standalone PATH COMMAND: that it has yet to take effect is known before the file changes.
keep_standalone() {
    "$2" >"$STATE/coming" || failed_write "$STATE/coming"
    if ! cmp -s "$STATE/coming" "$1"; then
        pending kubelet.service
        mv -f "$STATE/coming" "$1" || failed_write "$1"
    fi
    rm -f "$STATE/coming"
}

# Before kubeadm, which starts the kubelet as a node's.
leave_standalone() {
    [ "$(active kubelet.service)" != active ] || systemctl stop kubelet.service || :
    rm -rf "$STANDALONE" "$STATE/kubelet"
}

# After a machine left its cluster.
return_to_standalone() {
    [ -e /etc/systemd/system/kubelet.service.d/10-kubeadm.conf ] && has kubelet || return 0
    stand_alone
    systemctl restart kubelet.service || fail "systemctl restart kubelet.service failed: $(journal_of kubelet.service)"
    settled kubelet.service
}

standalone_settings() {
    cat <<END
# Written by craton-node.
KUBELET_KUBECONFIG_ARGS=
KUBELET_CONFIG_ARGS=--config=$STANDALONE_CONFIG
KUBELET_KUBEADM_ARGS=
KUBELET_EXTRA_ARGS="--root-dir=$STATE/kubelet --cert-dir=$STATE/kubelet/pki"
END
}

# It makes room for nobody: images that were brought for the cluster are not in use yet.
standalone_config() {
    cat <<END
# Written by craton-node.
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
enableServer: false
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: systemd
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
registerNode: false
makeIPTablesUtilChains: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, imagefs.inodesFree: 0%}
END
    kubelet_exceptions
}

# What the kubelet has to be told of this machine, alone or not.
kubelet_exceptions() {
    ! on_cgroup_v1 || echo 'failCgroupV1: false'
    ! in_container || printf 'failSwapOn: false\nprotectKernelDefaults: false\n'
}

# The same as a patch for kubeadm, whose configuration names the directory.
write_patches() {
    patch=$STATE/patches/kubeletconfiguration+strategic.yaml
    mkdir -p "$STATE/patches" || failed_write "$STATE/patches"
    kubelet_exceptions >"$patch" || failed_write "$patch"
    [ -s "$patch" ] || rm -f "$patch"
}
