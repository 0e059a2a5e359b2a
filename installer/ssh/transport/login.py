"""Logging in: every key offered and refused by name; where nobody is let in, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.text import tilde
from installer.ssh.keys.agent import AgentError
from installer.ssh.keys.identities import Keyring, Keys, Offer
from installer.ssh.keys.private_key import KeyFileError
from installer.ssh.transport.tcp import went_away
from installer.ssh.transport.userauth import Answer, Login, Says

_OPERATION = "log in"


class KeyLocked(InstallerError):  # noqa: N818 (it says what is, as UnknownHostKey does)
    """The server may let one in with a key file that needs a passphrase: `paths` are to be asked about."""

    def __init__(self, observed: str, paths: tuple[Path, ...], *, machine: str) -> None:
        names = " ".join(tilde(path) for path in paths)
        hint = f"type the passphrase when asked for it, or unlock the key with ssh-add {names}"
        super().__init__(_OPERATION, observed, machine=machine, hint=hint)
        self.paths = paths


@dataclass
class _Attempt:
    """What became of the keys so far."""

    machine: str
    user: str
    keyring: Keyring
    keys: Keys
    deadline: Deadline
    refused: list[Offer] = field(default_factory=list)
    locked: list[Offer] = field(default_factory=list)
    """Keys that would do, were they unlocked."""
    notes: list[str] = field(default_factory=list)
    methods: tuple[str, ...] = ()


def log_in(machine: str, transport: paramiko.Transport, user: str, keyring: Keyring, deadline: Deadline) -> str:
    """Try the keys one after the other; which one was taken, in words. Raises InstallerError, KeyLocked among them."""
    try:
        attempt = _Attempt(machine, user, keyring, keyring.keys(), deadline)
        taken = _offer_all(attempt, Login(transport, user))
    except TimeoutError:
        observed = f"the server didn't answer the login within {deadline.seconds:.0f} s"
        hint = "it may be overloaded"
        raise InstallerError(_OPERATION, observed, machine=machine, hint=hint, retryable=True) from None
    before = f", refused before: {_list(attempt.refused)}" if attempt.refused else ""
    return f"{user} with {taken}{before}"


def _offer_all(attempt: _Attempt, login: Login) -> str:
    answer = login.begin(attempt.deadline)
    if answer.says is not Says.GONE and not attempt.keys.offers:
        answer = login.without_key(attempt.deadline)
        if answer.says is Says.ACCEPTED:
            return "no key: the server asks for none"
        attempt.methods = answer.methods
    for offer in attempt.keys.offers if answer.says is not Says.GONE else ():
        answer = _offer(attempt, login, offer)
        if answer.says is Says.ACCEPTED:
            return _name(offer)
        if answer.partial:
            raise _not_enough(attempt, offer, answer)
        if answer.says in (Says.REFUSED, Says.GONE):
            attempt.refused.append(offer)
            attempt.methods = answer.methods
            if "publickey" not in answer.methods:
                break
    raise _gone(attempt, login) if answer.says is Says.GONE else _nobody_in(attempt)


def _offer(attempt: _Attempt, login: Login, offer: Offer) -> Answer:
    """Offer one key. What is at hand is not asked about first: that would be a round trip more."""
    if not offer.at_hand:
        answer = login.ask(offer, attempt.deadline)
        if answer.says is not Says.WOULD_DO:
            return answer
        if offer.sign is None:
            attempt.locked.append(offer)
            return answer
    try:
        return login.prove(offer, attempt.deadline)
    except (AgentError, KeyFileError) as error:
        seen = f"the {offer.source} did not sign with {offer.label}: {error}"
        if not attempt.deadline.left:
            hint = "touch the hardware key, or confirm the agent's question"
            raise InstallerError(_OPERATION, seen, machine=attempt.machine, hint=hint) from None
        attempt.notes.append(seen)
        return Answer(Says.WOULD_DO)


def _nobody_in(attempt: _Attempt) -> InstallerError:
    if attempt.locked:
        observed = f"the server takes {_list(attempt.locked)}, locked with a passphrase"
        return KeyLocked(observed, tuple(o.path for o in attempt.locked if o.path), machine=attempt.machine)
    if attempt.methods and "publickey" not in attempt.methods:
        return _failure(
            attempt,
            f"the server offers only {' and '.join(attempt.methods)}; Craton logs in with keys",
            f"on the machine, put your public key into ~{attempt.user}/.ssh/authorized_keys (ssh-copy-id does it), "
            "and set PubkeyAuthentication yes in sshd_config",
        )
    if attempt.keyring.own:
        return _own_refused(attempt)
    clauses = [*_refusals(attempt), *attempt.notes, *attempt.keys.notes]
    if attempt.keys.sealed:
        names = ", ".join(tilde(path) for path in attempt.keys.sealed)
        observed = "; ".join([*clauses, f"{names} is locked with a passphrase"])
        return KeyLocked(observed, attempt.keys.sealed, machine=attempt.machine)
    if not attempt.keys.offers:
        clauses.insert(0, "there is no key to offer")
    return _failure(
        attempt,
        f"{'; '.join(clauses)} (user {attempt.user})",
        f"add one with ssh-add or set ssh.key; or add your public key to ~{attempt.user}/.ssh/authorized_keys on the "
        f"machine (ssh-copy-id){_root_hint(attempt.user)}",
    )


def _own_refused(attempt: _Attempt) -> InstallerError:
    offered = attempt.keys.offers[0].label.split(" ")[0]
    return _failure(
        attempt,
        f"the machine didn't accept the key {offered} for user {attempt.user}",
        f"add the cluster's public key to ~{attempt.user}/.ssh/authorized_keys on the machine",
    )


def _root_hint(user: str) -> str:
    return ", and let root in with keys (PermitRootLogin prohibit-password)" if user == "root" else ""


def _not_enough(attempt: _Attempt, offer: Offer, answer: Answer) -> InstallerError:
    return _failure(
        attempt,
        f"the server takes {_name(offer)} and asks for {' and '.join(answer.methods)} as well; "
        "Craton logs in with keys alone",
        f"set AuthenticationMethods publickey for user {attempt.user} in the machine's sshd_config",
    )


def _gone(attempt: _Attempt, login: Login) -> InstallerError:
    """sshd says goodbye after too many keys; a connection that breaks says nothing, and leaves an exception."""
    if login.transport.get_exception() is not None or not attempt.refused:
        return went_away(attempt.machine, "the server closed the connection during the login")
    return _failure(
        attempt,
        f"the server closed the connection after it refused {len(attempt.refused)} keys: {_list(attempt.refused)}",
        "it allows no more tries (MaxAuthTries): name the right key with ssh.key, and set IdentitiesOnly",
    )


def _failure(attempt: _Attempt, observed: str, hint: str) -> InstallerError:
    return InstallerError(_OPERATION, observed, machine=attempt.machine, hint=hint)


def _refusals(attempt: _Attempt) -> list[str]:
    clauses = []
    if held := [offer for offer in attempt.refused if offer.source == "agent"]:
        count = len(held)
        keys = "1 key" if count == 1 else f"{count} keys"
        all_of_them = {1: "it", 2: "both"}.get(count, "all")
        clauses.append(f"the agent holds {keys}, the server refused {all_of_them}: {_list(held)}")
    if files := [offer for offer in attempt.refused if offer.source == "file"]:
        clauses.append(f"the server refused {_list(files)}")
    return clauses


def _list(offers: Iterable[Offer]) -> str:
    return ", ".join(offer.label for offer in offers)


def _name(offer: Offer) -> str:
    return f"{offer.label} (agent)" if offer.source == "agent" else offer.label
