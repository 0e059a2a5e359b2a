# shellcheck shell=sh
# What Kubernetes brings to a machine: CNI plugins, crictl, kubeadm, kubelet, kubectl, and the kubelet's unit.

prepare_cni() {
    own_data /etc/cni/net.d
    if [ -x /usr/lib/cni/loopback ] && [ -x /usr/lib/cni/bridge ] && ! is_managed cni-plugins; then
        for plugin in /usr/lib/cni/*; do
            make_link "/opt/cni/bin/$(basename "$plugin")" "$plugin"
        done
    else
        use_proxy
        install_artifact cni-plugins /opt/cni/bin
    fi
}

prepare_crictl() {
    use_proxy
    install_artifact crictl /usr/local/bin
    put_file /etc/crictl.yaml 644 crictl_settings
}

crictl_settings() {
    cat <<END
runtime-endpoint: unix:///run/containerd/containerd.sock
image-endpoint: unix:///run/containerd/containerd.sock
timeout: 10
END
}

prepare_binaries() {
    use_proxy
    for binary in kubeadm kubelet kubectl; do
        install_artifact "$binary" /usr/local/bin
    done
}

# Enabled, so that it runs at boot; kubeadm starts it first, and there is nothing for it to do before.
prepare_kubelet() {
    own_data /var/lib/kubelet
    own_data /etc/kubernetes
    if recorded data /etc/kubernetes; then mkdir -p /etc/kubernetes/manifests; else make_directory /etc/kubernetes/manifests; fi
    put_unit /etc/systemd/system/kubelet.service kubelet_unit
    put_unit /etc/systemd/system/kubelet.service.d/10-kubeadm.conf kubelet_settings
    reload_units
    added_once service kubelet.service "$(enabled kubelet.service)" "$(active kubelet.service)"
    [ "$(enabled kubelet.service)" != enabled ] || return 0
    change 'enable kubelet.service'
    systemctl enable -q kubelet.service || fail 'systemctl enable kubelet.service failed'
}

kubelet_unit() {
    cat <<END
# Written by craton-node.
[Unit]
Description=kubelet, the Kubernetes node agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target containerd.service
ConditionPathExists=/var/lib/kubelet/config.yaml
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
END
}

# How kubeadm tells the kubelet what to do; the names are kubeadm's.
kubelet_settings() {
    cat <<'END'
# Written by craton-node.
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
END
}

# Archives of images, where the machine is to pull none from a registry.
prepare_images() {
    use_proxy
    mkdir -p "$STATE/imported" || failed_write "$STATE/imported"
    while read -r path sum url; do
        [ -n "$path" ] && [ ! -e "$STATE/imported/$sum" ] || continue
        fetch "$path" "$sum" "$url"
        change "import $(basename "$path")"
        ctr -n k8s.io images import "$fetched" >/dev/null || fail "ctr images import $(basename "$path") failed"
        : >"$STATE/imported/$sum"
    done <<END
$IMAGES
END
}

# Paths of the artifacts that preparing would fetch: what need not be brought is not.
needed() {
    for name in $(printf '%s' "$ARTIFACTS" | cut -d ' ' -f 1 | sort -u); do
        case $name in
        containerd) needs_containerd || continue ;;
        runc) ! has runc || is_managed runc || continue ;;
        cni-plugins) [ ! -x /usr/lib/cni/bridge ] || is_managed cni-plugins || continue ;;
        esac
        is_installed "$name" || is_here "$artifact_path" "$artifact_sum" || say "$artifact_path"
    done
    while read -r path sum _; do
        [ -z "$path" ] || [ -e "$STATE/imported/$sum" ] || is_here "$path" "$sum" || say "$path"
    done <<END
$IMAGES
END
}

is_here() {
    [ -f "$STATE/artifacts/$1" ] && [ "$(sum_of "$STATE/artifacts/$1")" = "$2" ]
}
