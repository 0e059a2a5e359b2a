# Of the options in "$@", those that the kernel was built with: `CONFIG_VXLAN=m`, after `source FILE`.
read -r release </proc/sys/kernel/osrelease
for file in "/boot/config-$release" /proc/config.gz "/usr/lib/modules/$release/config" "/lib/modules/$release/config" \
    "/usr/lib/kernel/config-$release" "/usr/lib/ostree-boot/config-$release" "/usr/src/linux-headers-$release/.config" \
    "/lib/modules/$release/build/.config"; do
    if [ ! -r "$file" ]; then continue; fi
    echo "source $file"
    # Not by grep, whose pattern with all the names would take longer to compile than awk to look them up.
    case $file in *.gz) gzip -dc "$file" ;; *) cat "$file" ;; esac | awk -F = -v names="$*" '
        BEGIN { count = split(names, name, " "); for (i = 1; i <= count; i++) wanted["CONFIG_" name[i]] = 1 }
        /=[ym]$/ && $1 in wanted'
    exit 0
done
