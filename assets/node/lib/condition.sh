# shellcheck shell=sh
# What this machine is in its cluster.

ADMIN=/etc/kubernetes/admin.conf
PKI=/etc/kubernetes/pki
MANIFESTS=/etc/kubernetes/manifests
STATIC_PODS='etcd kube-apiserver kube-controller-manager kube-scheduler'
APISERVER=$MANIFESTS/kube-apiserver.yaml
# Says `init` or `join` from before the first change until kubeadm came to its end.
BEGUN=$STATE/begun

verb_condition() {
    printf 'member=%s\nbegun=%s\n' "$(member)" "$(cat "$BEGUN" 2>/dev/null)"
    printf 'kubelet=%s\nserving=%s\n' "$(kubelet_condition)" "$(serving_condition)"
    printf 'manifests=%s\nrunning=%s\n' "$(manifests | joined)" "$(running | joined)"
    printf 'api=%s\nversion=%s\n' "$(api_condition)" "$(tag_of "$APISERVER")"
    printf 'kubelet_version=%s\n' "$(kubelet --version 2>/dev/null | awk '{ print $NF; exit }')"
    printf 'kubeadm_version=%s\nbusy=%s\n' "$(kubeadm_version)" "$(busy)"
}

# Whether a craton-node changes this machine now; kubeadm goes on for an engine that is gone.
busy() {
    if [ ! -e "$STATE/lock" ] || flock -n "$STATE/lock" true; then echo no; else echo yes; fi
}

kubeadm_version() {
    kubeadm version -o short 2>/dev/null | awk '{ print $NF; exit }'
}

# The name of the cluster whose node this machine is; `another` if it was not us who made it one. A machine whose
# kubeadm did not come to its end is no node yet.
member() {
    [ -f /etc/kubernetes/kubelet.conf ] && [ ! -e "$BEGUN" ] || return 0
    if [ -f "$STATE/member" ]; then cat "$STATE/member"; else echo another; fi
}

# kept_setting KEY: of the configuration that this machine was prepared with.
kept_setting() {
    kept_settings "$1" | head -n 1
}

kept_settings() {
    sed -n "s/^$1='\(.*\)'\$/\1/p" "$CONFIGURATION" 2>/dev/null
}

manifests() {
    find "$MANIFESTS" -maxdepth 1 -name '*.yaml' ! -name '.*' 2>/dev/null | sed 's|.*/||; s|\.yaml$||' | sort
}

# Static pods whose container runs.
running() {
    timeout 20 crictl ps -o json 2>/dev/null | sed -n 's/.*"io.kubernetes.container.name": *"\([^"]*\)".*/\1/p' |
        sort -u | while read -r name; do
        [ ! -e "$MANIFESTS/$name.yaml" ] || say "$name"
    done
}

# Whether the kubelet's server shows a certificate that the cluster's CA signed, or why not; `own` where it was never told
# to get one. Nothing on a machine that is no node.
serving_condition() {
    [ -n "$(member)" ] || return 0
    grep -q '^serverTLSBootstrap: true' "$KUBELET_CONFIG" 2>/dev/null || { echo own && return; }
    serving_says=$(curl -sS --noproxy '*' --max-time 8 --cacert "$PKI/ca.crt" -o /dev/null \
        "https://$(node_address):10250/healthz" 2>&1) || { printf '%s' "$serving_says" | one_line && return; }
    echo ok
}

# Where the other machines find this one's kubelet.
node_address() {
    sed -n 's/.*--node-ip=\([0-9.]*\).*/\1/p' /var/lib/kubelet/kubeadm-flags.env 2>/dev/null
}

joined() {
    tr '\n' ',' | sed 's/,$//'
}

# Of a master: whether its own API server answers, or why not.
api_condition() {
    [ -f "$APISERVER" ] || return 0
    api_says=$(curl -sS --noproxy '*' --max-time 8 --cacert "$PKI/ca.crt" --cert "$PKI/apiserver-kubelet-client.crt" \
        --key "$PKI/apiserver-kubelet-client.key" "https://$(api_address):6443/readyz" 2>&1) || :
    case $api_says in
    ok) echo ok ;;
    *) printf '%s' "$api_says" | grep -E '^\[-\]|^curl' | one_line ;;
    esac
}

# Where this master's API server listens.
api_address() {
    flag_of "$APISERVER" advertise-address
}

# flag_of MANIFEST FLAG
flag_of() {
    sed -n "s/^ *- --$2=//p" "$1" 2>/dev/null | head -n 1
}

# tag_of MANIFEST: that of its image, such as v1.36.2
tag_of() {
    image_of "$1" | sed 's/.*://'
}

image_of() {
    sed -n 's/^ *\(- \)\{0,1\}image: *//p' "$1" 2>/dev/null | head -n 1
}
