# Packet filters in force. Tables are read only where the kernel has some: asking would load modules otherwise.
#   chain nft inet filter input input drop 12 3   tool, family, table, chain, hook, policy, rules and verdicts drop or
#                                                 reject in the whole table
#   kube 7                                        chains that kube-proxy or the kubelet made
#   unread nf_tables                              there may be some, and there is no tool to read them with
#   ufw yes                                       enabled in ufw.conf
say() { printf '%s\n' "$*"; }

from_nft() {
    awk '
        function flush(    i) { for (i = 1; i <= n; i++) print "chain nft", held[i], rules, drops; n = rules = drops = 0 }
        /^no end$/ { exit 1 }
        /^table / { flush(); table = $2 " " $3 }
        $1 == "chain" { chain = $2; kube += (chain ~ /^KUBE-/); next }
        $1 == "set" || $1 == "map" { chain = "" ; next }
        $1 == "}" { chain = ""; next }
        chain == "" { next }
        /^[ \t]*type .* hook / {
            hook = policy = ""
            for (i = 1; i < NF; i++) { if ($i == "hook") hook = $(i + 1); if ($i == "policy") policy = $(i + 1) }
            sub(/;.*/, "", policy)
            held[++n] = table " " chain " " hook " " (policy == "" ? "accept" : policy)
            next
        }
        NF { rules++; drops += (/[ \t](drop|reject)([ \t]|$)/) }
        END { flush(); print "kube", kube + 0 }'
}

from_iptables() { # FAMILY
    awk -v family="$1" '
        function flush(    i) { for (i = 1; i <= n; i++) print "chain iptables", held[i], rules, drops; n = rules = drops = 0 }
        /^no end$/ { exit 1 }
        /^\*/ { flush(); table = substr($1, 2) }
        /^:/ { chain = substr($1, 2); kube += (chain ~ /^KUBE-/)
               if ($2 != "-") held[++n] = family " " table " " chain " " tolower(chain) " " tolower($2) }
        /^-A/ { rules++; drops += (/-j (DROP|REJECT)/) }
        END { flush(); print "kube", kube + 0 }'
}

# What COMMAND prints, unless there are so many rules that it does not come to an end.
listed() {
    timeout -k 1 12 "$@" 2>/dev/null
    case $? in 124 | 137) echo "no end" ;; esac
}

read -r release </proc/sys/kernel/osrelease
if [ -d /sys/module/nf_tables ] || ! grep -q '/nf_tables\.ko' "/lib/modules/$release/modules.dep" 2>/dev/null; then
    if command -v nft >/dev/null; then
        listed nft -t list ruleset | from_nft || exit 124
    elif command -v iptables-nft-save >/dev/null; then
        listed iptables-nft-save | from_iptables ip || exit 124
    elif [ -d /sys/module/nf_tables ]; then
        say unread nf_tables
    fi
fi
if [ -s /proc/net/ip_tables_names ] && save=$(command -v iptables-legacy-save || command -v iptables-save); then
    listed "$save" | from_iptables ip || exit 124
fi
if [ -r /etc/ufw/ufw.conf ]; then
    while read -r line; do
        case $line in ENABLED=yes) say ufw yes ;; esac
    done </etc/ufw/ufw.conf
fi
