# The configuration that the kubelet was told to read.
pid=$(systemctl show -p MainPID --value kubelet.service)
file=$(tr '\0' '\n' <"/proc/${pid:-0}/cmdline" 2>/dev/null | sed -n 's/^--config=//p')
[ ! -e /run/systemd/container ] || echo '# in a container'
cat "${file:-/var/lib/kubelet/config.yaml}"
