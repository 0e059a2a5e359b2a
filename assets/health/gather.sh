# Reads nothing but this script, changes nothing.
# shellcheck disable=SC2154 # nonce and limit stand in the lines that come before these
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
exec 4>&1

# probe ID SECONDS: runs the shell that stands on stdin, bounded in time and output. The output goes to descriptor 4;
# descriptor 3 carries the exit status past head. Both are closed for the command: nothing it starts keeps them open.
probe() {
    command=$(cat)
    echo "=== $nonce $1"
    status=$({ { timeout -k 1 "$2" sh -c "$command" </dev/null 2>&1 3>&- 4>&-; echo "$?" >&3; } |
        head -c "$limit" >&4 3>&-; } 3>&1)
    printf '\n=== %s %s exit %s\n' "$nonce" "$1" "$status"
}

