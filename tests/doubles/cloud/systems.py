"""What a cloud's own image adds to a machine of `local`'s, and what it has around it: the rest is the same everywhere.

A container has no board that tells cloud-init which cloud it is in, and cloud-init doesn't look for one in a container:
its own data source of EC2 is told. Everything after that is Debian's cloud-init as it is.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.doubles.cloud import guest_agent_program
from tests.doubles.cloud.fabric import METADATA, RESOLVER
from tests.doubles.cloud.google_metadata import GoogleMetadata
from tests.doubles.cloud.metadata import Metadata
from tests.doubles.cloud.metadata_service import Find, MetadataService

_PACKAGE = "usr/lib/python3/dist-packages/craton_double"
_SOURCE = """\
from cloudinit import sources
from cloudinit.sources import DataSourceEc2 as ec2


class DataSourceEc2(ec2.DataSourceEc2):
    def _get_cloud_name(self):
        return ec2.CloudNames.AWS


def get_datasource_list(depends):
    needs = (sources.DEP_FILESYSTEM, sources.DEP_NETWORK)
    return sources.list_from_depends(depends, [(DataSourceEc2, needs)])
"""
_CONFIGURATION = """\
datasource_pkg_list: [craton_double]
datasource_list: [Ec2, None]
cloud_config_modules: [set_passwords, runcmd]
"""
_UNIT = """\
[Unit]
Description=Google Compute Engine {verb}
After=network.target {after}
Before={before}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/python3 /usr/bin/google_guest_agent {verb}
StandardOutput=journal+console
StandardError=journal+console
"""
_AGENT, _SCRIPTS = "google-guest-agent.service", "google-startup-scripts.service"
_UNITS = "etc/systemd/system"


@dataclass(frozen=True)
class System:
    """`files` by path, `links` by path with where they lead; `names` are host names that every machine can look up."""

    metadata: Callable[[Find, str, int], MetadataService]
    resolver: str
    """Where machines find their name server."""
    mtu: int
    files: Mapping[str, str]
    links: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def archive(self) -> bytes:
        """The files as a tar archive for a machine's root."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, text in self.files.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(text.encode()), 0o644
                archive.addfile(entry, io.BytesIO(text.encode()))
            for path, target in self.links.items():
                entry = tarfile.TarInfo(path)
                entry.type, entry.linkname = tarfile.SYMTYPE, target
                archive.addfile(entry)
        return buffer.getvalue()


EC2 = System(
    Metadata,
    RESOLVER,
    9001,  # "Network maximum transmission unit (MTU) for your EC2 instance"
    {
        f"{_PACKAGE}/__init__.py": "",
        f"{_PACKAGE}/DataSourceEc2.py": _SOURCE,
        "etc/cloud/cloud.cfg.d/95-cloud.cfg": _CONFIGURATION,
    },
)
GOOGLE = System(
    GoogleMetadata,
    METADATA,
    1460,  # what the product asks of the network
    {
        "etc/cloud/cloud-init.disabled": "",  # Debian's images for Google have none
        "usr/bin/google_guest_agent": Path(guest_agent_program.__file__).read_text(),
        f"{_UNITS}/{_AGENT}": _UNIT.format(verb="agent", after="", before="ssh.service"),
        f"{_UNITS}/{_SCRIPTS}": _UNIT.format(verb="startup", after="ssh.service", before="multi-user.target"),
    },
    {f"{_UNITS}/multi-user.target.wants/{unit}": f"/{_UNITS}/{unit}" for unit in (_AGENT, _SCRIPTS)},
    {"metadata.google.internal": (METADATA,)},
)
