# shellcheck shell=sh
# What this program works on, and the packages that Kubernetes needs of the system.

# Sets `family` to debian or redhat, whose relatives are warned about. Others are refused: what is done to a machine was
# tried on machines like it.
check_system() {
    ID='' ID_LIKE='' VERSION_ID='' PRETTY_NAME=''
    for release_file in /etc/os-release /usr/lib/os-release; do
        # shellcheck disable=SC1090 # the machine's own
        [ ! -r "$release_file" ] || { . "$release_file" && break; }
    done
    family='' untested=': Craton is not tested on it'
    # shellcheck disable=SC2086 # a list of words
    for id in "$ID" $ID_LIKE; do
        case $id in
        debian | ubuntu) family=debian && break ;;
        rhel | fedora | centos | rocky | almalinux | ol | amzn) family=redhat && break ;;
        esac
    done
    [ -n "$family" ] || fail "${PRETTY_NAME:-this system} is not supported: Debian 12 and 13, Ubuntu 22.04 and 24.04 are"
    case $ID:$VERSION_ID in debian:12 | debian:13 | ubuntu:22.04 | ubuntu:24.04) untested='' ;; esac
    case $(architecture) in
    amd64 | arm64) ;;
    *) fail "the architecture $(architecture) is not supported: amd64 and arm64 are" ;;
    esac
    [ -d /run/systemd/system ] || fail 'systemd is not what runs this machine'
    say "${PRETTY_NAME:-$ID $VERSION_ID}, $(architecture)$untested"
}

# Command, package of Debian, package of RHEL. A command that is there needs no package.
wanted_commands() {
    cat <<END
conntrack conntrack conntrack-tools
curl curl curl
ethtool ethtool ethtool
ip iproute2 iproute
iptables iptables iptables-nft
modprobe kmod kmod
mount mount util-linux
nft nftables nftables
nsenter util-linux util-linux
socat socat socat
END
}

missing_packages() {
    while read -r command debian redhat; do
        has "$command" || if [ "$family" = debian ]; then echo "$debian"; else echo "$redhat"; fi
    done <<END
$(wanted_commands)
END
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || echo ca-certificates
}

prepare_packages() {
    packages=$(missing_packages | sort -u | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    use_proxy
    change "install ${packages% }"
    if [ "$family" = debian ]; then install_debian; else install_redhat; fi
    packages=$(missing_packages | tr '\n' ' ')
    [ -z "$packages" ] || fail "still missing after installing: ${packages% }"
}

apt() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y -o DPkg::Lock::Timeout=120 \
        -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold "$@" </dev/null
}

# install_without_service PACKAGE: with it comes a service of its name that nobody asked for, which is kept off.
install_without_service() {
    use_proxy
    mask "$1.service"
    change "install $1"
    packages=$1
    if [ "$family" = debian ]; then install_debian; else install_redhat; fi
}

install_debian() {
    if recorded_any package && [ -n "$(dpkg --audit 2>/dev/null)" ]; then
        DEBIAN_FRONTEND=noninteractive dpkg --configure -a </dev/null # a run of ours was cut off
    fi
    apt_list=$STATE/apt.list
    # shellcheck disable=SC2086 # a list of names
    if ! apt -s install --no-install-recommends $packages >"$apt_list" 2>&1; then
        apt update || end "$UNREACHABLE" 'apt-get update failed: no package source can be reached'
        apt -s install --no-install-recommends $packages >"$apt_list" 2>&1 ||
            fail "no package source has all of ${packages% }: $(grep -m 1 '^E:' "$apt_list")"
    fi
    while read -r verb package _; do
        [ "$verb" != Inst ] || dpkg_has "$package" || added package "$package"
    done <"$apt_list"
    rm -f "$apt_list"
    # shellcheck disable=SC2086
    apt install --no-install-recommends $packages || { apt update && apt install --no-install-recommends $packages; } ||
        end "$UNREACHABLE" "apt-get install ${packages% } failed"
}

install_redhat() {
    for package in $packages; do
        rpm -q "$package" >/dev/null 2>&1 || added package "$package"
    done
    # shellcheck disable=SC2086 # a list of names
    dnf -y -q install $packages </dev/null || end "$UNREACHABLE" "dnf install ${packages% } failed"
}

dpkg_has() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'
}

recorded_any() {
    read_log
    case $log_lines in *"$NEWLINE$1 "*) return 0 ;; *) return 1 ;; esac
}

# A package stays if anything that we did not install needs it now.
undo_package() {
    if has dpkg-query; then
        dpkg_has "$1" || return 0
        foreign=$(apt -s purge "$1" 2>/dev/null | while read -r verb package _; do
            case $verb in Remv | Purg) recorded package "$package" || echo "$package" ;; esac
        done | sort -u | tr '\n' ' ')
        [ -z "$foreign" ] || { left package "$1" "needed by ${foreign% }" && return; }
        apt purge "$1" >/dev/null 2>&1 || { left package "$1" 'apt-get purge failed' && return; }
    else
        rpm -q "$1" >/dev/null 2>&1 || return 0
        dnf -y -q remove --noautoremove "$1" </dev/null >/dev/null 2>&1 || { left package "$1" 'dnf remove failed' && return; }
    fi
    removed package "$1"
}
