#!/bin/sh
# Turns a Debian root file system with the packages of packages.txt into a machine's: run in it once, as root, with
# entrypoint.sh next to this file. Both ways to build the image run it.
set -eu
here=$(dirname "$0")

install -D -m 0755 "$here/entrypoint.sh" /usr/local/lib/craton/entrypoint

# These would change the host, whose kernel the machines share, or wait for hardware that they do not have.
for unit in systemd-modules-load.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
    systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
    systemd-udev-settle.service systemd-remount-fs.service systemd-timesyncd.service systemd-firstboot.service \
    getty.target getty@.service console-getty.service serial-getty@.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount dev-hugepages.mount \
    modprobe@.service kmod-static-nodes.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
# The network's settings are a machine's own, and a restart forgets them. The system's files have others, of the whole kernel.
settings=/etc/sysctl.d/99-zz-craton.conf unit=/etc/systemd/system/systemd-sysctl.service.d
mkdir -p "$unit"
printf '%s\n' '[Unit]' "ConditionPathExists=$settings" '[Service]' ExecStart= \
    "ExecStart=/usr/lib/systemd/systemd-sysctl $settings" >"$unit/craton.conf"
# The balancer's user data starts the one, and craton-node the other with a configuration of its own.
rm -f /etc/systemd/system/multi-user.target.wants/haproxy.service /etc/systemd/system/multi-user.target.wants/keepalived.service

mkdir -p /etc/systemd/system.conf.d /etc/systemd/journald.conf.d /etc/ssh/sshd_config.d /etc/cloud/cloud.cfg.d
printf '[Manager]\nDefaultTimeoutStopSec=15s\n' >/etc/systemd/system.conf.d/craton.conf
printf '[Journal]\nReadKMsg=no\nSystemMaxUse=64M\n' >/etc/systemd/journald.conf.d/craton.conf
printf 'PasswordAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\nMaxStartups 100\n' \
    >/etc/ssh/sshd_config.d/craton.conf

# The engine has set up the network; modules that no user data of ours needs cost seconds at every start.
cat >/etc/cloud/cloud.cfg.d/90-craton.cfg <<'END'
datasource_list: [NoCloud, None]
network: {config: disabled}
manage_etc_hosts: false
cloud_init_modules: [write_files, set_hostname, users_groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts_user]
END

# What must be each machine's own.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
: >/etc/hostname
: >/etc/hosts

apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old "$here"
# Nothing is left to update at the first start.
touch /etc/.updated /var/.updated
