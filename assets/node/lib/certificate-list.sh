# shellcheck shell=sh
# The certificates that Kubernetes has on this machine. The health check sends this file as it is: it needs no other.

# After each line `#certificate PATH` certificates in PEM, or a line `base64 ...` with one. No key: of a file that holds
# both, the certificate alone.
list_certificates() {
    set --
    for path in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /var/lib/kubelet/pki/kubelet-client-current.pem \
        /var/lib/kubelet/pki/kubelet-server-current.pem; do
        [ ! -f "$path" ] || set -- "$@" "$path"
    done
    [ $# -eq 0 ] || awk 'FNR == 1 { print "#certificate " FILENAME; inside = 0 }
        /^-----BEGIN CERTIFICATE-----/ { inside = 1 }
        inside
        /^-----END CERTIFICATE-----/ { inside = 0 }' "$@"
    set --
    for path in /etc/kubernetes/*.conf; do
        [ ! -f "$path" ] || set -- "$@" "$path"
    done
    [ $# -eq 0 ] || awk '$1 == "client-certificate-data:" { print "#certificate " FILENAME; print "base64 " $2 }' "$@"
}
