"""The steps of machines in Google Cloud, in the phases check, network, machines and dns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.rules import Role
from installer.plan.topology import Topology
from installer.platforms.clouds.pool_secret import Secret
from installer.platforms.clouds.steps import BALANCER, CHECK, Steps, access_step
from installer.platforms.gcp.access import Access, LoginKeys
from installer.platforms.gcp.addresses import Address
from installer.platforms.gcp.balancer import Balancer, Targets
from installer.platforms.gcp.firewall import Rules
from installer.platforms.gcp.firewall_rules import rows
from installer.platforms.gcp.machines import Instances
from installer.platforms.gcp.network import Network, Router, Subnetwork
from installer.platforms.gcp.platform import LIMIT
from installer.platforms.gcp.pool import Group, Template
from installer.platforms.gcp.preflight import GcpCheck
from installer.steps.step import Phase, Step

_NETWORK, _SUBNETWORK, _RULES = "network/network", "network/subnetwork", "network/rules"
_ROUTER, _LOGIN = "network/router", "network/login"
_GCP = Steps(LIMIT)


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    gcp = plan.settings_of(Gcp)
    yield _GCP.step(CHECK, "check the project: credentials, APIs, permissions, quotas, names", Phase.CHECK, GcpCheck(),
                    weight=3.0, deadline=180.0)  # fmt: skip
    own = gcp.network is None
    if own:
        yield _GCP.step(_NETWORK, "create the network", Phase.NETWORK, Network("network", plan.name), CHECK,
                        weight=5.0, deadline=300.0)  # fmt: skip
        subnetwork = Subnetwork("subnetwork", plan.name, str(plan.networks.machines))
        yield _GCP.step(_SUBNETWORK, "create the subnetwork", Phase.NETWORK, subnetwork, _NETWORK, weight=5.0,
                        deadline=300.0)  # fmt: skip
    if own and gcp.private_workers:
        yield _GCP.step(_ROUTER, "create the router with Cloud NAT", Phase.NETWORK, Router("router", plan.name),
                        _SUBNETWORK, weight=5.0, deadline=300.0)  # fmt: skip
    yield _GCP.step(_RULES, "open the machines' ports as the contract says", Phase.NETWORK,
                    Rules(rows(plan, topology)), _NETWORK if own else CHECK, weight=5.0, deadline=300.0)  # fmt: skip
    if balancer := topology.load_balancer:
        yield _GCP.step(BALANCER, "create the load balancer", Phase.NETWORK,
                        Balancer(balancer.name, balancer.listeners), _NETWORK if own else CHECK, weight=5.0,
                        deadline=300.0)  # fmt: skip
    yield _GCP.step(_LOGIN, "let your keys in where the project enforces OS Login", Phase.NETWORK, LoginKeys(), CHECK)
    network = (_SUBNETWORK, *((_ROUTER,) if gcp.private_workers else ())) if own else ()
    last = (*network, _RULES, _LOGIN)
    for role in topology.roles:
        first = access_step(Role.MASTER) if plan.integration and role is not Role.MASTER else CHECK
        yield _GCP.step(access_step(role), f"give the {role}s a service account (M12)", Phase.NETWORK, Access(role),
                        first)  # fmt: skip
        needs = (*last, access_step(role))
        yield from _GCP.machines(topology, role, gcp.spread, Instances, partial(Address, "address"), *needs)
    if pool := topology.pool:
        parts = (
            ("join/pool/secret", "put what the pool's machines run into a secret", Secret(pool)),
            ("join/pool/template", "create the pool's instance template", Template(pool)),
            ("join/pool/group", "create the pool's managed instance group", Group(pool)),
        )
        yield from _GCP.pool(topology, parts, *last, access_step(pool.role))
    yield from _GCP.balanced(topology, Targets)
    yield from _GCP.names(topology, "Cloud DNS" if gcp.dns == "cloud-dns" else "")
