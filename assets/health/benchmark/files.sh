# MODE USER:GROUP PATH of every file that the benchmark is about, and that is there.
data=$(sed -n 's/^ *- --data-dir=//p' /etc/kubernetes/manifests/etcd.yaml 2>/dev/null | head -n 1)
for path in /etc/kubernetes/manifests/*.yaml /etc/kubernetes/*.conf /etc/kubernetes/pki /etc/kubernetes/pki/* \
    /etc/kubernetes/pki/etcd/* /etc/cni/net.d/* "${data:-/var/lib/etcd}" /var/lib/kubelet/config.yaml \
    /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d/*.conf \
    /usr/lib/systemd/system/kubelet.service /usr/lib/systemd/system/kubelet.service.d/*.conf \
    /etc/kubernetes/proxy.conf /etc/kubernetes/kube-proxy.conf /var/lib/kube-proxy/kubeconfig*; do
    [ ! -e "$path" ] || stat -L -c '%a %U:%G %n' "$path"
done
