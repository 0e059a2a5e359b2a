# PROCESS ARGUMENT, a line for each argument of the kubelet and of the control plane's processes that run.
show() {
    tr '\0' '\n' <"/proc/$2/cmdline" | sed "s/^/$1 /"
}
kubelet=$(systemctl show -p MainPID --value kubelet.service)
[ "${kubelet:-0}" -eq 0 ] || show kubelet "$kubelet"
for process in /proc/[0-9]*; do
    read -r name 2>/dev/null <"$process/comm" || continue
    # The kernel cuts names after 15 letters.
    case $name in
    kube-controller) name=kube-controller-manager ;;
    kube-apiserver | kube-scheduler | etcd) ;;
    *) continue ;;
    esac
    # One of a cluster inside a container of this machine is none of ours.
    ! grep -q ':/kubepods' "$process/cgroup" || show "$name" "${process#/proc/}"
done
