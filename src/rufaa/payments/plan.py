"""What a batch of reports changes: the decisions of settlement. Pure, so that a model can drive it.

``settle`` reads and locks the rows, asks ``plan`` what to do, and writes it in sets. A prompt makes at most one move in
one plan, since each move is a row of its history; a report that would move it again is left over for the next round,
and with it all later ones, since the order decides whose money a fee takes.

A push raises a C2B notice with the number of its callback (daraja.md §6), so its money may be in the books before the
prompt says so: as a receipt without prompt, made by an arrival (``arrival_plan``). The prompt's own success *adopts* it
then, and no second receipt is made.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from rufaa import ids
from rufaa.daraja import codes
from rufaa.law import Moved, Refused
from rufaa.money import Money
from rufaa.payments import plan_words
from rufaa.payments.machine import (
    LIVE,
    OPEN_FEE,
    PROMPT,
    Channel,
    FeeState,
    PromptEvent,
    PromptFacts,
    PromptState,
    Report,
    Verdict,
    judge,
    next_query_s,
)
from rufaa.payments.paid_when import can_be_of, latest, life, shows_somebody
from rufaa.payments.plan_rows import (
    Adopted,
    FeeRow,
    Item,
    LooseReceipt,
    NewEvidence,
    NewReceipt,
    NewTask,
    NumberFound,
    Plan,
    PromptRow,
    Sibling,
)
from rufaa.payments.plan_working import Working, change_of, schedule, working_of
from rufaa.phone import agrees

_FILLS_NUMBER: Final = frozenset({Verdict.CONFIRMS, Verdict.ASK})
_OF_ANOTHER_PUSH: Final = frozenset(
    {
        Verdict.OTHER_PROMPT,
        Verdict.AMOUNT_DIFFERS,
        Verdict.PHONE_DIFFERS,
        Verdict.NUMBER_TAKEN,
        Verdict.NO_RECEIPT,
    }
)
"""So looks a true callback that came to another prompt's address. One without a receipt cannot be told from it."""


def plan(
    prompts: Iterable[PromptRow],
    fees: Mapping[uuid.UUID, FeeRow],
    items: Sequence[Item],
    *,
    checkout_ids: Mapping[str, uuid.UUID],
    numbers: Mapping[str, uuid.UUID],
    loose: Iterable[LooseReceipt] = (),
) -> Plan:
    """Decide the batch in its order.

    ``checkout_ids`` and ``numbers`` say whose the reported ids and receipt numbers are already (a prompt's and a
    receipt's id), so that a replayed or forged report credits nobody twice.

    ``loose``: the receipts without prompt that the batch's prompts could adopt. The caller reads them after it has
    locked the fees and then the prompts of the batch, and locks them, by id:

    * every receipt without prompt whose number is one of those in ``numbers`` (reported now, or ``asked_number``);
    * every receipt without prompt that was applied to a fee of the batch, or names one by its reports' reference, on
      the fee's account;
    * every unreferenced one that waits, on the account and of the amount of a prompt of the batch, and of those that
      somebody applied to another fee or gave back the ones of about the time of a prompt that is paid without number.

    An arrival that could make another such receipt locks the fee that its reference names before it looks for a
    receipt that awaits its number (see ``arrival_plan``). So of a query's success and the notice of the same payment
    the later sees what the earlier wrote. (A notice without reference locks no fee: both sides lock the account then,
    ``settle.lock_accounts``.) Two transactions that bring the same number meet at its unique index: the second is
    rolled back and done again.
    """
    batch = _Batch(prompts, fees, checkout_ids=checkout_ids, numbers=numbers, loose=loose)
    for item in items:
        batch.take(item)
    return batch.done()


