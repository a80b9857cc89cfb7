"""What ``rufaa reconcile`` says: per account what is open, was asked and found, and for whom the rest waits.

It names no patient and no phone.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from rufaa.cli.story_events import clock_time, why_of
from rufaa.money import Money
from rufaa.payments.machine import PromptState
from rufaa.payments.refund_machine import RefundState
from rufaa.payments.unsettled import AccountNow, Item, Now, What

_WORDS: Final[Mapping[What, tuple[str, str]]] = {
    What.PROMPT: ("prompt", "prompts"),
    What.RECEIPT: ("receipt that awaits its number", "receipts that await their numbers"),
    What.CLAIM: ("claim", "claims"),
    What.REFUND: ("refund", "refunds"),
    What.STRAY: ("payment of an unknown prompt", "payments of unknown prompts"),
}
_NO_ADDRESS: Final = "MPESA_CALLBACKS=none: no answer could come"
_NO_INITIATOR: Final = "the account has no initiator"
_UNASKED_PROMPT: Final[Mapping[str, str]] = {
    PromptState.CREATED: "it is not sent yet",
    PromptState.SENDING: "it is being sent",
}
_ORDERING: Final = "it is to be ordered by a worker"
_UNASKED_REFUND: Final[Mapping[str, str]] = {
    RefundState.PROPOSED: "a second person has to agree",
    RefundState.APPROVED: _ORDERING,
    RefundState.SENDING: _ORDERING,
    RefundState.RESENDING: _ORDERING,
    RefundState.ORDERED: "it is ordered, and its result is waited for",
}


@dataclass(frozen=True, slots=True)
class Able:
    """Whom questions for a status can be asked for: accounts with an initiator, where answers have an address."""

    initiators: frozenset[uuid.UUID]
    answers: bool

    def ask(self, item: Item) -> bool:
        if item.what in {What.CLAIM, What.REFUND}:
            return item.askable and self.answers and item.account in self.initiators
        return item.askable


def would_ask(now: Now, able: Able) -> Iterator[str]:
    """Of a dry run: per account what is open, what would be asked, and what nobody can be asked about."""
    for account, books in _accounts(now):
        items = _of(now.left_open, account)
        tasks = [task for task in now.tasks if task["account_id"] == _id(account)]
        if account is None and not items and not tasks:
            continue
        yield books
        yield f"  open       {_counted(items)}"
        for item in items:
            if able.ask(item):
                yield f"  would ask  {_named(item)}: {_standing(item)}."
            else:
                yield f"  cannot ask {_named(item)}: {_why_not(item, able, account)}."
        if account is not None:
            yield f"  {_pull(account)}"
        yield from _tasks(tasks)
    if now.reports:
        yield f"{now.reports} stored reports are not settled yet, and would be."


def report(
    before: Now, after: Now, asked: Sequence[Item], able: Able, arrived: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Per account what was open, what was asked, what was found, and what still waits for whom."""
    was = {item.id: item for item in before.items}
    for account, books in _accounts(after):
        items = _of(after.items, account)
        open_before = [item for item in items if item.id in was]
        tasks = [task for task in after.tasks if task["account_id"] == _id(account)]
        new = [row for row in arrived if row["account_id"] == _id(account)]
        if account is None and not items and not tasks:
            continue
        yield books
        yield f"  open    {_counted(open_before)}"
        questions = _counted([item for item in asked if item.id in {each.id for each in items}])
        pull = " and Pull of 48 hours" if account is not None and account.pull_at is not None else ""
        yield f"  asked   {questions}{pull}"
        for item in open_before:
            if (item.state, item.open, item.number) != (was[item.id].state, True, was[item.id].number):
                yield f"  found   {_named(item)}: {_became(item)}."
        for row in new:
            where = f"pays the fee of {row['codes']}" if row["codes"] else "waits in unapplied"
            yield f"  found   New money: receipt {row['number']} of {Money(row['amount_cents'])} {where}."
        for item in items:
            if item.open:
                why = _standing(item) if able.ask(item) else _why_not(item, able, account)
                yield f"  waits   {_named(item)}: {why}."
        yield from _tasks(tasks)
    if after.reports:
        yield f"{after.reports} stored reports are not settled yet."


