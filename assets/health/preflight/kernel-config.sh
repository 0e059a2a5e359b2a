# Of the options in "$@", those that the kernel was built with: `CONFIG_VXLAN=m`, after `source FILE`.
read -r release </proc/sys/kernel/osrelease
for file in /proc/config.gz "/boot/config-$release" "/usr/lib/modules/$release/config" "/lib/modules/$release/config" \
    "/usr/lib/kernel/config-$release" "/usr/lib/ostree-boot/config-$release" "/usr/src/linux-headers-$release/.config" \
    "/lib/modules/$release/build/.config"; do
    if [ ! -r "$file" ]; then continue; fi
    echo "source $file"
    pattern="^CONFIG_($(IFS='|' && echo "$*"))=[ym]$"
    case $file in *.gz) gzip -dc "$file" | grep -E "$pattern" ;; *) grep -E "$pattern" "$file" ;; esac
    exit 0
done
