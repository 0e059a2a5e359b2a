# One line per name: NAME ADDRESS ADDRESS... (IPv4, each once).
for name; do
    addresses=$(getent ahostsv4 "$name" | awk '!seen[$1]++ { printf " %s", $1 }')
    echo "$name$addresses"
done
