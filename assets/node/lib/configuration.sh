# shellcheck shell=sh
# The configuration that comes on stdin: lines KEY='value', no quote inside; read, never executed.
#
#     CLUSTER MACHINE KUBERNETES     names, and the version such as v1.36.2
#     ROLE                           master, infra or worker
#     ADDRESS                        of this machine, as the others reach it
#     PAUSE_IMAGE                    the image that containerd runs under each pod
#     HOST='ADDRESS NAME'            a line of /etc/hosts; repeated
#     LOGIN='USER TYPE BASE64'       who logs in, and the user's own key, if any: only where Craton made the machine
#     API='NAME ADDRESS...'          the API's name and the masters, where the machine has a proxy of its own to them
#     VIRTUAL='ADDRESS ROUTER PRIORITY PEER...'   the API's virtual address, VRRP's numbers, the other masters: on masters
#     ARTIFACT='NAME ARCH PATH SUM URL'   repeated; SUM is SHA-256, or `-` where none is known
#     IMAGE='PATH SUM URL'           an archive of container images; repeated
#     DIGEST='IMAGE DIGEST'          an image that the machine may run, as it was reviewed; repeated
#     REGISTRY                       address of a registry that has all images
#     PROXY NO_PROXY                 for downloads and image pulls
#     DOWNLOAD_SECONDS               in which one download has to end

CONFIGURATION=$STATE/configuration

read_configuration() {
    CLUSTER='' MACHINE='' ROLE='' ADDRESS='' KUBERNETES='' PAUSE_IMAGE='' API='' VIRTUAL='' LOGIN='' REGISTRY='' PROXY='' NO_PROXY=''
    DOWNLOAD_SECONDS=600 HOSTS='' ARTIFACTS='' IMAGES='' DIGESTS=''
    cat >"$CONFIGURATION.new" || failed_write "$CONFIGURATION.new"
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        '') ;;
        *"='"*"'") set_key "${line%%=*}" "${line#*=?}" ;;
        *) end "$USAGE" "no line of a configuration: $line" ;;
        esac
    done <"$CONFIGURATION.new"
    [ -n "$CLUSTER" ] && [ -n "$MACHINE" ] && [ -n "$KUBERNETES" ] ||
        end "$USAGE" 'the configuration on stdin names no CLUSTER, MACHINE or KUBERNETES'
}

# set_key KEY VALUE': the closing quote is still there.
set_key() {
    value=${2%?}
    case $value in *\'*) end "$USAGE" "a quote inside the value of $1" ;; esac
    case $1 in
    CLUSTER | MACHINE | ROLE | ADDRESS | KUBERNETES | PAUSE_IMAGE | API | VIRTUAL | LOGIN | REGISTRY | PROXY | NO_PROXY | DOWNLOAD_SECONDS) eval "$1=\$value" ;;
    HOST) HOSTS=$HOSTS$value$NEWLINE ;;
    ARTIFACT) ARTIFACTS=$ARTIFACTS$value$NEWLINE ;;
    IMAGE) IMAGES=$IMAGES$value$NEWLINE ;;
    DIGEST) DIGESTS=$DIGESTS$value$NEWLINE ;;
    *) end "$USAGE" "no key of a configuration: $1" ;;
    esac
}

keep_configuration() {
    ! cmp -s "$CONFIGURATION.new" "$CONFIGURATION" || { rm -f "$CONFIGURATION.new" && return; }
    mv -f "$CONFIGURATION.new" "$CONFIGURATION"
    flush "$CONFIGURATION"
}

# Nothing is done to a machine for another cluster than the one that claimed it.
check_claim() {
    [ ! -f "$STATE/claim" ] || [ "$(claimed_by)" = "$1" ] ||
        end "$OTHER_CLUSTER" "this machine belongs to the cluster $(claimed_by)"
}

claimed_by() {
    cut -d / -f 1 "$STATE/claim" 2>/dev/null || :
}
