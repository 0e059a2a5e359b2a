"""The lease of a cluster, in the account's Parameter Store: a conditional write that every computer sees.

Each holder has a parameter of its own, /craton/CLUSTER/lease/N. Whoever takes the lease creates the next number, which
Parameter Store does for one of them alone (PutParameter without Overwrite), and renews what nobody else writes. The
highest number holds. A bucket or a table could do the same; they cost something to make, and are left behind more
easily.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from installer.accounts.aws.account import Account
from installer.accounts.aws.errors import AwsError
from installer.platforms.clouds import leases
from installer.steps.lease import Held, Holder


@dataclass(frozen=True, slots=True)
class _Written:
    number: int
    held: Held


class AwsLease:
    def __init__(self, account: Account, cluster: str) -> None:
        self._account = account
        self._path = f"/craton/{cluster}/lease"

    def take(self, holder: Holder, *, seize: bool = False) -> Held | None:
        last = self._last()
        if last and last.held.holder.id == holder.id:
            self._write(last.number, Held(last.held.holder, last.held.since, time.time()), overwrite=True)
        elif last is None or seize:
            now = time.time()
            try:
                self._write(last.number + 1 if last else 1, Held(holder, now, now), overwrite=False)
            except AwsError as error:
                if not error.exists:
                    raise
            if last:
                self._forget_before(last.number + 1)
        else:
            return last.held
        found = self._last()  # another may have taken it at the same time
        return found.held if found else None

    def held(self) -> Held | None:
        last = self._last()
        return last.held if last else None

    def drop(self, holder: Holder) -> None:
        last = self._last()
        if last and last.held.holder.id == holder.id:
            self._delete(last.number)

    def _last(self) -> _Written | None:
        listed = self._account.pages("ssm", "get_parameters_by_path", "Parameters", Path=self._path)
        found = [written for one in listed if (written := _read(str(one["Name"]), str(one["Value"])))]
        return max(found, key=lambda one: one.number, default=None)

    def _write(self, number: int, held: Held, *, overwrite: bool) -> None:
        self._account.ask(
            "ssm",
            "put_parameter",
            Name=f"{self._path}/{number}",
            Value=leases.write(held),
            Type="String",
            Overwrite=overwrite,
        )

    def _forget_before(self, number: int) -> None:
        """Parameters of those from whom the lease was taken."""
        listed = self._account.pages("ssm", "get_parameters_by_path", "Parameters", Path=self._path)
        for one in listed:
            written = _read(str(one["Name"]), str(one["Value"]))
            if written and written.number < number:
                self._delete(written.number)

    def _delete(self, number: int) -> None:
        try:
            self._account.ask("ssm", "delete_parameter", Name=f"{self._path}/{number}")
        except AwsError as error:
            if not error.missing:
                raise


def _read(name: str, value: str) -> _Written | None:
    """A parameter as Craton writes it; None for any other."""
    held, number = leases.read(value), name.rpartition("/")[2]
    return _Written(int(number), held) if held and number.isdecimal() else None
