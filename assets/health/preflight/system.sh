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
read -r release </proc/sys/kernel/osrelease
say kernel "$release"
if [ -r /proc/sys/kernel/arch ]; then tell hardware /proc/sys/kernel/arch; else say hardware "$(uname -m)"; fi
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

# As systemd-detect-virt finds it, which takes as long as all of the above together.
container() {
    case $release in *[Mm]icrosoft* | *WSL*) say container wsl && return ;; esac
    if [ -d /proc/vz ] && [ ! -d /proc/bc ]; then say container openvz && return; fi
    if [ "$tracer" != 0 ] && read -r name <"/proc/$tracer/comm" && [ "$name" = proot ]; then say container proot && return; fi
    for file in /run/host/container-manager /run/systemd/container; do
        if [ -s "$file" ]; then tell container "$file" && return; fi
    done
    if [ -e /run/.containerenv ]; then
        say container podman
    elif [ -e /.dockerenv ]; then
        say container docker
    else
        say container none
    fi
}
virtualization() {
    for file in product_name sys_vendor board_vendor bios_vendor; do
        name=
        if [ -r "/sys/class/dmi/id/$file" ]; then read -r name <"/sys/class/dmi/id/$file"; fi
        case $name in
            *.metal*) say virtualization none && return ;;
            KVM* | OpenStack* | KubeVirt*) say virtualization kvm && return ;;
            QEMU*) say virtualization qemu && return ;;
            VMware* | VMW*) say virtualization vmware && return ;;
            innotek* | VirtualBox*) say virtualization oracle && return ;;
            Xen*) say virtualization xen && return ;;
            Bochs*) say virtualization bochs && return ;;
            Parallels*) say virtualization parallels && return ;;
            BHYVE*) say virtualization bhyve && return ;;
            Hyper-V* | "Virtual Machine"*) say virtualization microsoft && return ;;
            "Apple Virtualization"*) say virtualization apple && return ;;
            "Google Compute Engine"*) say virtualization google && return ;;
            "Amazon EC2"*) say virtualization amazon && return ;;
        esac
    done
    if [ -r /sys/hypervisor/type ]; then tell virtualization /sys/hypervisor/type && return; fi
    if [ -d /proc/device-tree/hypervisor ] || grep -q -m 1 '^flags.* hypervisor' /proc/cpuinfo; then
        say virtualization virtual
    else
        say virtualization none
    fi
}
virtualization
container
