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
        /^\*/ { flush(); table = substr($1, 2) }
        /^:/ { chain = substr($1, 2); kube += (chain ~ /^KUBE-/)
               if ($2 != "-") held[++n] = family " " table " " chain " " tolower(chain) " " tolower($2) }
        /^-A/ { rules++; drops += (/-j (DROP|REJECT)/) }
        END { flush(); print "kube", kube + 0 }'
}

if [ -d /sys/module/nf_tables ] || ! grep -q '/nf_tables\.ko' "/lib/modules/$(uname -r)/modules.dep" 2>/dev/null; then
    if command -v nft >/dev/null; then
        nft list ruleset 2>/dev/null | from_nft
    elif command -v iptables-nft-save >/dev/null; then
        iptables-nft-save 2>/dev/null | from_iptables ip
    elif [ -d /sys/module/nf_tables ]; then
        say unread nf_tables
    fi
fi
if [ -s /proc/net/ip_tables_names ]; then
    save=$(command -v iptables-legacy-save || command -v iptables-save) && "$save" 2>/dev/null | from_iptables ip
fi
if [ -r /etc/ufw/ufw.conf ]; then
    while read -r line; do
        case $line in ENABLED=yes) say ufw yes ;; esac
    done </etc/ufw/ufw.conf
fi
