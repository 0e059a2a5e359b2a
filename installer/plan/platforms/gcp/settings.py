"""Settings of the platform `gcp`: where in Google Cloud the machines are, and what they are."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from installer.plan.cloud_fields import EACH_ONCE, MAX_ZONES, ManagedZone, PoolAbove, Project, ServiceAccount, matching
from installer.plan.fields import Part

MTU = 1460
"""Bytes: of a network that Craton makes, as Google's own default has it. Flannel's overlay takes 50 of them."""

_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}")
_ZONE = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}-[a-z]")
_TYPE = re.compile(r"(?:[a-z][a-z0-9]{1,9}-)(?:[a-z]{2,10})(?:-[a-z0-9]+){0,4}|custom-[0-9]+-[0-9]+")
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_KEY = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+")

MachineType = Annotated[str, matching(_TYPE, "Enter a machine type such as e2-standard-2.")]
Zone = Annotated[str, matching(_ZONE, "Enter zones such as europe-west3-a.")]


class Gcp(Part):
    """Settings of the platform `gcp`."""

    project: Project = None
    """None for the project of the credentials."""
    impersonate: ServiceAccount = None
    """A service account to act as; None for the credentials' own."""
    region: Annotated[str, matching(_REGION, "Enter a region such as europe-west3.")] = "europe-west3"
    zones: Annotated[tuple[Zone, ...], Field(max_length=MAX_ZONES, strict=False), EACH_ONCE] = ()
    """Zones over which each role's machines are spread; none for the region's first three."""
    master_type: MachineType = "e2-standard-2"
    infra_type: MachineType = "e2-standard-2"
    worker_type: MachineType = "e2-standard-2"
    image: Literal["debian-13", "ubuntu-24.04"] = "debian-13"
    disk_size: Annotated[int, Field(ge=20, le=65_536)] = 50
    """GiB of each machine's balanced persistent disk."""
    kms_key: Annotated[
        str | None,
        matching(_KEY, "Enter a key as projects/P/locations/L/keyRings/R/cryptoKeys/K.", optional=True),
    ] = None
    """Cloud KMS key of the disks; None for Google's own."""
    network: Annotated[str | None, matching(_NAME, "Enter the name of a network.", optional=True)] = None
    """An existing network; None for one of the cluster's own."""
    subnetwork: Annotated[str | None, matching(_NAME, "Enter the name of a subnetwork.", optional=True)] = None
    """The subnetwork of that network in the region."""
    network_project: Project = None
    """The host project of a shared VPC; None if the network is in the cluster's project."""
    private_workers: bool = False
    """Workers have internal addresses alone, and reach the internet through Cloud NAT."""
    worker_pool: bool = False
    """The workers are one managed instance group, however few they are."""
    pool_above: PoolAbove = None
    """With more workers than this, they are one managed instance group, too; None for never."""
    dns: Literal["cloud-dns", "manual"] = "cloud-dns"
    """Who makes the records of the contract's names."""
    managed_zone: ManagedZone = None
    """Name of the Cloud DNS zone; None for the public zone that fits the subdomain best."""

    integration: bool = False
    """Kubernetes uses Google Cloud itself: load balancers for Services, disks, and nodes that know their zone."""

    @property
    def spread(self) -> tuple[str, ...]:
        """The zones in use. Without any in the plan, the region's first three."""
        return self.zones or tuple(f"{self.region}-{letter}" for letter in _LETTERS.get(self.region, "abc"))


_LETTERS = {"europe-west1": "bcd", "us-east1": "bcd"}
"""Regions whose first zones are not a, b and c. The check before an install asks which there are."""
