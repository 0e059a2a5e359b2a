"""Every certificate of a cluster, with the days that are left: on its machines, and on this computer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from installer.common.errors import InstallerError
from installer.common.text import columns
from installer.health.ending import days_left
from installer.operations.context import DirectContext
from installer.operations.lookup import existing, load
from installer.operations.session import open_world

if TYPE_CHECKING:
    from installer.common.paths import ClusterDirectory
    from installer.plan.model import InstallPlan
    from installer.steps.world import World

HERE = "this computer"


@dataclass(frozen=True, slots=True)
class Row:
    """A certificate: what it is, where, its file, when it ends (Unix seconds), and who renews it."""

    title: str
    where: str
    path: str
    ends: float
    renewed_by: str


@dataclass(frozen=True, slots=True)
class Table:
    """Certificates, the one that ends first at the top; and why machines could not be asked, by name."""

    rows: tuple[Row, ...]
    silent: dict[str, str]

    def as_dict(self) -> dict[str, object]:
        return {"certificates": [asdict(row) for row in self.rows], "unanswered": self.silent}


def certificates(cluster: str) -> Table:
    """Ask every machine over SSH, once each, and look at the files on this computer."""
    from installer.health import examine
    from installer.health.checks import expiry
    from installer.steps.evidence import Unreadable

    directory, plan = existing(cluster), load(cluster)
    rows = list(_here(directory, plan))
    with open_world(plan, directory) as world:
        evidence, errors = examine.gathered(world, dict.fromkeys(world.topology.machines, (expiry.EXPIRY,)))
        ingress, unanswered = _ingress(world) if plan.addons.ingress else ((), "")
    rows += ingress
    silent = {name: f"{error.operation}: {error.observed}" for name, error in errors.items()}
    for name, answer in evidence.items():
        try:
            for one in expiry.certificates(answer):
                rows.append(Row(one.title, name, one.path, one.ends, _RENEWED[one.kind]))
        except Unreadable as error:
            silent[name] = str(error)
    if unanswered:
        silent[plan.console_host] = unanswered
    return Table(tuple(sorted(rows, key=lambda row: (row.ends, row.where, row.title))), silent)


def _ingress(world: World) -> tuple[tuple[Row, ...], str]:
    """The certificate that the ingress shows; and why the cluster could not be asked."""
    from installer.cluster import console_certificate
    from installer.cluster.tls.given import subject

    plan = world.plan
    try:
        shown = console_certificate.shown_certificates(DirectContext(world, _SECONDS))
    except InstallerError as error:
        return (), f"{error.operation}: {error.observed}"
    if not shown:
        return (), "the cluster has no certificate for it"
    place = f"secret/{console_certificate.SECRET} in {console_certificate.NAMESPACE}"
    ends, renewer = shown[0].not_valid_after_utc.timestamp(), _BY_SOURCE[plan.certificate.source]
    return (Row(f"ingress ({subject(shown[0])})", plan.console_host, place, ends, renewer),), ""


_SECONDS = 60.0
_BY_SOURCE = {
    "craton": "craton certs renew",
    "ca": "craton certs renew",
    "files": "you, then craton resume",
    "acme": "itself (cert-manager)",
}
"""Who renews the ingress' certificate, by where it comes from."""
_RENEWED = {"kubeadm": "craton certs renew", "kubelet": "itself", "authority": "nobody", "": "somebody else"}
"""Who renews what machines have, by MachineCertificate.kind."""


def _here(directory: ClusterDirectory, plan: InstallPlan) -> Iterator[Row]:
    """The administrator's kubeconfig, and the authority of the console's certificate if Craton made it."""
    from installer.cluster import admin_access
    from installer.cluster.tls import authority
    from installer.cluster.tls.given import read_pair

    try:
        ends = admin_access.read_kept(directory.kubeconfig, plan).ends
    except (OSError, admin_access.AccessError):
        pass  # `craton resume` says what is wrong with it, and fetches another
    else:
        yield Row("kubeconfig", HERE, str(directory.kubeconfig), ends, "craton certs renew")
    place = authority.authority_file(directory)
    if plan.certificate.source == "craton" and place.exists():
        try:
            pair = read_pair(str(place), str(place.with_suffix(".key")))
        except InstallerError:
            return
        yield Row("console CA", HERE, str(place), pair.first.not_valid_after_utc.timestamp(), "nobody")


def render(table: Table) -> str:
    """One line a certificate; then the machines that did not answer."""
    now = time.time()
    rows = [("certificate", "where", "days left", "ends", "renewed by")]
    rows += [
        (
            row.title,
            row.where,
            str(days_left(row.ends, now)),
            time.strftime("%Y-%m-%d", time.localtime(row.ends)),
            row.renewed_by,
        )
        for row in table.rows
    ]
    return "\n".join((*columns(rows), *(f"{name}: {why}" for name, why in table.silent.items())))
