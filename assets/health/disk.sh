# The file systems that a node fills. Paths on the same one repeat its line.
df -Pk /
for path in /var/lib/containerd /var/lib/kubelet /var/lib/etcd /var/log; do
    if [ -d "$path" ]; then df -Pk "$path" | tail -n 1; fi
done
