"""What to answer for the plan so far, and why: functions of the answers to earlier questions."""

from __future__ import annotations

from installer.plan import releases
from installer.plan.guidance import Advice
from installer.plan.question import Answers
from installer.plan.questions import defaults
from installer.plan.questions.conditions import load_balancers, own_machines, stand_ins, traits_of


def platform(_answers: Answers) -> Advice:
    return Advice("rehearsal", "if this is your first cluster. The same plan works on real machines later.")


def masters(answers: Answers) -> Advice:
    size = len(defaults.machines(answers))
    wanted = defaults.masters(answers)
    if not size:
        return Advice(3, "because you can then lose one, or upgrade one at a time. 1 is fine for a test.")
    if wanted == 1:
        return Advice(1, f"because {size} machines leave no room for three masters and workers.")
    return Advice(wanted, f"because {size} machines are enough for high availability.")


def schedulable(answers: Answers) -> Advice:
    if defaults.schedulable(answers):
        return Advice(True, "because no machine is left for a worker.")
    return Advice(False, "because it has workers.")


def workers(answers: Answers) -> Advice | None:
    if (left := defaults.workers(answers)) is not None:
        return Advice(left, "because that is what your list leaves.")
    return Advice(2, "or more, so that applications move to another worker when one is drained.")


def ingress(answers: Answers) -> Advice:
    traits = traits_of(answers)
    if not load_balancers(answers):
        return Advice("infra", f"because {_begun(traits.unbalanced)}" if traits else "")
    if traits and traits.cloud:
        return Advice("load-balancer", "because the cloud has one, and it leaves out machines that don't answer.")
    if stand_ins(answers):
        return Advice("infra", "unless the environment you're rehearsing has a load balancer that you want to use.")
    return Advice("infra", "because it needs nothing but machines.")


def infra(answers: Answers) -> Advice:
    if answers.get("masters") == 1:
        return Advice(1, "because a single master isn't highly available either.")
    return Advice(2, "so that web traffic survives the loss of one, as the control plane does.")


def user_network(answers: Answers) -> Advice:
    if own_machines(answers):
        return Advice(answers.get("networks.user", "0.0.0.0/0"), "unless you know the network that people come from.")
    return Advice("your own network", "if you know it, for example 203.0.113.0/24.")


def machine_network(answers: Answers) -> Advice:
    from installer.plan import validation

    usual, traits = validation.defaults()["networks.machines"], traits_of(answers)
    if traits and traits.cloud:
        return Advice(usual, "unless the machines join a network that you have already: then that network's.")
    return Advice(usual, "unless this computer already reaches other machines by these addresses.")


def pods(answers: Answers) -> Advice:
    return Advice(defaults.pods(answers), f"because {_apart(answers)}, and it has room for this plan's nodes.")


def services(answers: Answers) -> Advice:
    return Advice(defaults.services(answers), f"because {_apart(answers)}.")


def release(_answers: Answers) -> Advice | None:
    """The newest patch of the minor before the newest: others have had time to find its mistakes."""
    from installer.plan import validation

    supported = releases.supported(releases.today())
    if not supported:
        return None
    chosen = supported[1] if len(supported) > 1 else supported[0]
    usual = validation.defaults()["kubernetes"]
    tested = "" if chosen.newest == usual else f" {usual} is preselected because this Craton was tested with it."
    return Advice(chosen.newest, f"because it has had months of fixes and is supported until {chosen.end}.{tested}")


def pod_security(_answers: Answers) -> Advice:
    return Advice("baseline", "because it blocks the worst and breaks almost nothing.")


def _apart(answers: Answers) -> str:
    return "none of your machines has an address in it" if own_machines(answers) else "nothing else uses it by default"


def _begun(sentence: str) -> str:
    """A sentence as it goes on after a word: with a small first letter."""
    return sentence[:1].lower() + sentence[1:]
