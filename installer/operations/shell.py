"""The command line that opens a shell on a machine with OpenSSH."""

from __future__ import annotations

from installer.operations.lookup import existing, load, machine_name
from installer.operations.session import open_world


def ssh_command(cluster: str, machine: str) -> list[str]:
    """The command line of OpenSSH's `ssh` for one machine, given by its full or short name (worker-1).

    The user's own machines are reached by the user's own keys and jump hosts, all others by the cluster's key.
    """
    from installer.plan.topology import hosts
    from installer.ssh import config, words

    directory = existing(cluster)
    with open_world(load(cluster), directory) as world:
        name = machine_name(world.plan, machine)
        if host := hosts(world.plan).get(name):
            return config.command(host, world.plan.ssh, name, directory)
        endpoint = world.platform.endpoint(name)
    options = {
        "IdentityFile": words.file_name(directory.key),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": words.file_name(directory.known_hosts),
        "HostKeyAlias": name,
        "StrictHostKeyChecking": "yes",
    }
    flags = [flag for key, value in options.items() for flag in ("-o", f"{key}={value}")]
    ssh = words.program(directory.path)
    return [*ssh, *flags, "-p", str(endpoint.port), f"{endpoint.user}@{endpoint.address}"]
