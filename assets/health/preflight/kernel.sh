# Modules, settings, control groups and limits of the kernel.
#   module vxlan loaded            or available, or builtin; no line: missing
#   setting net/ipv4/ip_forward 1
#   settings read-only             /proc/sys cannot be written
#   cgroup /sys/fs/cgroup cgroup2 rw,nosuid   mounts of control groups
#   controllers cpu memory pids    of version 2; `controller memory 1` (enabled) of version 1
#   threads 412                    that run; `pids-max 2048` what the machine's own control group allows
#   open-files 1048576             that a process may have
say() { printf '%s\n' "$*"; }

set -- overlay br_netfilter vxlan nf_conntrack xt_comment xt_conntrack xt_mark xt_statistic xt_addrtype
for module; do
    if [ -d "/sys/module/$module" ]; then say module "$module" loaded; fi
done
read -r release </proc/sys/kernel/osrelease
if cd "/lib/modules/$release" 2>/dev/null; then
    names=$(IFS='|' && echo "$*")
    grep -sHoE "^[^:]*/($names)\.ko" modules.dep modules.builtin | while IFS=: read -r list path; do
        name=${path##*/}
        case $list in
            modules.dep) say module "${name%.ko}" available ;;
            *) say module "${name%.ko}" builtin ;;
        esac
    done
fi

# Not by the shell's read: dash takes a byte at a time, and after the first one the files of /proc/sys have ended.
awk '
    function tell(kind, file) {
        if ((getline line < file) > 0) print kind, line
        close(file)
    }
    BEGIN {
        settings = "net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables kernel/modules_disabled kernel/pid_max"
        settings = settings " kernel/threads-max fs/file-max fs/inotify/max_user_instances fs/inotify/max_user_watches"
        count = split(settings, paths, " ")
        for (i = 1; i <= count; i++) tell("setting " paths[i], "/proc/sys/" paths[i])
        while ((getline < "/proc/self/mounts") > 0) if ($3 ~ /^cgroup2?$/) print "cgroup", $2, $3, $4
        tell("controllers", "/sys/fs/cgroup/cgroup.controllers")
        while ((getline < "/proc/cgroups") > 0) if ($1 !~ /^#/) print "controller", $1, $4
        tell("pids-max", "/sys/fs/cgroup/pids.max")
        tell("pids-max", "/sys/fs/cgroup/pids/pids.max")
        if ((getline < "/proc/loadavg") > 0) print "threads", substr($4, index($4, "/") + 1)
    }'
if [ ! -w /proc/sys/net/ipv4/ip_forward ]; then say settings read-only; fi
# shellcheck disable=SC3045 # dash, bash and busybox all have it
printf "open-files " && ulimit -Hn
