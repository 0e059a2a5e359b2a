# shellcheck shell=sh
# What Kubernetes brings to a machine: CNI plugins, crictl, kubeadm, kubelet, kubectl, and the kubelet's unit.

prepare_cni() {
    own_data /etc/cni
    own_data /etc/cni/net.d
    if [ -x /usr/lib/cni/loopback ] && [ -x /usr/lib/cni/bridge ] && ! is_managed cni-plugins; then
        for plugin in /usr/lib/cni/*; do
            make_link "/opt/cni/bin/${plugin##*/}" "$plugin"
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
    # A running kubelet goes on as it was until it restarts.
    is_installed kubelet || pending kubelet.service
    for binary in kubeadm kubelet kubectl; do
        install_artifact "$binary" /usr/local/bin
    done
}

# It runs from here on: alone, until kubeadm makes a node of the machine.
prepare_kubelet() {
    for path in /var/lib/kubelet /etc/kubernetes /var/log/pods /var/log/containers /usr/libexec/kubernetes; do
        own_data "$path"
    done
    if recorded data /etc/kubernetes; then mkdir -p /etc/kubernetes/manifests; else make_directory /etc/kubernetes/manifests; fi
    put_pending /etc/systemd/system/kubelet.service kubelet-unit kubelet_unit 600
    put_pending /etc/systemd/system/kubelet.service.d/10-kubeadm.conf kubelet-unit kubelet_settings 600
    if is_pending kubelet-unit; then
        pending reload
        pending kubelet.service
        settled kubelet-unit
    fi
    [ -e "$BEGUN" ] || [ -n "$(member)" ] || stand_alone
    [ -e "$BEGUN" ] || service_on kubelet.service
    case $(member) in '' | another) ;; *) secure_files ;; esac
}

kubelet_unit() {
    cat <<END
# Written by craton-node.
[Unit]
Description=kubelet, the Kubernetes node agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target containerd.service
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
END
}

# How kubeadm tells the kubelet what to do; the names are kubeadm's. A master that vanished is noticed within seconds.
kubelet_settings() {
    cat <<'END'
# Written by craton-node.
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
Environment="HTTP2_READ_IDLE_TIMEOUT_SECONDS=5" "HTTP2_PING_TIMEOUT_SECONDS=3"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
EnvironmentFile=-/var/lib/craton/kubelet-standalone.env
ExecStart=
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
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
        [ -z "$path" ] || was_imported "$sum" || is_here "$path" "$sum" || say "$path"
    done <<END
$IMAGES
END
}

is_here() {
    [ -f "$STATE/artifacts/$1" ] && [ "$(sum_of "$STATE/artifacts/$1")" = "$2" ]
}
