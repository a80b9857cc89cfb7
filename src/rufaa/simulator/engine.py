"""What happens when: an accepted push rings, is answered or runs out, moves the money, and is called back once.

The one place where the pure law of prompts (``state.py``), the journal, the clock and chance meet. It knows no HTTP but
the one delivery of a callback. What is not about prompts has a part of its own: ``paybill``, ``ordering``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from rufaa.errors import Kind, RufaaError
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import callbacks, codes, events, postings, state, words
from rufaa.simulator.c2b import ACCEPTS, Verdict
from rufaa.simulator.chaos import NOTHING, Drawn
from rufaa.simulator.checks import Push
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.core import Core
from rufaa.simulator.effects import callback_plan, query_plan
from rufaa.simulator.movements import Movement, Way, stk_moved_at
from rufaa.simulator.notices import Notice
from rufaa.simulator.ordering import Orders
from rufaa.simulator.owner import Owner
from rufaa.simulator.paybill import Paybill
from rufaa.simulator.plans import AS_USUAL, TRULY, CallbackPlan, Posting, QueryPlan, Says
from rufaa.simulator.postman import Postman
from rufaa.simulator.state import (
    Answer,
    ByItself,
    Ends,
    GoesThrough,
    Manner,
    Prompt,
    State,
    StaysLive,
    TooLate,
    Unanswered,
)


class NotRinging(RufaaError):
    """No prompt waits on that phone, or another one than the one answered."""

    kind = Kind.CONFLICT
    code = "not-ringing"


class Engine(Core):
    """Made inside a running event loop."""

    def __init__(self, settings: SimulatorSettings) -> None:
        super().__init__(settings)
        self._postman = Postman(self)
        self.paybill = Paybill(self, self._postman)
        self.orders = Orders(self, self._postman)
        self.owner = Owner(self)
        self._answered: deque[tuple[datetime, str]] = deque(maxlen=1000)
        self._receipts: dict[str, str] = {}  # that were shown to a merchant's validation, by prompt
        self._asking: set[str] = set()  # prompts whose PIN was right, and whose merchant is being asked
        for prompt in list(self.books.prompts.values()):
            self._resume(prompt)
        self.orders.resume()
        self._postman.expect()

    def open(self, push: Push, *, drawn: Drawn = NOTHING) -> Prompt:
        """Queue a prompt for an accepted push. There is no idempotency: each call is one more (daraja.md §3).

        Its callbacks and queries go as the script says or, where it says nothing, as ``drawn``.
        """
        now = self.clock.now()
        text = words.prompt(amount=push.amount, business=push.merchant.name, account=push.account_reference)
        too_long = codes.PROMPT_TOO_LONG if len(text) > codes.PROMPT_TEXT_LIMIT else None
        prompt = Prompt(
            checkout_request_id=self.chance.checkout_request_id(at=now, phone=push.phone, taken=self.books.prompts),
            merchant_request_id=self.chance.merchant_request_id(),
            short_code=push.merchant.short_code,
            phone=push.phone,
            payer=push.payer,
            amount=push.amount,
            account_reference=push.account_reference,
            text=text,
            callback_url=push.callback_url,
            created_at=now,
            forced_code=push.forced_code or too_long or state.MANNER_CODES.get(self.books.manner(push.phone)),
            plan=self.faults.take_callback_plan(now=now) or self._drawn_callbacks(drawn),
            query_plan=self._drawn_queries(drawn),
            notice_plan=self.paybill.drawn_plan(drawn, short_code=push.merchant.short_code),
        )
        if prompt.plan.forged is not None:
            before = next(reversed(self.books.prompts.values()), None)
            posting = postings.forged(
                prompt, prompt.plan.forged, before=before, receipts=self.books.receipts, chance=self.chance
            )
            prompt = replace(prompt, postings=(posting,))
        self.record(events.PromptCreated(prompt))
        self.paybill.forge(_payment(prompt, receipt="", at=now), drawn)
        self._await_answer(prompt)
        self._await_postings(prompt)
        return prompt

    def rings(self, prompt: Prompt) -> bool:
        """Whether the owner of the phone sees it now, and can answer."""
        off = self.books.manner(prompt.phone) is Manner.OFF
        return prompt.rings and not off and prompt.checkout_request_id not in self._asking

    async def answer(self, phone: Phone, answer: Answer, *, checkout_request_id: str | None = None) -> Prompt:
        """The owner of ``phone`` answers what rings. Raises ``NotRinging``."""
        prompt = self.books.live_on(phone)
        if prompt is None or not self.rings(prompt) or checkout_request_id not in (None, prompt.checkout_request_id):
            raise NotRinging("Nothing rings on this phone now.")
        await self._take(prompt.checkout_request_id, answer)
        return self.books.prompts[prompt.checkout_request_id]

    def set_wallet(self, phone: Phone, balance: Money) -> None:
        self.record(events.WalletSet(phone, balance))

    def plan_queries(self, prompt: Prompt) -> Prompt:
        """``prompt``, with the query fault that waits, unless it has one already."""
        plan = None if prompt.misleads else self.faults.take_query_plan()
        if plan is not None:
            self.record(events.QueryPlanned(prompt.checkout_request_id, plan))
        return self.books.prompts[prompt.checkout_request_id]

    def query_misled(self, prompt: Prompt) -> None:
        self.record(events.QueryMisled(prompt.checkout_request_id))

    def answered(self, checkout_request_id: str) -> None:
        """The push was answered with its id."""
        self._answered.append((self.clock.now(), checkout_request_id))

    def repeat_id(self, checkout_request_id: str, *, everywhere: bool) -> str:
        """The id that an earlier push was answered with, a second ago or before; its own if there is none."""
        latest = self.clock.now() - timedelta(seconds=1)
        said = next((each for at, each in reversed(self._answered) if at <= latest), checkout_request_id)
        if everywhere:
            self.record(events.IdRepeated(checkout_request_id, said))
        return said

    async def deliver_first(self, checkout_request_id: str) -> None:
        """Return when the prompt has had its callbacks. A phone that answers by itself does so at once."""
        prompt = self.books.prompts[checkout_request_id]
        if prompt.own_code == codes.STILL_PROCESSING:
            return
        if prompt.live and prompt.own_code is not None:
            await self._take(checkout_request_id, ByItself(prompt.own_code), at_once=True)
            for place, _ in self.books.prompts[checkout_request_id].results:
                await self._call_back(checkout_request_id, place)
        changed = asyncio.Event()
        stop_listening = self.journal.listen(lambda _: changed.set())
        try:
            while not self._is_settled(checkout_request_id):
                changed.clear()
                await changed.wait()
        finally:
            stop_listening()

    def _drawn_callbacks(self, drawn: Drawn) -> CallbackPlan:
        plan = AS_USUAL
        for fault in drawn.callbacks:
            plan = callback_plan(fault, plan, began_at=self.clock.now())
            self.fault_used(fault)
        return plan

    def _drawn_queries(self, drawn: Drawn) -> QueryPlan:
        if drawn.query is None:
            return TRULY
        self.fault_used(drawn.query)
        return query_plan(drawn.query)

    def _resume(self, prompt: Prompt) -> None:
        """After a restart: what waited goes on waiting, what was due is done."""
        if prompt.live:
            self._await_answer(prompt)
        elif prompt.held_until is not None and not prompt.over:
            self._await_money(prompt.checkout_request_id, prompt.held_until)
        self._await_postings(prompt)

    def _await_answer(self, prompt: Prompt) -> None:
        code = prompt.own_code
        if code == codes.STILL_PROCESSING:
            return  # the phone 2547NN004999: under processing for ever, as that code says
        answer: Answer = Unanswered() if code is None else ByItself(code)
        wait_s = self.settings.unanswered_after_s if code is None else self.settings.answer_after_s

        async def act() -> None:
            await self._take(prompt.checkout_request_id, answer)

        self.at(prompt.created_at + timedelta(seconds=wait_s), act)

    async def _take(self, checkout_request_id: str, answer: Answer, *, at_once: bool = False) -> None:
        if checkout_request_id in self._asking:
            return  # what was answered first counts
        prompt = self.books.prompts[checkout_request_id]
        verdict = state.decide(
            prompt.state,
            answer,
            amount=prompt.amount,
            balance=self.books.wallet(prompt.payer),
            pin=self.settings.pin,
        )
        match verdict:
            case Ends():
                await self._end_or_hold(prompt, verdict.code, at_once=at_once)
            case StaysLive():
                self.record(events.PromptPutAside(checkout_request_id))
            case TooLate():
                pass
            case _:
                assert_never(verdict)

    async def _end_or_hold(self, prompt: Prompt, code: str, *, at_once: bool) -> None:
        if code != codes.PAID or prompt.state is State.HELD:
            self._end(prompt, code, at_once=at_once)
            return
        said = await self._validated(prompt)
        if not said.accepted:
            self._end(prompt, said.code, at_once=at_once)
        elif prompt.plan.failure_first is not None and not at_once:
            self._hold(prompt)
        else:
            self._end(prompt, code, at_once=at_once, third_party_id=said.third_party_id)

    async def _validated(self, prompt: Prompt) -> Verdict:
        """What the merchant says to the payment of ``prompt``, if it is one that is asked (daraja.md §6)."""
        merchant = self.settings.merchant(prompt.short_code)
        if merchant is None or not merchant.c2b_validation:
            return Verdict(ACCEPTS)
        self._asking.add(prompt.checkout_request_id)
        try:
            payment = _payment(prompt, receipt=self._receipt_for(prompt), at=self.clock.now())
            return await self.paybill.validated(payment, merchant)
        finally:
            self._asking.discard(prompt.checkout_request_id)

    def _receipt_for(self, prompt: Prompt) -> str:
        """The same for validation and payment."""
        made = self._receipts.get(prompt.checkout_request_id) or self.new_receipt()
        self._receipts[prompt.checkout_request_id] = made
        return made

    def _hold(self, prompt: Prompt) -> None:
        """It is reported as failed now, and paid later."""
        first = prompt.plan.failure_first
        assert first is not None
        now = self.clock.now()
        until = now + timedelta(seconds=first.hold_s)
        due = now + timedelta(seconds=self.settings.callback_after_s)
        body = callbacks.failure(prompt, code=first.code, words=self.chance.one_of(codes.wordings(first.code)))
        posting = Posting(due, Says.FAILURE_FIRST, prompt.callback_url, callbacks.write(body))
        self.record(events.PromptHeld(prompt.checkout_request_id, until, (posting,)))
        self._await_money(prompt.checkout_request_id, until)
        self._await_postings(self.books.prompts[prompt.checkout_request_id], since=len(prompt.postings))

    def _await_money(self, checkout_request_id: str, until: datetime) -> None:
        async def act() -> None:
            await self._take(checkout_request_id, GoesThrough())

        self.at(until, act)

    def _end(self, prompt: Prompt, code: str, *, at_once: bool, third_party_id: str = "") -> None:
        now = self.clock.now()
        moved = None
        notices: tuple[Notice, ...] = ()
        if code == codes.PAID:
            receipt = self._receipts.pop(prompt.checkout_request_id, None) or self.new_receipt()
            moved = events.Transfer(
                receipt=receipt, from_wallet=prompt.payer, to_till=prompt.short_code, amount=prompt.amount
            )
            payment = _payment(prompt, receipt=receipt, at=stk_moved_at(now, receipt=receipt))
            payment = replace(payment, third_party_id=third_party_id)
            notices = self.paybill.confirmations(payment, otherwise=prompt.notice_plan)
        ended = events.PromptEnded(
            checkout_request_id=prompt.checkout_request_id,
            result_code=code,
            result_desc=self.chance.one_of(codes.wordings(code)),
            query_desc=self.chance.one_of(codes.wordings(code)),
            moved=moved,
            ended_at=now,
            callback_balance=self.chance.happens(self.settings.callback_balance_share),
            notices=notices,
            third_party_id=third_party_id,
        )
        planned = postings.of_end(prompt, ended, settings=self.settings, chance=self.chance, at_once=at_once)
        place = len(self.books.notices)
        self.record(replace(ended, postings=planned))
        self._postman.expect(since=place)
        if not at_once:
            self._await_postings(self.books.prompts[prompt.checkout_request_id], since=len(prompt.postings))

    def _await_postings(self, prompt: Prompt, *, since: int = 0) -> None:
        """Send what has not been sent, from place ``since`` on, each when it is due."""
        for place, posting in enumerate(prompt.postings):
            if place >= since and not posting.sent:
                self._post_at(prompt.checkout_request_id, place, due=posting.due)

    def _post_at(self, checkout_request_id: str, place: int, *, due: datetime) -> None:
        self.at(due, lambda: self._call_back(checkout_request_id, place))

    async def _call_back(self, checkout_request_id: str, place: int) -> None:
        prompt = self.books.prompts[checkout_request_id]
        posting = prompt.postings[place]
        delivery = await self.deliverer.deliver(
            posting.url, posting.body, short_code=prompt.short_code, forged=posting.says is Says.FORGED
        )
        self.record(
            events.CallbackSent(
                checkout_request_id,
                outcome=delivery.outcome,
                status=delivery.status,
                body=posting.body,
                says=posting.says,
                place=place,
            )
        )

    def _is_settled(self, checkout_request_id: str) -> bool:
        prompt = self.books.prompts[checkout_request_id]
        return prompt.over and all(each.sent for _, each in prompt.results)


def _payment(prompt: Prompt, *, receipt: str, at: datetime) -> Movement:
    """What C2B tells of a paid prompt."""
    return Movement(
        receipt=receipt,
        way=Way.STK,
        short_code=prompt.short_code,
        phone=prompt.payer,
        amount=prompt.amount,
        at=at,
        reference=prompt.account_reference,
        originator_id=prompt.merchant_request_id,
    )
