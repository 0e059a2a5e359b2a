# `#file FLAG`, and after it the file that the flag of the API server names. Of the encryption's the providers' names alone:
# keys stay where they are.
flag() {
    sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/kube-apiserver.yaml | head -n 1
}
for name in admission-control-config-file audit-policy-file authentication-config; do
    path=$(flag "$name")
    [ -z "$path" ] || { echo "#file $name" && cat "$path" && echo; }
done
path=$(flag encryption-provider-config)
[ -z "$path" ] || { echo '#file encryption-provider-config' && sed -n 's/^ *- *\([a-z]*\):.*/- \1/p' "$path" | grep -v resources; }
