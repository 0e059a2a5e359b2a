"""What a plan knows of the platform `gcp`: machines, network and names in a project of Google Cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from installer.plan.change import Risk, always
from installer.plan.clouds import (
    DNS,
    LATER,
    SIGN_IN,
    integration_question,
    machine_type,
    pool_above,
    private_workers,
    words,
    worker_pool,
)
from installer.plan.guidance import Guidance
from installer.plan.platforms.gcp.conflicts import CONFLICTS
from installer.plan.platforms.gcp.integration import INTEGRATION
from installer.plan.question import Answers, Choice, Kind, Question, or_none
from installer.plan.registration import PlatformTraits, Registration

if TYPE_CHECKING:
    from installer.plan.platforms.gcp.settings import Gcp

PLACE = 5

_PLACED = always(
    Risk.REFUSED, "machines, networks and names can't move within Google Cloud; another place means another cluster"
)


_KEYS = always(
    Risk.REFUSED,
    "Google's guest agent writes each machine's keys; change the metadata ssh-keys of every instance instead "
    "(gcloud compute instances add-metadata)",
)


def _settings() -> type[Gcp]:
    from installer.plan.platforms.gcp.settings import Gcp

    return Gcp


def _images(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("debian-13", "Debian 13", "Debian's image, from the project debian-cloud"),
        Choice("ubuntu-24.04", "Ubuntu 24.04 LTS", "Canonical's image, from the project ubuntu-os-cloud"),
    )


def _dns(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("cloud-dns", "Cloud DNS", "Craton makes the records in your managed zone"),
        Choice("manual", "I manage DNS myself", "Craton shows the records, and waits until they are there"),
    )


def _existing_network(answers: Answers) -> bool:
    return bool(answers.get("gcp.network"))


def _cloud_dns(answers: Answers) -> bool:
    return str(answers.get("gcp.dns", "cloud-dns")) == "cloud-dns"


_PROJECT = ("gcp.project", "gcp.impersonate")
_IN_REGION = (*_PROJECT, "gcp.region")

_POOL = "a managed instance group"
_machine_type = machine_type("gcp", "Which machine type should the {}s have?")

REGISTRATION = Registration(
    PlatformTraits(
        "gcp",
        "Google Cloud",
        "machines, network, load balancer and names in your Google Cloud project",
        cloud=True,
        assigns_addresses=True,
        passthrough=True,
        keeps_keys=True,
        cost="billed by Google",
        prices="https://cloud.google.com/products/calculator",
        guidance=Guidance(
            "Instances in your project, with a network, firewall rules and DNS records of the cluster's own.",
            "To get a cluster that others can reach, without machines of your own. You need Google Cloud credentials.",
            "Google bills every machine, disk, address and forwarding rule, until you destroy the cluster.",
        ),
    ),
    _settings,
    comment=(
        "Where in Google Cloud the cluster is. Credentials are never in a plan: they come from\n"
        "`gcloud auth application-default login`, GOOGLE_APPLICATION_CREDENTIALS, or the machine that Craton runs on."
    ),
    questions={
        "Google Cloud": (
            Question(
                "gcp.project",
                "--gcp-project",
                "Project",
                "Which project? (its id; empty for the project of your credentials)",
                "Everything of the cluster is in one project.",
                read=or_none,
                change=_PLACED,
            ),
            Question(
                "gcp.impersonate",
                "--gcp-impersonate",
                "Act as",
                "Which service account should Craton act as? (empty for your own credentials)",
                "You need the role Service Account Token Creator on it. Craton stores no credentials.",
                read=or_none,
                change=SIGN_IN,
            ),
            Question(
                "gcp.region",
                "--gcp-region",
                "Region",
                "Which region?",
                "Everything of the cluster is in one region.",
                change=_PLACED,
            ),
            Question(
                "gcp.zones",
                "--gcp-zones",
                "Zones",
                "Which zones? (with commas; empty for the region's first three)",
                "The machines of each role are spread over them, so a cluster with 3 masters survives the loss of one.",
                read=words,
                change=_PLACED,
            ),
            _machine_type("master", "Master", "etcd needs fast disks more than processors; 2 vCPU and 8 GiB do."),
            _machine_type("infra", "Infra node", "Infra nodes carry the cluster's web traffic and nothing else."),
            _machine_type(
                "worker", "Worker", "Any type, such as c4a-standard-16. Types with a4x, c4a, n4a or t2a are ARM."
            ),
            Question(
                "gcp.image",
                "--gcp-image",
                "System",
                "Which system should the machines run?",
                "Craton takes the newest image of the publisher's own project.",
                kind=Kind.CHOICE,
                choices=_images,
                change=LATER,
            ),
            Question(
                "gcp.disk_size",
                "--gcp-disk-size",
                "Disk",
                "How large should each machine's disk be, in GiB?",
                "Disks are balanced persistent disks, encrypted, and deleted with their machine.",
                kind=Kind.INTEGER,
                change=LATER,
            ),
            Question(
                "gcp.kms_key",
                "--gcp-kms-key",
                "KMS key",
                "Which Cloud KMS key should encrypt the disks? (empty for Google's own)",
                "Compute Engine's service agent needs the right to use it.",
                read=or_none,
                change=LATER,
            ),
            worker_pool("gcp", _POOL),
            pool_above("gcp", _POOL),
            integration_question("gcp", "Google Cloud", "persistent disks"),
            Question(
                "gcp.network",
                "--gcp-network",
                "Network",
                "Which existing network should the machines be in? (empty for a new one)",
                "A new network has one subnetwork in the region.",
                read=or_none,
                change=_PLACED,
            ),
            Question(
                "gcp.subnetwork",
                "--gcp-subnetwork",
                "Subnetwork",
                "Which of its subnetworks?",
                "Craton changes neither the network nor the subnetwork; it adds firewall rules.",
                applies=_existing_network,
                read=or_none,
                change=_PLACED,
            ),
            Question(
                "gcp.network_project",
                "--gcp-network-project",
                "Host project",
                "Which project is the network in? (its id; empty for the cluster's own)",
                "With a shared VPC, the firewall rules are made in the host project.",
                applies=_existing_network,
                read=or_none,
                change=_PLACED,
            ),
            private_workers("gcp", "Cloud NAT", _PLACED),
        ),
        "DNS": (
            Question(
                "gcp.dns",
                "--gcp-dns",
                "DNS records",
                "Who makes the DNS records?",
                "With Cloud DNS, Craton makes and removes them. Otherwise it shows you what to create.",
                kind=Kind.CHOICE,
                choices=_dns,
                change=DNS,
            ),
            Question(
                "gcp.managed_zone",
                "--gcp-managed-zone",
                "Managed zone",
                "Which managed zone? (its name, or empty for the one that fits the subdomain)",
                "It must be a public zone, and the subdomain must be in it.",
                applies=_cloud_dns,
                read=or_none,
                change=_PLACED,
            ),
        ),
    },
    changes={"ssh.public_key": _KEYS},
    conflicts=CONFLICTS,
    suggests={
        "gcp.project": ("gcp.impersonate",),
        "gcp.impersonate": ("gcp.project",),
        "gcp.region": _PROJECT,
        "gcp.zones": _IN_REGION,
        **dict.fromkeys(("gcp.master_type", "gcp.infra_type", "gcp.worker_type"), (*_IN_REGION, "gcp.zones")),
        "gcp.kms_key": _IN_REGION,
        "gcp.network": (*_IN_REGION, "gcp.network_project"),
        "gcp.subnetwork": (*_IN_REGION, "gcp.network_project", "gcp.network"),
        "gcp.network_project": _PROJECT,
        "gcp.managed_zone": (*_PROJECT, "subdomain"),
        "subdomain": _PROJECT,
        "networks.user": (),
    },
    integration=INTEGRATION,
)
