for path in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables; do
    key=$(echo "$path" | tr / .)
    if value=$(cat "/proc/sys/$path" 2>/dev/null); then
        echo "$key = $value"
    else
        echo "$key missing"
    fi
done
