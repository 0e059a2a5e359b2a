# Where a node keeps what, and what room is there.
#   path /var/lib/etcd /var        a path of a node, and the nearest of its parents that exists, links followed
#   space /dev/vda1 41152736 6310004 34842732 - /var   as `df -Pk` has it: KiB in all, used, available; mount point
#   inodes /dev/vda1 6000000 90000 5910000 - /var      likewise, as `df -Pi` has it
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
    say path "$path" "$PWD"
    case " $* " in *" $PWD "*) ;; *) set -- "$@" "$PWD" ;; esac
done
# Not df, which would be asked twice, and finds no other mount points.
stat -f -c '%S %b %f %a %c %d %n' "$@" 2>/dev/null | awk '
    function tell(kind, unit, all, free, available) {
        printf "%s %s %.0f %.0f %.0f - %s\n", kind, device[point], all * unit, (all - free) * unit, available * unit, point
    }
    BEGIN {
        while ((getline < "/proc/self/mounts") > 0) {
            device[$2] = $1
            if ($2 !~ /^\/(proc|sys|dev|run|var\/lib\/(kubelet\/.*|containers|docker))\//) print "mount", $2, $3, $4
        }
    }
    {
        for (point = $7; !(point in device) && point != ""; ) sub(/\/[^\/]*$/, "", point)
        if (point == "") point = "/"
        tell("space", $1 / 1024, $2, $3, $4)
        tell("inodes", 1, $5, $6, $6)
    }'
for disk in /sys/block/*; do
    case ${disk##*/} in
        loop* | ram* | zram* | sr* | fd* | dm-* | md*) ;;
        *) if [ -r "$disk/size" ] && read -r sectors <"$disk/size"; then say disk "${disk##*/}" "$((sectors * 512))"; fi ;;
    esac
done