def _accounts(now: Now) -> list[tuple[AccountNow | None, str]]:
    return [*((account, account.books) for account in now.accounts), (None, "of no known account")]


def _id(account: AccountNow | None) -> uuid.UUID | None:
    return account.id if account is not None else None


def _of(items: Sequence[Item], account: AccountNow | None) -> list[Item]:
    return [item for item in items if item.account == _id(account)]


def _counted(items: Sequence[Item]) -> str:
    counts = Counter(item.what for item in items)
    parts = [f"{counts[what]} {_WORDS[what][counts[what] != 1]}" for what in What if counts[what]]
    return ", ".join(parts) if parts else "nothing"


def _named(item: Item) -> str:
    money = f" of {Money(item.amount_cents)}" if item.amount_cents is not None else ""
    match item.what:
        case What.PROMPT:
            return f"Prompt {item.attempt} of {item.account_code}"
        case What.RECEIPT:
            of = f", of prompt {item.attempt} of {item.account_code}" if item.account_code else ""
            return f"Receipt {item.number or 'without a number'}{money}{of}"
        case What.CLAIM:
            return f"The claim of receipt {item.number}{money}"
        case What.REFUND:
            return f"The refund{money} of receipt {item.number or 'without a number'}"
        case What.STRAY:
            return f"Receipt {item.number or 'without a number'}{money}, reported for an unknown prompt"
        case never:
            assert_never(never)


def _standing(item: Item) -> str:
    again = (
        f"; asked again at {clock_time(item.next_at)}" if item.next_at is not None else "; not asked again by itself"
    )
    state = "" if item.what in {What.CLAIM, What.STRAY} else f"{item.state}, "
    return f"{state}asked {item.asked} times{again}"


def _became(item: Item) -> str:
    match item.what:
        case What.PROMPT:
            receipt = f", receipt {item.number or 'whose number is awaited'}" if item.state == PromptState.PAID else ""
            return f"{item.state}{receipt}"
        case What.RECEIPT:
            return "its number came"
        case What.CLAIM:
            return item.state
        case What.REFUND | What.STRAY:
            return item.state
        case never:
            assert_never(never)


def _why_not(item: Item, able: Able, account: AccountNow | None) -> str:
    """Why nobody can be asked about it now, and what it waits for."""
    match item.what:
        case What.PROMPT:
            return _UNASKED_PROMPT.get(
                item.state, f"{item.state}; M-Pesa gave it no id to ask by, only its callback or the statement can tell"
            )
        case What.RECEIPT if account is not None and account.pull_at is not None:
            return "its number comes with a notice (C2B), or by Pull within 48 hours"
        case What.RECEIPT:
            return "its number comes with a notice (C2B); this account is not registered for Pull"
        case What.STRAY:
            return "there is nothing to ask by, a person looks in the statement"
        case What.CLAIM:
            return _NO_ADDRESS if not able.answers else f"{_NO_INITIATOR}; only a notice (C2B) or Pull confirms it"
        case What.REFUND:
            return _unasked_refund(item, able)
        case never:
            assert_never(never)


def _unasked_refund(item: Item, able: Able) -> str:
    if item.state in _UNASKED_REFUND:
        return _UNASKED_REFUND[item.state]
    if item.next_at is None:
        return "M-Pesa was asked often enough, a person looks in the statement"
    if not item.known_there:
        return "its order has no id to ask by, and is given again as the same one"
    return _NO_ADDRESS if not able.answers else _NO_INITIATOR


def _pull(account: AccountNow) -> str:
    if account.pull_at is None:
        return "cannot ask Pull: the account is not registered for it ('rufaa account register-pull')."
    return f"would ask  Pull of the last 48 hours; else asked at {clock_time(account.pull_at)}."


def _tasks(tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for task in tasks:
        whose = f"the finance people of {task['facility']}" if task["facility"] else "a person, nobody's yet"
        clue = str(task["clue"]).replace("-", "") if task["clue"] else ""
        explain = f" (rufaa explain {clue})" if clue else ""
        yield f"  for {whose}: {task['kind']}. {why_of(task)}{explain}"
