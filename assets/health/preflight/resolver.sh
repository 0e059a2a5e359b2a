# How this machine looks names up; those of "$@" and its own are tried.
#   resolv LINE, upstream LINE         nameserver, search and options of /etc/resolv.conf, and what systemd-resolved asks
#   lookup NAME STATUS SECONDS         exit status of getent (0 found, 2 not found, 124 no answer)
say() { printf '%s\n' "$*"; }
show() { # KIND FILE
    if [ -r "$2" ]; then
        while read -r key rest; do
            case $key in nameserver | search | domain | options) say "$1" "$key" "$rest" ;; esac
        done <"$2"
    fi
}

show resolv /etc/resolv.conf
show upstream /run/systemd/resolve/resolv.conf
if command -v getent >/dev/null; then
    read -r own </proc/sys/kernel/hostname
    set -- "$own" "$@"
    # shellcheck disable=SC2016 # for the shell that timeout runs, one for all: what is not answered in time has no line
    output=$(timeout -k 1 6 sh -c '
        look() {
            getent ahostsv4 "$1" >/dev/null 2>&1
            status=$?
            read -r now _ </proc/uptime
            echo "lookup $1 $status $((${now%.*} - ${started%.*}))"
        }
        read -r started _ </proc/uptime
        for name; do look "$name" & done
        wait' sh "$@" 2>/dev/null)
    say "$output"
    for name; do
        case $output in *"lookup $name "*) ;; *) say lookup "$name" 124 6 ;; esac
    done
fi
