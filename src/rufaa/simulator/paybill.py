"""Payments that no push asked for, and the C2B notices of those and of paid prompts (daraja.md §6).

A merchant with validation on is asked before each payment, and can veto it. What is confirmed, when and how often, is
planned in the event that moves the money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from rufaa.errors import Kind, RufaaError
from rufaa.money import MAX_SHILLINGS, MIN_SHILLINGS, InvalidAmount, Money, stk_amount
from rufaa.phone import Phone
from rufaa.simulator import c2b, events
from rufaa.simulator.c2b import ACCEPTS, Simulated, Verdict
from rufaa.simulator.chaos import Drawn
from rufaa.simulator.config import Merchant
from rufaa.simulator.core import Core
from rufaa.simulator.effects import notice_plan
from rufaa.simulator.faults import Fault
from rufaa.simulator.movements import Movement, Way
from rufaa.simulator.notices import Notice, Tells
from rufaa.simulator.plans import NOTICED, NoticePlan
from rufaa.simulator.postman import Postman
from rufaa.simulator.registrations import Urls
from rufaa.simulator.state import Manner

NOT_PAID: Final[Mapping[str, str]] = {
    "phone-off": "The phone is switched off.",
    "no-such-business": "No business has this number.",
    "no-account": f"A paybill wants an account number of 1 to {c2b.LONGEST_REFERENCE} characters.",
    "till-account": "A till takes no account number.",
    "wrong-amount": f"Give whole shillings from {MIN_SHILLINGS} to {MAX_SHILLINGS:,}.",
    "wrong-pin": "That is not the PIN.",
    "balance-low": "There is not enough money on the phone.",
    "rejected": "The business did not accept this payment.",
}
"""Why a payment by hand is not made, in the words of the phone."""


class NotPaid(RufaaError):
    """A payment by hand was not made. ``data.why`` is one of ``NOT_PAID``; ``data.code`` the merchant's, if it rejected
    it."""

    kind = Kind.CONFLICT
    code = "payment-not-made"

    def __init__(self, why: str, *, code: str | None = None) -> None:
        super().__init__(NOT_PAID[why], why=why, code=code)
        self.why = why


class Paybill:
    def __init__(self, core: Core, postman: Postman) -> None:
        self._core = core
        self._postman = postman

    # ------------------------------------------------------------ payments

    async def pay(self, phone: Phone, *, to: str, reference: str, shillings: object, pin: str) -> Movement:
        """Lipa na M-PESA: pay a paybill, with an account number, or a till, by its till number. Raises ``NotPaid``.

        Of several things that are wrong, the one that the phone would notice first is told.
        """
        if self._core.books.manner(phone) is Manner.OFF:
            raise NotPaid("phone-off")
        merchant = self._core.settings.paid_at(to)
        if merchant is None:
            raise NotPaid("no-such-business")
        _check_reference(reference, merchant)
        try:
            amount = stk_amount(shillings)
        except InvalidAmount as error:
            raise NotPaid("wrong-amount") from error
        if pin != self._core.settings.pin:
            raise NotPaid("wrong-pin")
        return await self._make(Way.BY_HAND, merchant, phone=phone, amount=amount, reference=reference)

    def simulate(self, asked: Simulated) -> None:
        """Pay soon, if the balance allows; nobody is told if not. A restart in between forgets it."""

        async def act() -> None:
            try:
                await self._make(
                    Way.SIMULATED, asked.merchant, phone=asked.phone, amount=asked.amount, reference=asked.reference
                )
            except NotPaid as refused:
                self._core.note("not-paid", {"phone": asked.phone, "why": refused.why})

        self._core.at(self._core.clock.now() + timedelta(seconds=self._core.settings.answer_after_s), act)

    async def _make(self, way: Way, merchant: Merchant, *, phone: Phone, amount: Money, reference: str) -> Movement:
        self._need_balance(phone, amount)
        drawn = self._core.draw_payment(phone, short_code=merchant.short_code)
        payment = Movement(
            receipt=self._core.new_receipt(),
            way=way,
            short_code=merchant.short_code,
            phone=phone,
            amount=amount,
            at=self._core.clock.now(),
            reference=reference,
        )
        self.forge(payment, drawn)
        said = await self.validated(payment, merchant)
        if not said.accepted:
            raise NotPaid("rejected", code=said.code)
        self._need_balance(phone, amount)  # it may have gone elsewhere while the merchant was asked
        payment = replace(payment, third_party_id=said.third_party_id)
        notices = self.confirmations(payment, otherwise=self.drawn_plan(drawn, short_code=merchant.short_code))
        place = len(self._core.books.notices)
        self._core.record(events.PaymentMade(payment, notices))
        self._postman.expect(since=place)
        return self._core.books.movements[payment.receipt]

    def _need_balance(self, phone: Phone, amount: Money) -> None:
        if self._core.books.wallet(phone) < amount:
            raise NotPaid("balance-low")

    # ------------------------------------------------------------ before a payment

    async def validated(self, payment: Movement, merchant: Merchant | None) -> Verdict:
        """What the merchant says to it, if it is one that is asked."""
        urls = self._core.books.urls.get(payment.short_code)
        if merchant is None or not merchant.c2b_validation or urls is None:
            return Verdict(ACCEPTS)
        body = c2b.notice(payment, merchant=merchant, version=urls.version, balance=None)
        answer = await self._core.deliverer.ask(
            urls.validation_url,
            body,
            short_code=payment.short_code,
            timeout_s=self._core.settings.validation_timeout_s,
        )
        verdict = c2b.verdict(answer.status, answer.text, default=urls.response_type)
        self._core.note(
            "validation",
            {
                "about": payment.receipt,
                "short_code": payment.short_code,
                "outcome": answer.outcome,
                "status": answer.status,
                "answer": answer.text[:1000],
                "verdict": verdict.code,
            },
        )
        return verdict

    # ------------------------------------------------------------ after it

    def confirmations(self, payment: Movement, *, otherwise: NoticePlan) -> tuple[Notice, ...]:
        """What will be posted about ``payment``: as the script says or, where it says nothing, ``otherwise``."""
        urls = self._core.books.urls.get(payment.short_code)
        merchant = self._core.settings.merchant(payment.short_code)
        if urls is None or merchant is None:
            return ()
        now = self._core.clock.now()
        plan = self._core.faults.take_notice_plan(now=now) or otherwise
        if plan.lost:
            return ()
        balance = Money(self._core.books.till(payment.short_code).cents + payment.amount.cents)
        body = c2b.notice(payment, merchant=merchant, version=urls.version, phone_as=plan.phone_as, balance=balance)
        due = now + timedelta(seconds=self._core.settings.confirmation_after_s + plan.delay_s)
        due = max(due, plan.not_before or due)
        return tuple(
            Notice(
                due=due + timedelta(seconds=copy * plan.spacing_s),
                tells=Tells.CONFIRMATION,
                about=payment.receipt,
                short_code=payment.short_code,
                url=urls.confirmation_url,
                body=c2b.nulled(body) if plan.null else body,
            )
            for copy in range(plan.copies)
        )

    def drawn_plan(self, drawn: Drawn, *, short_code: str) -> NoticePlan:
        """How chance wants a payment to be confirmed."""
        plan = NOTICED
        if short_code in self._core.books.urls:
            for fault in drawn.notices:
                plan = notice_plan(fault, plan, began_at=self._core.clock.now())
                self._core.fault_used(fault)
        return plan

    def forge(self, like: Movement, drawn: Drawn) -> None:
        """Have somebody who is not Safaricom tell of a payment ``like`` this one, if script or chance wants it."""
        urls = self._core.books.urls.get(like.short_code)
        merchant = self._core.settings.merchant(like.short_code)
        if urls is None or merchant is None:
            return
        fault = self._core.faults.take_forged_notice() or self._drawn_forgery(drawn)
        if fault is None:
            return
        invented = replace(like, receipt=self._core.new_receipt())
        place = len(self._core.books.notices)
        self._core.record(events.NoticePlanned(self._forged(invented, fault, urls=urls, merchant=merchant)))
        self._postman.expect(since=place)

    def _drawn_forgery(self, drawn: Drawn) -> Fault | None:
        if drawn.forged_notice is not None:
            self._core.fault_used(drawn.forged_notice)
        return drawn.forged_notice

    def _forged(self, invented: Movement, fault: Fault, *, urls: Urls, merchant: Merchant) -> Notice:
        balance = Money(self._core.books.till(invented.short_code).cents + invented.amount.cents)
        return Notice(
            due=self._core.clock.now() + timedelta(seconds=fault["delay_s"]),
            tells=Tells.FORGED_CONFIRMATION,
            about=invented.receipt,
            short_code=invented.short_code,
            url=urls.confirmation_url,
            body=c2b.notice(invented, merchant=merchant, version=urls.version, balance=balance),
        )


def _check_reference(reference: str, merchant: Merchant) -> None:
    if merchant.till_number is not None:
        if reference:
            raise NotPaid("till-account")
    elif not 1 <= len(reference) <= c2b.LONGEST_REFERENCE or not reference.isprintable():
        raise NotPaid("no-account")
