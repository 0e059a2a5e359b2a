# connect ADDRESS PORT: opens a TCP connection with whatever this machine has, says why if it cannot.
connect() {
    if command -v bash >/dev/null; then
        # shellcheck disable=SC2016 # for the inner shell to expand
        timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1
    elif command -v nc >/dev/null; then
        timeout 3 nc -z -v -w 2 "$1" "$2" 2>&1
    elif command -v python3 >/dev/null; then
        timeout 3 python3 -c 'import socket, sys; socket.create_connection(sys.argv[1:3], 2)' "$1" "$2" 2>&1
    else
        echo "no tool"
        return 127
    fi
}

# A refusal comes from the machine itself: nothing on the way filters the port.
tcp() {
    output=$(connect "$1" "$2") && { echo open; return; }
    status=$?
    case "$status $output" in
        *refused*) echo refused ;;
        124\ * | *[Tt]imed\ out* | *TIMEOUT* | *unreachable* | *"No route"* | *prohibited* | *"not permitted"*) echo filtered ;;
        *) echo unknown ;;
    esac
}

# Whether VXLAN gets through is proved by an answer through it: from the peer's own end of the tunnel.
overlay() {
    mac=$(bridge fdb show dev flannel.1 2>/dev/null | awk -v peer="$1" '$2 == "dst" && $3 == peer { print $1; exit }')
    gateway=$(ip neigh show dev flannel.1 2>/dev/null | awk -v mac="$mac" '$2 == "lladdr" && $3 == mac { print $1; exit }')
    if [ -z "$mac" ] || [ -z "$gateway" ]; then
        echo unknown
    elif command -v ping >/dev/null && ping -c 1 -W 2 "$gateway" >/dev/null 2>&1; then
        echo open
    else
        case $(tcp "$gateway" 10250) in
            open | refused) echo open ;;
            *) echo filtered ;;
        esac
    fi
}

target() {
    case $1 in
        tcp) result=$(tcp "$2" "$3") ;;
        udp) result=$(overlay "$2") ;;
        *) result=unknown ;;
    esac
    echo "$1 $2 $3 $result"
}

# Reads lines `# target PROTOCOL ADDRESS PORT`; 32 are tried at a time.
reach() {
    started=0
    while read -r _ _ protocol address port; do
        target "$protocol" "$address" "$port" &
        started=$((started + 1))
        if [ $((started % 32)) -eq 0 ]; then wait; fi
    done
    wait
}

