# shellcheck disable=SC2154 # the caller sets $server in the line before these
# One line per kubelet that waits for a certificate for its server: system:node:NAME.
template='{{range .items}}{{if not .status.conditions}}{{println .spec.username}}{{end}}{{end}}'
KUBECACHEDIR=/var/lib/craton/kubectl kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$server" --request-timeout=15s get certificatesigningrequests --field-selector spec.signerName=kubernetes.io/kubelet-serving -o go-template="$template"
