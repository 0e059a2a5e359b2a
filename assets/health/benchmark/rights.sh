# `admin KIND/NAME` for each who may do everything, and `group NAME` for each group of the administrator's kubeconfig.
kubeconfig=/etc/kubernetes/admin.conf
# shellcheck disable=SC2154 # the line before this script sets server
ask() { KUBECACHEDIR=/var/lib/craton/kubectl kubectl --kubeconfig "$kubeconfig" --server "$server" --request-timeout 8s "$@"; }
ask get clusterrolebindings -o 'jsonpath={range .items[?(@.roleRef.name=="cluster-admin")]}{range .subjects[*]}admin {.kind}/{.name}{"\n"}{end}{end}' || exit 1
ask auth whoami -o 'jsonpath={range .status.userInfo.groups[*]}group {@}{"\n"}{end}'
