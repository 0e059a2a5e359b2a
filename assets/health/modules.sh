# A module that is built in has no line in /proc/modules, and not always a directory under /sys/module. Containers have
# the host's kernel and often no /lib/modules.
for module in overlay br_netfilter vxlan; do
    if grep -q "^$module " /proc/modules 2>/dev/null; then
        echo "$module loaded"
    elif [ -d "/sys/module/$module" ] || grep -q "/$module\.ko" "/lib/modules/$(uname -r)/modules.builtin" 2>/dev/null ||
        { [ "$module" = br_netfilter ] && [ -d /proc/sys/net/bridge ]; }; then
        echo "$module builtin"
    else
        echo "$module missing"
    fi
done
