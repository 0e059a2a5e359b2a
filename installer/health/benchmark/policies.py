"""Section 5 of the benchmark: rights, pods, networks and secrets. Much of it is for the cluster's users to decide."""

from __future__ import annotations

from collections.abc import Callable

from installer.health.benchmark.control_plane import MANUAL
from installer.health.benchmark.facts import Facts
from installer.health.benchmark.item import Answer, Item
from installer.health.benchmark.judges import equal, setting

_LEVELS = ("privileged", "baseline", "restricted")
_ADMINISTRATORS = frozenset({"Group/system:masters", "Group/kubeadm:cluster-admins"})
_RIGHTS = "Craton grants rights only to its own parts. Who else gets which is up to you."
_WORKLOADS = "This is about your workloads, and Craton runs none of them."
_NETWORK_POLICIES = (
    "flannel enforces no NetworkPolicy: every pod reaches every other. The machines' firewall looks at what comes in "
    "from outside, not at pods."
)


def _level(facts: Facts) -> str:
    """The Pod Security Standard that is enforced in namespaces without a label of their own."""
    found = facts.policy("admission-control-config-file")
    plugins = found.get("plugins") if isinstance(found, dict) else None
    for plugin in plugins if isinstance(plugins, list) else ():
        if isinstance(plugin, dict) and plugin.get("name") == "PodSecurity":
            configuration = plugin.get("configuration")
            defaults = configuration.get("defaults") if isinstance(configuration, dict) else None
            level = defaults.get("enforce") if isinstance(defaults, dict) else None
            return level if level in _LEVELS else _LEVELS[0]
    return _LEVELS[0]


def _enforces(wanted: str) -> Callable[[Facts], Answer]:
    def judge(facts: Facts) -> Answer:
        level = _level(facts)
        return Answer(_LEVELS.index(level) >= _LEVELS.index(wanted), f"by default {level} is enforced")

    return judge


def _planned_below(wanted: str) -> Callable[[Facts], str]:
    """Why a level is not enforced: the plan asks for a lower one, and the machines have what it asks for."""

    def reason(facts: Facts) -> str:
        planned = facts.plan.pod_security
        if _LEVELS.index(planned) >= _LEVELS.index(wanted) or _level(facts) != planned:
            return ""
        return f"The plan says pod_security: {planned}; {wanted} forbids it. A namespace's own label can say so, too."

    return reason


def _administrators(facts: Facts) -> Answer:
    found = facts.rights("admin")
    others = [name for name in found if name not in _ADMINISTRATORS]
    return Answer(bool(found) and not others, f"cluster-admin: {', '.join(others or found) or 'nobody'}"[:200])


def _not_a_master(facts: Facts) -> Answer:
    groups = facts.rights("group")
    return Answer(
        bool(groups) and "system:masters" not in groups, f"admin.conf is of {', '.join(groups) or 'no group'}"
    )


def _pods(id: str, title: str, level: str) -> Item:
    return Item(id, MANUAL, title, _enforces(level), _planned_below(level))


ITEMS = (
    Item("5.1.1", MANUAL, "cluster-admin is bound where needed only", _administrators,
         "Craton granted these no rights. Whether they need them is up to you."),
    Item("5.1.2", MANUAL, "access to Secrets is minimal", reason=_RIGHTS),
    Item("5.1.3", MANUAL, "roles without wildcards", reason=_RIGHTS),
    Item("5.1.4", MANUAL, "few may create pods", reason=_RIGHTS),
    Item("5.1.5", MANUAL, "default service accounts aren't used", reason=_WORKLOADS),
    Item("5.1.6", MANUAL, "service account tokens are mounted where needed only", reason=_WORKLOADS),
    Item("5.1.7", MANUAL, "system:masters isn't used", _not_a_master),
    Item("5.1.8", MANUAL, "few may bind, impersonate or escalate", reason=_RIGHTS),
    Item("5.1.9", MANUAL, "few may create persistent volumes", reason=_RIGHTS),
    Item("5.1.10", MANUAL, "few may use the nodes/proxy subresource", reason=_RIGHTS),
    Item("5.1.11", MANUAL, "few may approve certificate requests", reason=_RIGHTS),
    Item("5.1.12", MANUAL, "few may change webhook configurations", reason=_RIGHTS),
    Item("5.1.13", MANUAL, "few may create service account tokens", reason=_RIGHTS),
    _pods("5.2.1", "a pod security mechanism is active", "baseline"),
    _pods("5.2.2", "no privileged containers", "baseline"),
    _pods("5.2.3", "no pods in the host's PID namespace", "baseline"),
    _pods("5.2.4", "no pods in the host's IPC namespace", "baseline"),
    _pods("5.2.5", "no pods in the host's network namespace", "baseline"),
    _pods("5.2.6", "no privilege escalation", "restricted"),
    _pods("5.2.7", "no containers that run as root", "restricted"),
    _pods("5.2.8", "no containers with NET_RAW", "restricted"),
    _pods("5.2.9", "no containers with capabilities", "restricted"),
    _pods("5.2.10", "no Windows HostProcess containers", "baseline"),
    _pods("5.2.11", "no HostPath volumes", "baseline"),
    _pods("5.2.12", "no host ports", "baseline"),
    Item("5.3.1", MANUAL, "CNI enforces NetworkPolicies", reason=_NETWORK_POLICIES),
    Item("5.3.2", MANUAL, "every namespace has NetworkPolicies", reason=_NETWORK_POLICIES),
    Item("5.4.1", MANUAL, "Secrets as files rather than environment variables", reason=_WORKLOADS),
    Item("5.4.2", MANUAL, "external secret storage",
         reason="Craton encrypts Secrets in etcd, by a key that masters alone have. You can add another store."),
    Item("5.5.1", MANUAL, "admission: ImagePolicyWebhook checks images",
         reason="It needs a service that knows your images. Craton runs none."),
    Item("5.6.1", MANUAL, "namespaces are boundaries", reason=_WORKLOADS),
    Item("5.6.2", MANUAL, "pods have a seccomp profile",
         setting("seccompDefault", "seccomp-default", equal("true", "false"))),
    Item("5.6.3", MANUAL, "pods and containers have a security context", reason=_WORKLOADS),
    Item("5.6.4", MANUAL, "the default namespace isn't used", reason=_WORKLOADS),
)  # fmt: skip
