# shellcheck disable=SC2016,SC2154 # $server is set in the line before these; kubectl expands what is in single quotes
# One line per node: NAME READY VERSION LABELS TAINTS.
template='{{range .items}}{{.metadata.name}} {{range .status.conditions}}{{if eq .type "Ready"}}{{.status}}{{end}}{{end}}'
template="$template"' {{.status.nodeInfo.kubeletVersion}} {{$comma := ""}}'
template="$template"'{{range $key, $value := .metadata.labels}}{{$comma}}{{$key}}={{$value}}{{$comma = ","}}{{else}}-{{end}}'
template="$template"' {{$comma = ""}}{{range .spec.taints}}{{$comma}}{{.key}}={{with .value}}{{.}}{{end}}:{{.effect}}'
template="$template"'{{$comma = ","}}{{else}}-{{end}}{{"\n"}}{{end}}'
KUBECACHEDIR=/var/lib/craton/kubectl kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$server" --request-timeout=15s get nodes -o go-template="$template"
