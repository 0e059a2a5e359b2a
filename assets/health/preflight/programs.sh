# Which programs are here, and whether packages can be installed.
#   program socat
#   broken PACKAGE                    not wholly installed, says dpkg
#   busy apt-get 4711                 holds dpkg's lock: name, process
#   cloud-init running                its first start is not over
say() { printf '%s\n' "$*"; }

for name in conntrack ip iptables mount nsenter ebtables ethtool tc socat touch crictl curl wget apt-get dnf yum perl \
    systemctl systemd-run modprobe sysctl swapoff tar gzip sha256sum timeout nft getent awk sed grep install mktemp ss hostnamectl; do
    if command -v "$name" >/dev/null; then say program "$name"; fi
done

# dpkg's own files, of which each Package: has its Status: below it; dpkg-query would parse all the rest as well.
# The others hold what dpkg did since it last wrote the first.
broken='unpacked|half-installed|half-configured|triggers-awaited'
grep -shE -B 1 "^Status: .* ($broken)$" /var/lib/dpkg/status /var/lib/dpkg/updates/[0-9]* |
    while read -r key value; do
        case $key in Package:) say broken "$value" ;; esac
    done

set --
if [ -r /proc/locks ]; then
    while read -r _ kind _ access holder where _; do
        if [ "$kind $access" = "POSIX WRITE" ]; then set -- "$@" "$holder:${where##*:}"; fi
    done </proc/locks
fi
if [ "$#" -gt 0 ]; then
    inodes=$(stat -c %i /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock 2>/dev/null)
    for inode in $inodes; do
        for lock; do
            if [ "${lock#*:}" = "$inode" ]; then
                name=-
                if [ -r "/proc/${lock%:*}/comm" ]; then read -r name <"/proc/${lock%:*}/comm"; fi
                say busy "$name" "${lock%:*}"
            fi
        done
    done
fi
if [ -d /run/cloud-init ] && [ ! -e /run/cloud-init/disabled ] && [ ! -e /var/lib/cloud/instance/boot-finished ]; then
    say cloud-init running
fi
