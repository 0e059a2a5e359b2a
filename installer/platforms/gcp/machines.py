"""The request for machines: all of a role in a zone at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.accounts.gcp.errors import GcpError
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.rules import Role
from installer.platforms.clouds.batches import token
from installer.platforms.clouds.first_contact import Launch
from installer.platforms.clouds.machines import Machines
from installer.platforms.gcp import names
from installer.platforms.gcp.network import subnetwork
from installer.platforms.gcp.platform import GcpPlatform
from installer.platforms.gcp.service_accounts import email
from installer.platforms.gcp.startup import Birth
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.step import Context

_LOOK_EVERY = 5.0


def machine_type(gcp: Gcp, role: Role) -> str:
    return {Role.MASTER: gcp.master_type, Role.INFRA: gcp.infra_type, Role.WORKER: gcp.worker_type}[role]


def login_keys(ctx: Context) -> tuple[str, ...]:
    """The public keys that get in: the cluster's, and the user's own where the plan has one."""
    return tuple(key for key in (ensure_key(ctx.world.directory), ctx.world.plan.ssh.public_key) if key)


@dataclass(frozen=True)
class Instances(Machines[GcpPlatform]):
    """Machines by bulkInsert: all of them, or none."""

    def zones(self, ctx: Context) -> tuple[str, ...]:
        return ctx.world.plan.settings_of(Gcp).spread

    def type(self, ctx: Context) -> str:
        return machine_type(ctx.world.plan.settings_of(Gcp), self.role)

    def image(self, ctx: Context, platform: GcpPlatform) -> tuple[str, str]:
        found = platform.images.of(ctx.world.plan.settings_of(Gcp).image, self.type(ctx))
        return found.link, found.name

    def run(self, ctx: Context, platform: GcpPlatform, launch: Launch) -> int:
        """Again and again while Google does not know the service account everywhere."""
        secret = platform.first_contact.secret
        assert secret is not None, "a launch is recorded with the secret"
        body, wanted = self._body(ctx, platform, launch, secret), set(launch.batch.names(ctx.world.plan.name))
        tries = 0

        def attempt() -> tuple[int | None, str]:
            nonlocal tries
            # A request that failed would fail again by its number: each attempt has another, in the same order.
            request = str(uuid.UUID(hex=token(launch.token(secret), str(tries))[:32], version=4))
            try:
                platform.account.change("instances", "bulkInsert", body, request=request, zone=launch.zone)
            except GcpError as error:
                if "serviceaccount" in error.observed.lower().replace(" ", "").replace("_", ""):
                    tries += 1
                    return None, error.observed
                if not error.exists:
                    if error.code:  # refused: made nothing, and asked by its number again would only be refused again
                        platform.first_contact.abandon(launch)
                    raise
                if self._alive(platform, wanted) < len(wanted):
                    error.retryable = True  # what has the name is about to go
                    raise
            return self._alive(platform, wanted), "made"

        return ctx.wait_until("Google Cloud to know the service account", attempt, _LOOK_EVERY)

    @staticmethod
    def _alive(platform: GcpPlatform, wanted: set[str]) -> int:
        return len(wanted & platform.instances.by_machine(platform.instances.version).keys())

    def _body(self, ctx: Context, platform: GcpPlatform, launch: Launch, secret: str) -> dict[str, Any]:
        plan, batch = ctx.world.plan, launch.batch
        keys = () if platform.os_login.enforced else login_keys(ctx)
        metadata = Birth(plan.ssh.user, keys, secret).metadata()
        return {
            "count": str(batch.count),
            "minCount": str(batch.count),
            "perInstanceProperties": {name: {} for name in batch.names(plan.name)},
            "instanceProperties": properties(plan, platform, self.role, launch.image, metadata),
        }


def properties(
    plan: InstallPlan,
    platform: GcpPlatform,
    role: Role,
    image: str,
    metadata: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What machines of a role are, as Compute Engine's InstanceProperties; `labels` are further ones."""
    gcp = plan.settings_of(Gcp)
    private = gcp.private_workers and role is Role.WORKER
    every = {**names.labels(plan, role), **(labels or {})}
    disk: dict[str, Any] = {
        "boot": True,
        "autoDelete": True,
        "initializeParams": {
            "sourceImage": image,
            "diskSizeGb": str(gcp.disk_size),
            "diskType": "pd-balanced",
            "labels": every,
        },
        **({"diskEncryptionKey": {"kmsKeyName": gcp.kms_key}} if gcp.kms_key else {}),
    }
    card = {
        "subnetwork": subnetwork(plan, platform),
        **({} if private else {"accessConfigs": [{"name": names.WAY_OUT, "type": "ONE_TO_ONE_NAT"}]}),
    }
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    return {
        "description": names.described(plan),
        "machineType": machine_type(gcp, role),
        "disks": [disk],
        "networkInterfaces": [card],
        "metadata": {"items": [{"key": key, "value": value} for key, value in metadata.items()]},
        "labels": every,
        "tags": {"items": [names.tag(plan.name, role)]},
        "serviceAccounts": [{"email": email(plan, platform.account.project, role), "scopes": scopes}],
        "shieldedInstanceConfig": {
            "enableSecureBoot": True,
            "enableVtpm": True,
            "enableIntegrityMonitoring": True,
        },
    }
