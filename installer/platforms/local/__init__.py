"""Real machines on this computer: system containers with systemd and sshd, through podman or docker."""
