# Where a node keeps what, and what room is there.
#   path /var/lib/etcd /var        a path of a node, and the nearest of its parents that exists, links followed
#   space LINE, inodes LINE        lines of `df -Pk` and `df -Pi` for those
#   mount /var ext4 rw,relatime    mounts in order; a later one hides an earlier one
#   disk vda 42949672960           size in bytes
say() { printf '%s\n' "$*"; }

set --
for path in / /etc /usr/local /opt /var/lib /var/log /var/lib/containerd /var/lib/kubelet /var/lib/etcd; do
    found=$path
    until cd -P "$found" 2>/dev/null; do
        found=${found%/*}
        found=${found:-/}
    done
    real=$(pwd -P)
    say path "$path" "$real"
    case " $* " in *" $real "*) ;; *) set -- "$@" "$real" ;; esac
done
{ df -Pk "$@"; df -Pi "$@"; } 2>/dev/null | awk '
    /^Filesystem/ { kind = / Inodes / ? "inodes" : "space" }
    { print kind, $0 }
    END {
        while ((getline < "/proc/self/mounts") > 0)
            if ($2 !~ /^\/(proc|sys|dev|run|var\/lib\/(kubelet\/.*|containers|docker))\//) print "mount", $2, $3, $4
    }'
for disk in /sys/block/*; do
    case ${disk##*/} in
        loop* | ram* | zram* | sr* | fd* | dm-* | md*) ;;
        *) if [ -r "$disk/size" ] && read -r sectors <"$disk/size"; then say disk "${disk##*/}" "$((sectors * 512))"; fi ;;
    esac
done
