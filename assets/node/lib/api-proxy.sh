# shellcheck shell=sh
# This machine's own way to the API: HAProxy on loopback, which leads to the masters whose API server is ready.
#
# Clients try the addresses of a name in order, each for up to 10 s. A proxy that knows who answers spares them that.

API_PROXY_CONFIG=/etc/craton/api-proxy.cfg
API_PROXY=craton-api-proxy.service
API_PROXY_UNIT=/etc/systemd/system/$API_PROXY

# Before the names, one of which leads to it.
prepare_api_proxy() {
    [ -n "$API" ] || return 0
    has haproxy || bring_haproxy || {
        say 'no package source has haproxy: without it, clients here try one master after the other'
        return 0
    }
    put_pending "$API_PROXY_CONFIG" "$API_PROXY" api_proxy_config
    put_pending "$API_PROXY_UNIT" api-proxy-unit api_proxy_unit
    if is_pending api-proxy-unit; then
        pending reload
        pending "$API_PROXY"
        settled api-proxy-unit
    fi
    service_on "$API_PROXY"
}

# After the names: none leads to it any more.
drop_api_proxy() {
    [ -z "$API" ] && is_ours file "$API_PROXY_UNIT" || return 0
    change "stop $API_PROXY"
    systemctl disable -q "$API_PROXY" || :
    systemctl stop "$API_PROXY" || :
    withdraw "$API_PROXY_UNIT"
    withdraw "$API_PROXY_CONFIG"
    pending reload
    reload_units
}

# In a shell of its own, which may fail.
bring_haproxy() {
    (
        install_without_service haproxy
    ) && read_log_again && has haproxy && return
    read_log_again
    undo_mask haproxy.service inactive >/dev/null
    return 1
}

# Whether a proxy that the configuration asks for does its work, or none is asked for, or none can be had.
api_proxy_stands() {
    [ -n "$(kept_setting API)" ] && has haproxy || return 0
    [ "$(active "$API_PROXY")" = active ]
}

# Where the API's name leads: lines of /etc/hosts.
api_names() {
    [ -n "$API" ] || return 0
    # shellcheck disable=SC2086 # a list of words
    set -- $API
    api_name=$1
    shift
    [ "$(active "$API_PROXY")" != active ] || set -- 127.0.0.1
    for address; do say "$address $api_name"; done
}

# What is passed on is encrypted, and clients check the certificate; the checks of health ask no more than who is ready.
# A master is out within 4.5 s of its last answer: 1 s until it is asked, and two answers that do not come.
#
# With the leader of etcd all masters are lost for a moment, though they run. Then those go on that answer anything at all
# in time: one that is paused takes connections, too, and whoever got there would wait for 10 s. If none answers, because
# they are slow, one of them is better than none.
api_proxy_config() {
    cat <<END
# Written by craton-node.
global
    maxconn 1000
    nbthread 1

defaults
    mode tcp
    balance random
    timeout connect 1s
    timeout check 1500ms
    timeout client 4h
    timeout server 4h
    option clitcpka
    option srvtcpka
    retries 3
    option redispatch 1
    default-server check-ssl verify none inter 1s fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions

frontend api
    bind 127.0.0.1:6443
    use_backend ready if { nbsrv(ready) gt 0 }
    use_backend alive if { nbsrv(alive) gt 0 }
    default_backend any

backend ready
    option httpchk GET /readyz
    http-check expect status 200
$(api_proxy_servers check)

backend alive
    option httpchk GET /livez?exclude=etcd
    http-check expect rstatus .
$(api_proxy_servers check)

backend any
$(api_proxy_servers)
END
}

# api_proxy_servers [WORD]: one line for each master, which ends with WORD.
api_proxy_servers() {
    for address in ${API#* }; do say "    server $address $address:6443${1:+ $1}"; done
}

api_proxy_unit() {
    cat <<END
# Written by craton-node.
[Unit]
Description=This machine's proxy to the Kubernetes API
Documentation=https://docs.haproxy.org/
After=network.target
Before=kubelet.service
StartLimitIntervalSec=0

[Service]
Type=notify
User=haproxy
Group=haproxy
ExecStart=$(command -v haproxy) -Ws -f $API_PROXY_CONFIG
Restart=always
RestartSec=1
LimitNOFILE=4096
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
END
}
