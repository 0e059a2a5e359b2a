# Interfaces, addresses, routes and neighbours, as the kernel has them.
#   link eth0 1500 up 52:54:00:12:34:56     name, MTU, state, MAC address
#   address eth0 192.0.2.2/24               IPv4; `address - 192.0.2.2` where `ip` is missing
#   route eth0 00000000 010200C0 0003 00000000 100   /proc/net/route: destination, gateway, flags, mask, metric
#   neighbour 192.0.2.1 0x2 02:fc:00:00:00:05 eth0   /proc/net/arp: address, flags, MAC address, interface
#   ip_local_port_range 32768 60999         also `ip_local_reserved_ports 30000-32767`
addresses() {
    if command -v ip >/dev/null; then
        ip -o -4 addr show 2>/dev/null
    else
        awk '$1 == "|--" { at = $2 } /host LOCAL/ && !seen[at]++ { print "1: - inet", at }' /proc/net/fib_trie
    fi
}

# Containers' ends of veth pairs are many, and nothing asks for them.
set --
for link in /sys/class/net/*; do
    case ${link##*/} in veth* | bonding_masters) ;; *) set -- "$@" "$link" ;; esac
done
addresses | awk -v links="$*" '
    function value(file,    line) {
        if ((getline line < file) <= 0 || line == "") line = "-"
        close(file)
        return line
    }
    function tell(name) {
        if ((getline line < ("/proc/sys/net/ipv4/" name)) > 0) print name, line
    }
    BEGIN {
        count = split(links, link, " ")
        for (i = 1; i <= count; i++) {
            name = link[i]
            sub(/.*\//, "", name)
            print "link", name, value(link[i] "/mtu"), value(link[i] "/operstate"), value(link[i] "/address")
        }
    }
    { sub(/@.*/, "", $2); print "address", $2, $4 }
    END {
        for (n = 0; n < 500 && (getline < "/proc/net/route") > 0; n++) print "route", $1, $2, $3, $4, $8, $7
        for (n = 0; n < 1000 && (getline < "/proc/net/arp") > 0; n++) print "neighbour", $1, $3, $4, $6
        tell("ip_local_port_range")
        tell("ip_local_reserved_ports")
    }'
