# shellcheck shell=sh
# What is worth reading when something is wrong, each after a line `#file NAME`, none of it longer than $GATHER_BYTES.

GATHER_BYTES=400000

verb_gather() {
    section versions.txt gather_versions
    section condition.txt verb_condition
    section kubelet.log gather_journal kubelet.service
    section containerd.log gather_journal containerd.service
    section network.txt gather_network
    section containers.txt crictl ps -a
    for name in $STATIC_PODS; do
        [ ! -e "$MANIFESTS/$name.yaml" ] || section "$name.log" gather_container "$name"
    done
    for log in cloud-init.log cloud-init-output.log; do
        [ ! -e "/var/log/$log" ] || section "$log" cat "/var/log/$log"
    done
    [ -f "$ADMIN" ] || return 0
    section nodes.txt as_admin --request-timeout=15s describe nodes
    section pods.txt as_admin --request-timeout=15s get pods -A -o wide
    section events.txt as_admin --request-timeout=15s get events -A --sort-by .lastTimestamp
}

# section NAME COMMAND...: its last words, whether it succeeds or not. No line of it looks like the head of a section.
section() {
    say "#file $1"
    shift
    { "$@" 2>&1 </dev/null || say "(it ended with status $?)"; } | tail -c "$GATHER_BYTES" | sed 's/^#file /# file /'
}

gather_versions() {
    # shellcheck disable=SC1091 # the machine's own
    (. /etc/os-release && say "$PRETTY_NAME") || :
    uname -a
    uptime
    for program in kubeadm kubelet containerd runc crictl; do
        case $program in
        kubeadm) version=$(kubeadm_version) ;;
        *) version=$("$program" --version 2>/dev/null | head -n 1) || : ;;
        esac
        say "$program: ${version:-absent}"
    done
    cat /proc/meminfo /proc/loadavg
    df -h
}

gather_journal() {
    timeout 30 journalctl -u "$1" -n 3000 --no-pager -o short-iso
}

gather_network() {
    for words in 'ip address' 'ip route' 'ip rule' 'ss -lntup' 'ss -ntp'; do
        say "== $words"
        # shellcheck disable=SC2086 # words
        timeout 20 $words || :
    done
}

# The newest container of a static pod, and the one before.
gather_container() {
    timeout 20 crictl ps -a --name "^$1\$" -q | head -n 2 | while read -r container; do
        say "== container $container"
        timeout 30 crictl logs --tail 2000 "$container" 2>&1 </dev/null || :
    done
}
