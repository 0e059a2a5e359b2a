# Proxies that commands of root or apt would use: `proxy env https_proxy=http://...`. Passwords are not shown.
exec awk '
    function tell(source, line) {
        sub(/^[ \t]+/, "", line)
        sub(/\/\/[^\/@]*@/, "//***@", line)
        print "proxy", source, line
    }
    BEGIN {
        variable = "(https?|no|all|ftp)_proxy"
        for (name in ENVIRON) if (tolower(name) ~ "^" variable "$") tell("env", name "=" ENVIRON[name])
        while ((getline line < "/etc/environment") > 0)
            if (tolower(line) ~ "^[ \t]*(export )?" variable "=") tell("file", line)
        for (i = 1; i < ARGC; i++)
            while ((getline line < ARGV[i]) > 0)
                if (tolower(line) ~ /^[ \t]*acquire::https?::proxy[ \t]/) tell("apt", line)
    }' /etc/apt/apt.conf /etc/apt/apt.conf.d/* 2>/dev/null
