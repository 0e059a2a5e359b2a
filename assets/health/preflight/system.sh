# What system this is and which machine, in lines `KIND VALUE`; what cannot be read has no line.
#   os ID=debian              lines of os-release
#   kernel 6.1.0-18-amd64     also `hardware x86_64`, `init systemd`, `user 0`, `uid-map 0 0 4294967295`
#   container podman          or none; `virtualization kvm` likewise, or virtual where its maker is not known
#   machine-id, product-uuid, boot-id, cpus, selinux (1: enforcing), apparmor (Y), reboot-required yes
say() { printf '%s\n' "$*"; }
tell() { # KIND FILE
    if [ -r "$2" ] && read -r line <"$2"; then say "$1" "$line"; fi
} 2>/dev/null

for file in /etc/os-release /usr/lib/os-release; do
    if [ -r "$file" ]; then
        while read -r line; do
            case $line in
                ID=* | ID_LIKE=* | VERSION_ID=* | PRETTY_NAME=*) say os "$line" ;;
            esac
        done <"$file"
        break
    fi
done
release=$(uname -rm)
say kernel "${release% *}"
say hardware "${release##* }"
say cpus "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
tell init /proc/1/comm
tell uid-map /proc/self/uid_map
tell machine-id /etc/machine-id
tell product-uuid /sys/class/dmi/id/product_uuid
tell boot-id /proc/sys/kernel/random/boot_id
tell selinux /sys/fs/selinux/enforce
tell apparmor /sys/module/apparmor/parameters/enabled
if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then say reboot-required yes; fi

tracer=0
while read -r key value rest; do
    case $key in
        TracerPid:) tracer=$value ;;
        Uid:) say user "${rest%%[!0-9]*}" && break ;;
    esac
done </proc/self/status

# As systemd-detect-virt, which takes as long as all of the above together.
container() {
    case $release in *[Mm]icrosoft* | *WSL*) say wsl && return ;; esac
    if [ -d /proc/vz ] && [ ! -d /proc/bc ]; then say openvz && return; fi
    if [ "$tracer" != 0 ] && [ "$(tell comm "/proc/$tracer/comm")" = "comm proot" ]; then say proot && return; fi
    for file in /run/host/container-manager /run/systemd/container; do
        if [ -r "$file" ] && read -r name <"$file"; then say "$name" && return; fi
    done
    if [ -e /run/.containerenv ]; then say podman && return; fi
    if [ -e /.dockerenv ]; then say docker && return; fi
    say none
}
virtualization() {
    for file in product_name sys_vendor board_vendor bios_vendor; do
        if [ -r "/sys/class/dmi/id/$file" ] && read -r name <"/sys/class/dmi/id/$file"; then
            case $name in
                *.metal*) say none && return ;;
                KVM* | OpenStack* | KubeVirt*) say kvm && return ;;
                QEMU*) say qemu && return ;;
                VMware* | VMW*) say vmware && return ;;
                innotek* | VirtualBox*) say oracle && return ;;
                Xen*) say xen && return ;;
                Bochs*) say bochs && return ;;
                Parallels*) say parallels && return ;;
                BHYVE*) say bhyve && return ;;
                Hyper-V* | "Virtual Machine"*) say microsoft && return ;;
                "Apple Virtualization"*) say apple && return ;;
                "Google Compute Engine"*) say google && return ;;
                "Amazon EC2"*) say amazon && return ;;
            esac
        fi
    done
    if [ -r /sys/hypervisor/type ] && read -r name </sys/hypervisor/type; then say "$name" && return; fi
    if [ -d /proc/device-tree/hypervisor ]; then say virtual && return; fi
    case $(grep -m 1 '^flags' /proc/cpuinfo) in *" hypervisor"*) say virtual ;; *) say none ;; esac
}
say virtualization "$(virtualization)"
say container "$(container)"
