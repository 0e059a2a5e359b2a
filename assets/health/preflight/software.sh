# Container runtimes and Kubernetes' own programs, and services that matter.
#   version containerd containerd containerd.io 1.6.20 ...   what it says of itself
#   config disabled_plugins = ["cri"]     lines of containerd's configuration
#   socket /run/containerd/containerd.sock
#   containers k8s.io 5                   that run, by containerd's namespace
#   Id=, LoadState=, ActiveState=, UnitFileState=   of services, as systemctl shows them
#   time NTPSynchronized=yes
say() { printf '%s\n' "$*"; }

version() { # NAME ARGUMENT...
    if command -v "$1" >/dev/null; then
        say version "$1" "$(timeout -k 1 3 "$@" 2>/dev/null | head -c 500 | head -n 1)"
    fi
}

for name in containerd dockerd crio kubelet; do version "$name" --version; done
version kubeadm version -o short
for name in k3s k0s rke2 microk8s; do
    if command -v "$name" >/dev/null || [ -x "/snap/bin/$name" ]; then say version "$name"; fi
done
if [ -r /etc/containerd/config.toml ]; then
    grep -E '^[[:space:]]*(version|disabled_plugins|SystemdCgroup)[[:space:]]*=' /etc/containerd/config.toml | sed 's/^ */config /'
fi
for socket in /run/containerd/containerd.sock /run/crio/crio.sock /run/cri-dockerd.sock /run/k3s/containerd/containerd.sock; do
    if [ -S "$socket" ]; then say socket "$socket"; fi
done
for directory in /run/containerd/io.containerd.runtime.v2.task/*; do
    if [ -d "$directory" ]; then
        set -- "$directory"/*
        if [ -e "$1" ]; then say containers "${directory##*/}" "$#"; fi
    fi
done

# Without systemd nobody would answer.
if [ ! -d /run/systemd/system ]; then exit 0; fi
timeout -k 1 5 systemctl show --no-pager -p Id,LoadState,ActiveState,UnitFileState \
    containerd docker crio kubelet k3s k3s-agent rke2-server rke2-agent k0scontroller k0sworker snap.microk8s.daemon-kubelite \
    firewalld ufw nftables netfilter-persistent \
    systemd-timesyncd chronyd chrony ntpd ntp ntpsec openntpd 2>/dev/null
case $? in 124 | 137) exit 124 ;; esac
# systemd-timesyncd touches this file whenever it set the clock, every 34 minutes at least; timedatectl starts a service.
if [ -n "$(find /run/systemd/timesync/synchronized -mmin -120 2>/dev/null)" ]; then
    say time NTPSynchronized=yes
elif command -v timedatectl >/dev/null; then
    output=$(timeout -k 1 5 timedatectl show -p NTPSynchronized 2>/dev/null) && say time "$output"
fi
