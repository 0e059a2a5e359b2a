# shellcheck shell=sh
# containerd: the machine's own if it is recent enough, else the mirror's; with a configuration of ours.

CONTAINERD_CONFIG=/etc/containerd/config.toml
CONTAINERD_PROXY=/etc/systemd/system/containerd.service.d/50-craton-proxy.conf
REGISTRY_HOSTS=/etc/containerd/certs.d/_default/hosts.toml

prepare_containerd() {
    own_data /var/lib/containerd
    own_data /run/containerd
    own_data /opt/containerd
    use_proxy
    if needs_containerd; then
        install_artifact containerd /usr/local/bin
        put_pending /etc/systemd/system/containerd.service containerd-unit containerd_unit
    else
        say "containerd $(containerd_version) is there"
    fi
    has runc && ! is_managed runc || install_artifact runc /usr/local/sbin
    containerd_settings
    service_on containerd.service
    await_containerd
    own_images
}

# Whether it is ours to install. One of ours stays ours, so that a newer plan brings a newer one.
needs_containerd() {
    is_managed containerd || ! recent_containerd
}

is_managed() {
    [ -f "$STATE/installed/$1" ] || recorded file "/usr/local/bin/$1" || recorded file "/usr/local/sbin/$1"
}

# CRI v1, without which no kubelet of today starts, came with 1.6.
recent_containerd() {
    case $(containerd_version) in
    1.[6-9].* | 1.[1-9][0-9].* | [2-9].*) return 0 ;;
    *) return 1 ;;
    esac
}

containerd_version() {
    containerd --version 2>/dev/null | awk '{ sub(/^v/, "", $3); print $3 }'
}

containerd_settings() {
    put_pending "$CONTAINERD_CONFIG" containerd.service containerd_config
    if [ -n "$REGISTRY" ]; then
        put_pending "$REGISTRY_HOSTS" containerd.service registry_hosts
    else
        containerd_without "$REGISTRY_HOSTS"
    fi
    if [ -n "$PROXY" ]; then
        put_pending "$CONTAINERD_PROXY" containerd-unit proxy_settings
    else
        containerd_without "$CONTAINERD_PROXY"
    fi
    if is_pending containerd-unit; then
        pending reload
        pending containerd.service
        settled containerd-unit
    fi
}

containerd_without() {
    is_ours file "$1" || return 0
    pending containerd-unit
    withdraw "$1"
}

containerd_config() {
    echo '# Written by craton-node.'
    case $(containerd_version) in
    1.*) containerd_config_2 ;;
    *) containerd_config_3 ;;
    esac
}

# Of containerd 1.6 and 1.7.
containerd_config_2() {
    cat <<END
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = $(restrict_oom)

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
END
}

# Of containerd 2; its CNI plugins are in /opt/cni/bin unless it is told otherwise.
containerd_config_3() {
    cat <<END
version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "$PAUSE_IMAGE"

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "/etc/containerd/certs.d"

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = $(restrict_oom)

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true
END
}

# Without CAP_SYS_RESOURCE (bit 24), as in some containers, nobody may lower an OOM score.
restrict_oom() {
    bounds=$(sed -n 's/^CapBnd:[[:space:]]*0*//p' /proc/1/status)
    if [ $((0x${bounds:-0} >> 24 & 1)) -eq 1 ]; then echo false; else echo true; fi
}

registry_hosts() {
    printf '# Written by craton-node.\n[host."%s"]\n  capabilities = ["pull", "resolve"]\n' "$REGISTRY"
}

proxy_settings() {
    printf '# Written by craton-node.\n[Service]\n'
    printf 'Environment="HTTP_PROXY=%s" "HTTPS_PROXY=%s" "NO_PROXY=%s"\n' "$PROXY" "$PROXY" "$NO_PROXY"
}

containerd_unit() {
    cat <<END
# Written by craton-node.
[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target local-fs.target

[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
END
}

await_containerd() {
    waited=0
    until ctr version >/dev/null 2>&1; do
        [ "$waited" -lt 30 ] || fail "containerd does not answer after 30 s: $(journal_of containerd.service)"
        sleep 1
        waited=$((waited + 1))
    done
}

# In a containerd that was there before, the images and containers of Kubernetes' namespace are ours if it had none.
own_images() {
    recorded data /var/lib/containerd || ctr namespaces list -q 2>/dev/null | grep -qx k8s.io ||
        added namespace k8s.io
}

undo_namespace() {
    ctr namespaces list -q 2>/dev/null | grep -qx "$1" || return 0
    for kind in tasks containers images; do
        ctr -n "$1" "$kind" list -q 2>/dev/null | while read -r id; do
            ctr -n "$1" "$kind" rm "$id" >/dev/null 2>&1 </dev/null || :
        done
    done
    ctr -n "$1" content prune references >/dev/null 2>&1 || :
    if ctr namespaces rm "$1" >/dev/null 2>&1; then
        removed namespace "$1"
    else
        left namespace "$1" 'it is not empty'
    fi
}
