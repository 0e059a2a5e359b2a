# shellcheck shell=sh
# Certificates of Kubernetes are renewed, and what uses them starts again.

# `certs show` says `pending=yes` while a renewal has yet to reach what uses its certificates.
CERTIFICATES=certificates

verb_certs() {
    case $1 in
    show)
        if is_pending "$CERTIFICATES"; then echo pending=yes; else echo pending=no; fi
        list_certificates
        ;;
    renew) renew_certificates ;;
    kubelet) renew_kubelet ;;
    *) end "$USAGE" "no such verb: certs $1" ;;
    esac
}

# Everything that kubeadm renews: the control plane's certificates and kubeconfigs, not its authorities.
renew_certificates() {
    must_be_master
    lock 600
    without_proxy
    pending "$CERTIFICATES"
    say 'stage 1 5 certificates'
    kubeadm certs renew all </dev/null 2>&1 || fail 'kubeadm certs renew all failed: its messages are above'
    secure_files
    certs_stage=1
    # etcd before what asks it; one after the other.
    for certs_pod in $STATIC_PODS; do
        certs_stage=$((certs_stage + 1))
        say "stage $certs_stage 5 restart $certs_pod"
        restart_static_pod "$certs_pod"
    done
    settled "$CERTIFICATES"
}

# restart_static_pod NAME: its container is stopped; the kubelet starts another, which reads the new certificate.
restart_static_pod() {
    restart_old=$(container_of "$1")
    [ -z "$restart_old" ] || timeout 90 crictl stop --timeout 30 "$restart_old" >/dev/null ||
        fail "crictl stop of $1 failed"
    restart_seconds=0
    while :; do
        restart_new=$(container_of "$1")
        [ -z "$restart_new" ] || [ "$restart_new" = "$restart_old" ] || return 0
        [ "$restart_seconds" -lt 180 ] || fail "$1 did not start again within 180 s: crictl ps -a and journalctl -u kubelet say why"
        sleep 1
        restart_seconds=$((restart_seconds + 1))
    done
}

# container_of NAME: the id of the static pod's container that runs; nothing if none does.
container_of() {
    timeout 20 crictl ps --quiet --state running --name "^$1\$" 2>/dev/null | head -n 1
}

# A kubelet asks for new certificates by itself, long before the old ones end; one that starts looks at once.
renew_kubelet() {
    [ -n "$(member)" ] || fail 'this machine is no node of a cluster'
    lock 600
    say 'stage 1 1 restart the kubelet'
    systemctl restart kubelet.service || fail "systemctl restart kubelet failed: $(journal_of kubelet.service)"
}
