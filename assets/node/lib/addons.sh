# shellcheck shell=sh
# With the administrator's credentials: kubectl, addons, and what invites other machines. On masters alone.

# The name of the cluster's API may lead to another master: this one's own is asked.
as_admin() {
    kubectl --kubeconfig "$ADMIN" --server "https://$(api_address):6443" "$@"
}

must_be_master() {
    [ -f "$ADMIN" ] || fail "$ADMIN is not on this machine: it is no master"
}

verb_kubectl() {
    must_be_master
    as_admin "$@"
}

verb_kubeconfig() {
    must_be_master
    cat "$ADMIN"
}

# verb_addon NAME: applies the manifests that are on stdin. What they roll out is waited for by who asks.
verb_addon() {
    must_be_master
    addon_file=$STATE/addon.yaml
    cat >"$addon_file" || failed_write "$addon_file"
    [ -s "$addon_file" ] || end "$USAGE" "no manifests of the addon $1 on stdin"
    say "stage 1 1 manifests of $1"
    as_admin apply --server-side --force-conflicts --field-manager craton -f "$addon_file" ||
        fail "kubectl apply failed for the addon $1"
    rm -f "$addon_file"
    mkdir -p "$STATE/addons" && touch "$STATE/addons/$1"
}

addons() {
    [ ! -d "$STATE/addons" ] || find "$STATE/addons" -type f -exec basename {} ';' | sort | joined
}

CERTIFICATE_KEY=$STATE/certificate-key
UPLOAD_CONFIG=$STATE/upload-certs.yaml

verb_invite() {
    must_be_master
    umask 077
    # kubeadm takes the certificates away after 2 h.
    [ -s "$CERTIFICATE_KEY" ] && [ -n "$(find "$CERTIFICATE_KEY" -mmin -60)" ] || upload_certificates
    command=$(kubeadm token create --ttl 1h --print-join-command --kubeconfig "$ADMIN") || fail 'kubeadm token create failed'
    printf '%s\n' "$command" | sed -n 's/.*--token \([^ ]*\).*--discovery-token-ca-cert-hash \([^ ]*\).*/token=\1\nca_hash=\2/p'
    printf 'certificate_key=%s\nencryption_key=%s\n' "$(cat "$CERTIFICATE_KEY")" "$(encryption_key)"
}

# The control plane's certificates, under a new key, where further masters find them. The key is in no argument.
upload_certificates() {
    rm -f "$CERTIFICATE_KEY"
    new_key=$(kubeadm certs certificate-key) || fail 'kubeadm certs certificate-key failed'
    cat >"$UPLOAD_CONFIG" <<END || failed_write "$UPLOAD_CONFIG"
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
certificateKey: $new_key
localAPIEndpoint: {advertiseAddress: $(api_address)}
nodeRegistration: {name: $(kept_setting MACHINE)}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: $(kubeadm_version)
END
    upload_status=0
    kubeadm init phase upload-certs --upload-certs --config "$UPLOAD_CONFIG" --kubeconfig "$ADMIN" >/dev/null || upload_status=$?
    rm -f "$UPLOAD_CONFIG"
    [ "$upload_status" -eq 0 ] || fail 'kubeadm init phase upload-certs failed'
    printf '%s\n' "$new_key" >"$CERTIFICATE_KEY" || failed_write "$CERTIFICATE_KEY"
}

encryption_key() {
    sed -n 's/.*[ {-]secret: *["'\'']\{0,1\}\([A-Za-z0-9+/=]*\).*/\1/p' "$KEPT/encryption.yaml" 2>/dev/null | head -n 1
}