class _Batch:
    """A batch while it is being decided: what the reports before have changed counts for those after."""

    def __init__(
        self,
        prompts: Iterable[PromptRow],
        fees: Mapping[uuid.UUID, FeeRow],
        *,
        checkout_ids: Mapping[str, uuid.UUID],
        numbers: Mapping[str, uuid.UUID],
        loose: Iterable[LooseReceipt],
    ) -> None:
        self._plan = Plan()
        self._prompts = {row.id: working_of(row) for row in prompts}
        self._fees = fees
        self._fee_states = {fee.id: fee.state for fee in fees.values()}
        self._id_owner = dict(checkout_ids)
        self._number_owner = dict(numbers)
        self._loose = {receipt.id: receipt for receipt in loose}
        self._numbered: set[uuid.UUID] = set()  # receipts of prompts outside the batch that got their number in it
        self._number_owner |= {receipt.number: receipt.id for receipt in self._loose.values()}

    def done(self) -> Plan:
        self._plan.prompts = [change_of(prompt) for prompt in self._prompts.values() if prompt.touched]
        return self._plan

    def take(self, item: Item) -> None:
        prompt = self._prompts[item.prompt]
        verdict = judge(self._facts(prompt, item.report), item.report)
        event = _event(prompt, item.report, verdict)
        decision = PROMPT.decide(prompt.state, event) if event is not None else None
        if self._plan.left_over or (isinstance(decision, Moved) and prompt.moved is not None):
            self._plan.left_over.append(item)
            return
        prompt.touched = True
        if isinstance(decision, Moved):
            assert event is not None
            self._move(prompt, decision.state, event, item, verdict)
        elif isinstance(decision, Refused):
            self._ask("contradiction", prompt, None, decision.why)
        elif prompt.state is PromptState.PAID and _contradicts(item.report, verdict):
            self._ask("contradiction", prompt, None, "It is paid, and a later report says otherwise.")
        self._learn_ids(prompt, item.report, verdict)
        told = self._take_number(prompt, item, verdict)
        if verdict is Verdict.NUMBER_TAKEN:
            self._ask("contradiction", prompt, None, "It reports the receipt of another payment.")
        if item.report.channel is Channel.QUERY and verdict in {Verdict.FAILS, Verdict.FAILS_FOR_NOW}:
            prompt.unpaid_queries += 1
        if verdict is Verdict.ASK and _claims_success(item.report):
            prompt.asked_number = item.report.receipt_number
        prompt.success_claimed = prompt.success_claimed or _claims_success(item.report)
        schedule(prompt, item.report, verdict)
        receipt = told or (prompt.receipt if verdict in _FILLS_NUMBER else None)
        self._plan.evidence.append(NewEvidence(item, verdict, receipt))

    def _facts(self, prompt: Working, report: Report) -> PromptFacts:
        own = prompt.row.id
        checkout, number = report.checkout_request_id, report.receipt_number
        others_checkout = checkout is not None and self._id_owner.get(checkout, own) != own
        owner = self._number_owner.get(number) if number is not None else None
        others_number = owner is not None and owner != prompt.receipt and not self._could_adopt(prompt, owner)
        return PromptFacts(
            amount=prompt.row.amount,
            phone=prompt.row.phone,
            checkout_request_id=prompt.checkout_request_id,
            merchant_request_id=prompt.merchant_request_id,
            age_s=prompt.row.age_s,
            unpaid_queries=prompt.unpaid_queries,
            success_claimed=prompt.success_claimed,
            others_checkout_ids=frozenset([checkout] if checkout and others_checkout else []),
            others_numbers=frozenset([number] if number and others_number else []),
        )

    def _learn_ids(self, prompt: Working, report: Report, verdict: Verdict) -> None:
        """A callback that beat the answer to its POST, or came after a lost one, brings the ids of its push.

        Only a trusted one that agrees with the prompt: ids are never changed, and those of a push that somebody else
        paid would make a query pay this one, too. And not while the prompt waits to be sent again: the next push has
        other ids.
        """
        if not report.trusted or verdict in _OF_ANOTHER_PUSH or prompt.state is PromptState.CREATED:
            return
        if prompt.checkout_request_id is None and report.checkout_request_id:
            prompt.checkout_request_id = report.checkout_request_id
            self._id_owner[report.checkout_request_id] = prompt.row.id
        if prompt.merchant_request_id is None and report.merchant_request_id:
            prompt.merchant_request_id = report.merchant_request_id

    def _move(self, prompt: Working, state: PromptState, event: PromptEvent, item: Item, verdict: Verdict) -> None:
        if prompt.state is PromptState.REVIEW:
            self._plan.reviewed.append(prompt.row.id)
        prompt.state, prompt.moved = state, (state, event)
        prompt.code, prompt.message = item.report.result_code, item.result_desc
        if state is PromptState.PAID:
            self._credit(prompt, item)
        elif state is PromptState.REVIEW:
            self._ask_person("review", prompt, plan_words.REVIEW.get(verdict, plan_words.REVIEW_ELSE))

    def _credit(self, prompt: Working, item: Item) -> None:
        """The prompt is paid: its receipt, and what it pays. Money that the fee cannot take waits for a person."""
        # Never the number of a callback that could not be trusted alone, though a query agrees that something was paid:
        # a forger's would stand here, and the true one, when C2B or Pull tells it, would be money of its own.
        number = item.report.receipt_number
        loose = self._to_adopt(prompt, item.report)
        if loose is not None:
            self._adopt(prompt, loose, item)
            return
        pays = self._fee_that_takes(prompt, prompt.row.amount)
        receipt = NewReceipt(
            id=ids.new_id(),
            prompt=prompt.row.id,
            account=prompt.row.account,
            amount=prompt.row.amount,
            number=number,
            paid_at=item.paid_at,
            fee=pays,
        )
        self._plan.receipts.append(receipt)
        prompt.receipt, prompt.number = receipt.id, number
        if number is not None:
            self._number_owner[number] = receipt.id
        if pays is not None:
            self._pay(pays)
        else:
            state = self._fee_states[prompt.row.fee]
            self._ask_person("unapplied", prompt, f"{receipt.amount} arrived for a fee that is {state}.")

    def _fee_that_takes(self, prompt: Working, amount: Money) -> uuid.UUID | None:
        """The prompt's fee, if it is open and this pays it whole."""
        fee = self._fees[prompt.row.fee]
        fits = self._fee_states[fee.id] in OPEN_FEE and fee.amount == amount and fee.account == prompt.row.account
        return fee.id if fits else None

    def _pay(self, fee: uuid.UUID) -> None:
        self._fee_states[fee] = FeeState.PAID
        self._plan.paid_fees.append(fee)

    def _could_adopt(self, prompt: Working, receipt: uuid.UUID) -> bool:
        """Whether this is money without prompt that could be this prompt's."""
        loose = self._loose.get(receipt)
        return loose is not None and loose.account == prompt.row.account and loose.amount == prompt.row.amount

    def _to_adopt(self, prompt: Working, report: Report) -> LooseReceipt | None:
        """The receipt that this success is about: the one that it names, or for a query one that fits in everything."""
        if report.receipt_number is not None:
            named = self._number_owner.get(report.receipt_number)
            return self._loose[named] if named is not None and self._could_adopt(prompt, named) else None
        fitting = [loose for loose in self._loose.values() if self._fits(prompt, loose)]
        sent_at = prompt.row.sent_at
        return min(
            fitting,
            key=lambda loose: (
                loose.number != prompt.asked_number,
                loose.free != loose.amount and prompt.row.fee not in {loose.names, *loose.pays},
                abs(loose.paid_at - sent_at) if loose.paid_at is not None and sent_at is not None else timedelta.max,
                loose.number,
            ),
            default=None,
        )

    def _fits(self, prompt: Working, loose: LooseReceipt) -> bool:
        """Whether a receipt agrees with the prompt in its fee, account, amount, phone and time, as far as they show.

        The one that a callback told, which could not be trusted alone, needs no reference and no time. One that went
        back, or pays another fee that had no prompt, has to be of the prompt's life, by a time that is sure.
        """
        if not self._could_adopt(prompt, loose.id):
            return False
        if loose.phone_shown is not None and not agrees(loose.phone_shown, prompt.row.phone):
            return False
        named = prompt.row.fee in {loose.names, *loose.pays}
        if loose.number == prompt.asked_number and (named or not loose.pays):
            return True
        if not named and not (loose.unreferenced and loose.names is None and shows_somebody(loose.phone_shown)):
            return False
        if loose.paid_at is None or prompt.row.sent_at is None:
            return named
        if not named and (loose.pays or loose.gone):
            first, last = life(prompt.row.sent_at)
            return not loose.others_prompt and not loose.doubt and first <= loose.paid_at <= last
        how_late = latest(referenced=loose.names == prompt.row.fee, noticed=loose.noticed)
        # A sibling's receipt may have this prompt's number: then this one is of the sibling's payment, and its time.
        exchanged = (each.sent_at for each in self._siblings(prompt) if each.number_from_arrival)
        return any(
            sent_at is not None and can_be_of(loose.paid_at, sent_at, doubt=loose.doubt, how_late=how_late)
            for sent_at in (prompt.row.sent_at, *exchanged)
        )

    def _siblings(self, prompt: Working) -> list[Sibling]:
        """As they are now: some may have changed in this batch."""
        now = [(each, self._prompts.get(each.prompt)) for each in prompt.row.siblings]
        return [
            replace(
                each,
                awaits_number=each.awaits_number and each.receipt not in self._numbered,
                number_from_arrival=each.number_from_arrival or each.receipt in self._numbered,
            )
            if working is None
            else replace(
                each,
                receipt=working.receipt,
                awaits_number=working.receipt is not None and working.number is None,
                number_from_arrival=working.number_from_arrival,
            )
            for each, working in now
        ]

    def _adopt(self, prompt: Working, loose: LooseReceipt, item: Item) -> None:
        """The prompt's money is in the books already; where it still waits whole, it pays the prompt's fee now.

        Where somebody gave it another use before M-Pesa told whose it is, that stands, and a person looks.
        """
        pays = self._fee_that_takes(prompt, loose.amount) if loose.free == loose.amount else None
        self._plan.adopted.append(Adopted(loose.id, prompt.row.id, item.paid_at, pays, loose.amount))
        del self._loose[loose.id]
        prompt.receipt, prompt.number = loose.id, loose.number
        prompt.number_from_arrival = item.report.receipt_number is None
        if pays is not None:
            self._pay(pays)
        elif self._is_used_otherwise(prompt, loose):
            self._ask_person("contradiction", prompt, plan_words.USED_OTHERWISE.format(number=loose.number))

    def _is_used_otherwise(self, prompt: Working, loose: LooseReceipt) -> bool:
        """Not where it was given back after the fee had been waived, say: then all is as it should be."""
        if loose.free == loose.amount or prompt.row.fee in loose.pays:
            return False
        elsewhere = bool(loose.pays) and loose.names != prompt.row.fee
        return elsewhere or self._fee_states[prompt.row.fee] in OPEN_FEE

    def _take_number(self, prompt: Working, item: Item, verdict: Verdict) -> uuid.UUID | None:
        """What a number means that is told of a prompt that is paid. Returns the receipt if it is not the prompt's.

        The prompt's receipt may await its number. A second number for one push is a person's task; and where the first
        was only told by an arrival, which can have been another payment by the same person, it is money of its own.
        """
        number = item.report.receipt_number
        if prompt.state is not PromptState.PAID or number is None or verdict not in _FILLS_NUMBER:
            return None
        if not _claims_success(item.report):
            return None  # a failure has no receipt, whatever it says
        assert prompt.receipt is not None
        owner = self._number_owner.get(number)
        if prompt.number == number:
            prompt.number_from_arrival = prompt.number_from_arrival and verdict is not Verdict.CONFIRMS
        elif owner is not None:
            self._ask(
                "contradiction", prompt, owner, "It reports the receipt of money that is in the books without it."
            )
            return owner
        elif prompt.number is None and verdict is not Verdict.CONFIRMS:
            pass  # as in _credit: the true number comes by another source
        elif prompt.number is None:
            prompt.number = number
            self._number_owner[number] = prompt.receipt
            self._plan.numbers.append(NumberFound(prompt.receipt, number, item.paid_at))
        elif prompt.number_from_arrival and verdict is Verdict.CONFIRMS:
            return self._book_apart(prompt, item, number)
        else:
            self._ask("contradiction", prompt, None, "Two receipt numbers are reported for one prompt.")
        return None

    def _book_apart(self, prompt: Working, item: Item, number: str) -> uuid.UUID:
        """Money that a prompt's callback tells of, while the prompt has an arrival's receipt with another number.

        That number can be a sibling's, which awaits its own: then this is the one that is missing. Else it is money
        that nobody told of before.
        """
        fee = self._fees[prompt.row.fee]
        taken = f"Its callback tells of receipt {number}, and {prompt.number} was taken for it:"
        swapped = next((each for each in self._siblings(prompt) if each.awaits_number), None)
        if swapped is not None and swapped.receipt is not None:
            self._plan.numbers.append(NumberFound(swapped.receipt, number, item.paid_at))
            self._number_owner[number] = swapped.receipt
            self._numbered.add(swapped.receipt)
            working = self._prompts.get(swapped.prompt)
            if working is not None:
                working.number, working.number_from_arrival = number, True
            self._ask_person("contradiction", prompt, f"{taken} they may be exchanged.")
            return swapped.receipt
        amount, account = prompt.row.amount, prompt.row.account
        pays = self._fee_that_takes(prompt, amount)  # where the other money was used for something else
        receipt = NewReceipt(
            id=ids.new_id(),
            prompt=None,
            account=account,
            amount=amount,
            number=number,
            paid_at=item.paid_at,
            fee=pays,
            names=fee.id,
            phone_shown=item.report.phone_shown,
        )
        self._plan.receipts.append(receipt)
        self._number_owner[number] = receipt.id
        self._loose[receipt.id] = LooseReceipt(
            id=receipt.id,
            account=account,
            amount=amount,
            number=number,
            paid_at=item.paid_at,
            pays=frozenset([pays] if pays else []),
            names=fee.id,
            free=Money(0) if pays else amount,
            phone_shown=item.report.phone_shown,
        )
        self._ask("contradiction", prompt, receipt.id, f"{taken} both are in the books.")
        if pays is not None:
            self._pay(pays)
        else:
            waits = f"{amount} arrived for a fee that is {self._fee_states[fee.id]}."
            self._ask("unapplied", prompt, receipt.id, waits)
        return receipt.id

    def _ask_person(self, kind: str, prompt: Working, why: str) -> None:
        self._ask(kind, prompt, prompt.receipt, why)

    def _ask(self, kind: str, prompt: Working, receipt: uuid.UUID | None, why: str) -> None:
        """One open task of a kind for each receipt: what speaks against the prompt's own has to be seen, too."""
        fee = self._fees[prompt.row.fee]
        self._plan.tasks.append(NewTask(kind, fee.id, fee.payee, prompt.row.id, receipt, why))


