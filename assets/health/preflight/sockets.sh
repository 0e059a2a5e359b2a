# Who listens where: lines of `ss -Hltun`; where it is missing `hex tcp 0100007F:0016 0A` from /proc/net. If one of the
# ports "$@" is taken (`2379-2381`), lines of `ss -Hltunp` name who has it: for that all open files of the machine are read.
if ! command -v ss >/dev/null; then
    exec awk '
        function tell(protocol, file) {
            while ((getline < file) > 0) if ($4 == (protocol == "tcp" ? "0A" : "07")) print "hex", protocol, $2, $4
        }
        BEGIN {
            tell("tcp", "/proc/net/tcp")
            tell("tcp", "/proc/net/tcp6")
            tell("udp", "/proc/net/udp")
            tell("udp", "/proc/net/udp6")
        }'
fi
ss -Hltun | awk -v ranges="$*" '
    BEGIN { count = split(ranges, range, /[ -]/) }
    {
        port = $5
        sub(/.*:/, "", port)
        for (i = 1; i < count; i += 2) taken += (port + 0 >= range[i] + 0 && port + 0 <= range[i + 1] + 0)
        found = found $0 "\n"
    }
    END {
        if (taken) exit 1
        printf "%s", found
    }' || exec ss -Hltunp
