"""The choices that every plan has, explained: what each is, when to pick it, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping

from installer.plan.guidance import Guidance

MASTERS: Mapping[int, Guidance] = {
    1: Guidance(
        "One machine runs the control plane and the only etcd member.",
        "To try things out, or where an hour without the API is acceptable.",
        "The fewest machines. While the master is down, applications run on but nothing can be changed; "
        "if its disk is lost, only a backup brings the cluster back.",
    ),
    3: Guidance(
        "Three machines run the control plane, and etcd needs two of them.",
        "For anything people rely on: you can lose or upgrade one master without an outage.",
        "Two machines more than a single master.",
    ),
    5: Guidance(
        "Five machines run the control plane, and etcd needs three of them.",
        "If a second master may fail while the first is being repaired.",
        "Four machines more than a single master, and slightly slower writes: etcd waits for three disks.",
    ),
}

MASTERS_RUN_WORKLOADS: Mapping[bool, Guidance] = {
    True: Guidance(
        "Masters have no taint, so your pods may start on them.",
        "If there are no workers, or too few.",
        "A busy application can slow down etcd, and with it the whole cluster.",
    ),
    False: Guidance(
        "A taint keeps your pods off the masters.",
        "Whenever you have workers.",
        "The masters' spare memory and processors stay unused.",
    ),
}

INFRA_NODES = Guidance(
    "Machines of their own that take web traffic on ports 80 and 443. The cluster's name leads to their addresses.",
    "If the platform has no load balancer, or you want no other service in the way.",
    "At least one more machine, and two if one may fail. DNS still offers the address of one that is down.",
)
LOAD_BALANCER = Guidance(
    "A service of the platform that takes web traffic and forwards it to node ports 32000-32002.",
    "If the platform has one: it leaves out machines that don't answer, and no machine is only for ingress.",
    "No machines. Clouds charge by the hour for it, and for traffic.",
)

POD_SECURITY: Mapping[str, Guidance] = {
    "baseline": Guidance(
        "Blocks pods that could easily take over their machine.",
        "For most clusters: ordinary images run unchanged.",
        "Agents that need the machine's network or files need a namespace with a label of its own.",
    ),
    "restricted": Guidance(
        "Allows only pods that run without root and give up every privilege.",
        "If you control the images, or your rules demand it.",
        "Many public images don't start until their manifests are changed.",
    ),
    "privileged": Guidance(
        "Allows every pod.",
        "If something else decides what may run, or for a test that needs it.",
        "Whoever may create pods can take over the machines.",
    ),
}

WORKERS = Guidance(
    "The machines that run your applications.",
    "Two or more let you drain one without an outage. Count what your applications need, and one to spare.",
    "One machine each. You can add and remove workers at any time.",
)
INFRA_COUNT = Guidance(
    "How many machines take web traffic.",
    "Two or more if the cluster's web traffic has to survive the loss of one.",
    "One small machine each.",
)
USER_NETWORK = Guidance(
    "The addresses from which SSH and the API server can be reached.",
    "Give your office's or VPN's network as a CIDR. 0.0.0.0/0 means everybody.",
    "A narrow network is safer; from anywhere else, you are locked out.",
)
MACHINE_NETWORK = Guidance(
    "The private network that the machines get their addresses from.",
    "Keep it, unless it overlaps a network that the machines have to reach.",
    "It can't be changed later.",
)
POD_NETWORK = Guidance(
    "The overlay's addresses: every machine takes a /24 of it, for up to 110 pods.",
    "Keep it, unless it overlaps a network that your pods have to reach.",
    "It can't be changed later. A /16 is enough for 256 machines.",
)
SERVICE_NETWORK = Guidance(
    "The addresses of services. Nothing outside the cluster sees them.",
    "Keep it, unless it overlaps a network that your pods have to reach.",
    "It can't be changed later.",
)
