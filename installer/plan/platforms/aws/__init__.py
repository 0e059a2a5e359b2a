"""What a plan knows of the platform `aws`: machines, network and names in an AWS account."""

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
from installer.plan.platforms.aws.conflicts import CONFLICTS
from installer.plan.platforms.aws.integration import INTEGRATION
from installer.plan.question import Answers, Choice, Kind, Question, or_none
from installer.plan.registration import PlatformTraits, Registration

if TYPE_CHECKING:
    from installer.plan.platforms.aws.settings import Aws

PLACE = 4

_PLACED = always(Risk.REFUSED, "machines, subnets and names can't move within AWS; another place means another cluster")


def _settings() -> type[Aws]:
    from installer.plan.platforms.aws.settings import Aws

    return Aws


def _images(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("debian-13", "Debian 13", "Debian's own image"),
        Choice("ubuntu-24.04", "Ubuntu 24.04 LTS", "Canonical's image"),
    )


def _dns(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("route53", "Route 53", "Craton makes the records in your hosted zone"),
        Choice("manual", "I manage DNS myself", "Craton shows the records, and waits until they are there"),
    )


def _existing_vpc(answers: Answers) -> bool:
    return bool(answers.get("aws.vpc"))


def _own_private_subnets(answers: Answers) -> bool:
    return bool(answers.get("aws.vpc") and answers.get("aws.private_workers"))


def _route53(answers: Answers) -> bool:
    return str(answers.get("aws.dns", "route53")) == "route53"


_IN_REGION = ("aws.profile", "aws.region")

_POOL = "an Auto Scaling Group"
_machine_type = machine_type("aws", "Which instance type should the {}s have?")

REGISTRATION = Registration(
    PlatformTraits(
        "aws",
        "Amazon Web Services",
        "machines, network, load balancer and names in your AWS account",
        cloud=True,
        assigns_addresses=True,
        cost="billed by AWS",
        prices="https://calculator.aws",
        guidance=Guidance(
            "Instances in your AWS account, with a network, security groups and DNS records of the cluster's own.",
            "To get a cluster that others can reach, without machines of your own. You need AWS credentials.",
            "AWS bills every machine, disk, address and load balancer by the hour, until you destroy the cluster.",
        ),
    ),
    _settings,
    comment=(
        "Where in AWS the cluster is. Credentials are never in a plan: they come from `profile`, or from the\n"
        "environment, SSO or the instance as for the AWS command line."
    ),
    questions={
        "AWS": (
            Question(
                "aws.profile",
                "--aws-profile",
                "Profile",
                "Which profile of ~/.aws/config should Craton use? (empty for the default credentials)",
                "The profile may use SSO or assume a role. Craton stores no credentials.",
                read=or_none,
                change=SIGN_IN,
            ),
            Question(
                "aws.region",
                "--aws-region",
                "Region",
                "Which region?",
                "Everything of the cluster is in one region.",
                change=_PLACED,
            ),
            Question(
                "aws.zones",
                "--aws-zones",
                "Zones",
                "Which availability zones? (with commas; empty for the region's first three)",
                "The machines of each role are spread over them, so a cluster with 3 masters survives the loss of one.",
                read=words,
                change=_PLACED,
            ),
            _machine_type("master", "Master", "etcd needs fast disks more than processors; 2 vCPU and 8 GiB do."),
            _machine_type("infra", "Infra node", "Infra nodes carry the cluster's web traffic and nothing else."),
            _machine_type("worker", "Worker", "Any type, such as c7g.4xlarge. Types with a g are ARM."),
            Question(
                "aws.image",
                "--aws-image",
                "System",
                "Which system should the machines run?",
                "Craton finds the newest image of the publisher by its owner and name.",
                kind=Kind.CHOICE,
                choices=_images,
                change=LATER,
            ),
            Question(
                "aws.disk_size",
                "--aws-disk-size",
                "Disk",
                "How large should each machine's disk be, in GiB?",
                "Disks are encrypted gp3 volumes, deleted with their machine.",
                kind=Kind.INTEGER,
                change=LATER,
            ),
            Question(
                "aws.kms_key",
                "--aws-kms-key",
                "KMS key",
                "Which KMS key should encrypt the disks? (empty for the account's key for EBS)",
                "Craton needs the right to use it (kms:CreateGrant).",
                read=or_none,
                change=LATER,
            ),
            Question(
                "aws.termination_protection",
                "--aws-termination-protection",
                "Protection",
                "Should AWS refuse to terminate the machines?",
                "It keeps mistakes in the console from costing you a machine. `craton destroy` lifts it first.",
                kind=Kind.YES_NO,
                change=LATER,
            ),
            worker_pool("aws", _POOL),
            pool_above("aws", _POOL),
            integration_question("aws", "AWS", "EBS volumes"),
            Question(
                "aws.vpc",
                "--aws-vpc",
                "VPC",
                "Which existing VPC should the machines be in? (empty for a new one)",
                "A new VPC has a public subnet in each zone and an internet gateway.",
                read=or_none,
                change=_PLACED,
            ),
            Question(
                "aws.subnets",
                "--aws-subnets",
                "Subnets",
                "Which of its public subnets? (one for each zone, in the zones' order)",
                "Craton changes neither the VPC nor the subnets; it adds security groups.",
                applies=_existing_vpc,
                read=words,
                change=_PLACED,
            ),
            private_workers("aws", "a NAT gateway in each zone", _PLACED),
            Question(
                "aws.private_subnets",
                "--aws-private-subnets",
                "Private subnets",
                "Which of its subnets should the workers be in? (one for each zone, in the zones' order)",
                "Their route table has to lead out through a NAT gateway of yours.",
                applies=_own_private_subnets,
                read=words,
                change=_PLACED,
            ),
        ),
        "DNS": (
            Question(
                "aws.dns",
                "--aws-dns",
                "DNS records",
                "Who makes the DNS records?",
                "With Route 53, Craton makes and removes them. Otherwise it shows you what to create.",
                kind=Kind.CHOICE,
                choices=_dns,
                change=DNS,
            ),
            Question(
                "aws.hosted_zone",
                "--aws-hosted-zone",
                "Hosted zone",
                "Which hosted zone? (its id, or empty for the one that fits the subdomain)",
                "It must be a public zone, and the subdomain must be in it.",
                applies=_route53,
                read=or_none,
                change=_PLACED,
            ),
        ),
    },
    conflicts=CONFLICTS,
    suggests={
        "aws.profile": ("aws.profile",),
        "aws.region": ("aws.profile",),
        "aws.zones": _IN_REGION,
        **dict.fromkeys(("aws.master_type", "aws.infra_type", "aws.worker_type"), (*_IN_REGION, "aws.zones")),
        "aws.kms_key": _IN_REGION,
        "aws.vpc": _IN_REGION,
        "aws.subnets": (*_IN_REGION, "aws.zones", "aws.vpc"),
        "aws.private_subnets": (*_IN_REGION, "aws.zones", "aws.vpc"),
        "aws.hosted_zone": ("aws.profile", "subdomain"),
        "subdomain": ("aws.profile",),
        "networks.user": (),
    },
    integration=INTEGRATION,
)
