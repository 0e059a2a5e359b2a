# What an earlier cluster left, and whose machine this is.
#   path /etc/kubernetes/admin.conf   a file, or a directory that is not empty
#   link cni0
#   cni 10-flannel.conflist           files in /etc/cni/net.d
#   claim demo/demo-worker-1          the cluster that has the machine, and its name there
say() { printf '%s\n' "$*"; }
filled() { # DIRECTORY: whether it holds anything
    for entry in "$1"/* "$1"/.[!.]*; do
        if [ -e "$entry" ] || [ -L "$entry" ]; then return 0; fi
    done
    return 1
}

for path in /etc/kubernetes/*.conf /etc/kubernetes/manifests/*; do
    if [ -f "$path" ]; then say path "$path"; fi
done
for path in /etc/kubernetes/pki /var/lib/kubelet /var/lib/etcd /var/lib/cni/networks/cbr0 /var/lib/cni/flannel /run/flannel /var/lib/calico \
    /etc/rancher /var/lib/rancher /var/lib/k0s /var/snap/microk8s; do
    if [ -d "$path" ] && filled "$path"; then say path "$path"; fi
done
for link in cni0 flannel.1 kube-ipvs0 kube-bridge tunl0 vxlan.calico weave cilium_host nodelocaldns; do
    if [ -d "/sys/class/net/$link" ]; then say link "$link"; fi
done
for path in /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist /etc/cni/net.d/*.json; do
    if [ -f "$path" ]; then say cni "${path##*/}"; fi
done
if [ -r /var/lib/craton/claim ]; then
    while read -r line; do say claim "$line"; done </var/lib/craton/claim
fi
