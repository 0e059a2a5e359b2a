# shellcheck shell=sh
# An address of the API that moves between masters: keepalived holds it on one whose API server is ready (VRRP, RFC 9568).

VIRTUAL_CONFIG=/etc/craton/virtual-address.conf
VIRTUAL_SERVICE=craton-virtual-address.service
VIRTUAL_UNIT=/etc/systemd/system/$VIRTUAL_SERVICE

prepare_ways() {
    prepare_api_proxy
    prepare_virtual_address
}

prepare_virtual_address() {
    [ -n "$VIRTUAL" ] || return 0
    read_virtual
    exists "$VIRTUAL_UNIT" || virtual_is_free || fail "$virtual_address is taken: $(mac_of "$virtual_address") answers for it"
    has keepalived || install_without_service keepalived
    put_pending "$VIRTUAL_CONFIG" "$VIRTUAL_SERVICE" virtual_config
    put_pending "$VIRTUAL_UNIT" virtual-unit virtual_unit
    if is_pending virtual-unit; then
        pending reload
        pending "$VIRTUAL_SERVICE"
        settled virtual-unit
    fi
    service_on "$VIRTUAL_SERVICE"
}

# The address belongs to the link of this machine's own: from another network nobody would find it.
read_virtual() {
    # shellcheck disable=SC2086 # a list of words
    set -- $VIRTUAL
    virtual_address=$1 virtual_router=$2 virtual_priority=$3
    shift 3
    virtual_peers=$*
    virtual_interface=$(ip -4 -o addr show to "$ADDRESS" | awk 'NR == 1 { print $2 }')
    [ -n "$virtual_interface" ] || fail "no interface has the address $ADDRESS"
    virtual_way=$(ip -4 route get "$virtual_address" 2>&1) || :
    case $virtual_way in
    *" via "* | *unreachable*) fail "$virtual_address is not in the network of $virtual_interface: $(say "$virtual_way" | head -n 1)" ;;
    esac
}

# Nobody answers for the address, or one of the other masters does, which was here first.
virtual_is_free() {
    virtual_mac=$(asked_mac "$virtual_address")
    [ -n "$virtual_mac" ] || return 0
    for peer in $virtual_peers; do
        [ "$(asked_mac "$peer")" != "$virtual_mac" ] || return 0
    done
    return 1
}

# Whatever is sent there makes the kernel ask whose it is.
asked_mac() {
    curl -s -o /dev/null --noproxy '*' --max-time 1 "http://$1:6443/" || :
    mac_of "$1"
}

mac_of() {
    ip -4 neigh show "$1" | sed -n 's/.* lladdr \([0-9a-f:]*\).*/\1/p' | head -n 1
}

virtual_address_stands() {
    [ -n "$(kept_setting VIRTUAL)" ] || return 0
    [ "$(active "$VIRTUAL_SERVICE")" = active ]
}

# Masters whose API server isn't ready come after all others, and not out of it: while none is ready, as in the moment
# in which etcd elects a new leader, the address stays where it is. There is no password: VRRP sends it in clear.
virtual_config() {
    cat <<END
# Written by craton-node.
global_defs {
    router_id $MACHINE
    vrrp_version 3
    enable_script_security
    script_user nobody
}

vrrp_script api {
    script "$(command -v curl) -fsk -o /dev/null --max-time 1 https://127.0.0.1:6443/readyz"
    interval 1
    timeout 2
    fall 2
    rise 2
    weight -100
}

vrrp_instance api {
    state BACKUP
    interface $virtual_interface
    virtual_router_id $virtual_router
    priority $virtual_priority
    advert_int 0.5
    unicast_src_ip $ADDRESS
    unicast_peer {
$(for peer in $virtual_peers; do say "        $peer"; done)
    }
    virtual_ipaddress {
        $virtual_address/32 dev $virtual_interface
    }
    track_script {
        api
    }
}
END
}

virtual_unit() {
    cat <<END
# Written by craton-node.
[Unit]
Description=The virtual address of the Kubernetes API
Documentation=https://www.keepalived.org/
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=$(command -v keepalived) --dont-fork --log-console --vrrp --use-file=$VIRTUAL_CONFIG --pid=/run/craton-virtual-address.pid --vrrp_pid=/run/craton-virtual-address-vrrp.pid
Restart=always
RestartSec=1
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
END
}