def _claims_success(report: Report) -> bool:
    return codes.verdict(report.result_code) is codes.Verdict.PAID


def _contradicts(report: Report, verdict: Verdict) -> bool:
    """Whether a report speaks against a payment that is known. A query's failure is not believed that far."""
    says_unpaid = codes.verdict(report.result_code) is codes.Verdict.UNPAID and report.channel is Channel.CALLBACK
    return says_unpaid or verdict.event is PromptEvent.DOUBTED


def _event(prompt: Working, report: Report, verdict: Verdict) -> PromptEvent | None:
    """The event that a verdict stands for in this state.

    A claim of success that has to be asked about must not get lost where nobody would ask any more, nor be sent over
    again; and a query that learns nothing at the end of the schedule is the last one before a person looks.
    """
    if verdict.asks and _claims_success(report) and prompt.state in _NOT_ASKED_ABOUT:
        return PromptEvent.DOUBTED
    learned_nothing = report.channel is Channel.QUERY and verdict in {Verdict.NO_NEWS, Verdict.FAILS_FOR_NOW}
    if learned_nothing and prompt.state in LIVE and next_query_s(prompt.row.age_s) is None:
        return PromptEvent.OVERDUE
    return verdict.event


_NOT_ASKED_ABOUT: Final = frozenset({PromptState.CREATED, PromptState.REFUSED, PromptState.UNPAID})
