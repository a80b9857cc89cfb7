"""What happens when: an accepted push rings, is answered or runs out, moves the money, and is called back once.

The one place where the pure law (``state.py``), the journal, the clock and chance meet. It knows no HTTP but the one
delivery of a callback. Everything runs in one event loop; each change is journalled before it is made.
"""

from __future__ import annotations

import asyncio
import traceback
from datetime import datetime, timedelta
from typing import assert_never

from rufaa import clock as real_time
from rufaa.errors import Kind, RufaaError
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import callbacks, codes, state, words
from rufaa.simulator.callbacks import Deliverer
from rufaa.simulator.chance import Chance
from rufaa.simulator.checks import Push
from rufaa.simulator.clock import Action, Clock, ManualClock, RealClock
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.faults import Fault, Script
from rufaa.simulator.journal import Journal, event_of, to_data
from rufaa.simulator.oauth import Tokens
from rufaa.simulator.state import Answer, Books, ByItself, Ends, Prompt, StaysLive, TooLate, Transfer, Unanswered


class NotRinging(RufaaError):
    """No prompt waits on that phone, or another one than the one answered."""

    kind = Kind.CONFLICT
    code = "not-ringing"


class Engine:
    """Made inside a running event loop."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.journal = Journal(settings.journal)
        self.books = Books(opening_balance=settings.wallet_balance)
        starts = 0
        for entry in self.journal.entries:
            starts += entry.kind == "started"
            event = event_of(entry)
            if event is not None:
                self.books.apply(event)
        self.clock: Clock = self._clock()
        self.chance = Chance(settings.seed, start=starts)
        self.tokens = Tokens(settings, self.chance)
        self.faults = Script(self._fault_used)
        self._deliverer = Deliverer(timeout_s=settings.callback_timeout_s)
        self.journal.write(self.clock.now(), "started", {"start": starts, "seed": settings.seed})
        for prompt in list(self.books.prompts.values()):
            self._resume(prompt)

    def open(self, push: Push) -> Prompt:
        """Queue a prompt for an accepted push. There is no idempotency: each call is one more (daraja.md §3)."""
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
            forced_code=push.forced_code or too_long,
            plan=self.faults.take_callback_plan(),
        )
        self._record(state.PromptCreated(prompt))
        self._await_answer(prompt)
        return prompt

    def answer(self, phone: Phone, answer: Answer, *, checkout_request_id: str | None = None) -> Prompt:
        """The owner of ``phone`` answers what rings. Raises ``NotRinging``."""
        prompt = self.books.live_on(phone)
        if prompt is None or not prompt.rings or checkout_request_id not in (None, prompt.checkout_request_id):
            raise NotRinging("Nothing rings on this phone now.")
        self._take(prompt.checkout_request_id, answer)
        return self.books.prompts[prompt.checkout_request_id]

    def set_wallet(self, phone: Phone, balance: Money) -> None:
        self._record(state.WalletSet(phone, balance))

    def script(self, fault: Fault) -> None:
        self.faults.add(fault)
        self.journal.write(self.clock.now(), "fault-scripted", to_data(fault))

    async def advance(self, seconds: float) -> None:
        """Move a manual clock, and return when all that fell due has happened. Raises ``ClockIsReal``."""
        await self.clock.advance(seconds)
        self.journal.write(self.clock.now(), "clock", {"advanced_s": seconds})

    async def deliver_first(self, checkout_request_id: str) -> None:
        """Return when the prompt has had its callbacks. A phone that answers by itself does so at once."""
        prompt = self.books.prompts[checkout_request_id]
        if prompt.own_code == codes.STILL_PROCESSING:
            return
        if prompt.live and prompt.own_code is not None:
            self._take(checkout_request_id, ByItself(prompt.own_code), at_once=True)
            for _ in self.books.prompts[checkout_request_id].callbacks_due:
                await self._call_back(checkout_request_id)
        changed = asyncio.Event()
        stop_listening = self.journal.listen(lambda _: changed.set())
        try:
            while not self._is_settled(checkout_request_id):
                changed.clear()
                await changed.wait()
        finally:
            stop_listening()

    def error(self, where: str, error: BaseException) -> None:
        """Journal a fault of the simulator itself."""
        lines = traceback.format_exception(error)
        self.journal.write(self.clock.now(), "internal-error", {"where": where, "error": "".join(lines)[-4000:]})

    async def close(self) -> None:
        await self.clock.close()
        await self._deliverer.close()
        self.journal.close()

    def _clock(self) -> Clock:
        if not self.settings.manual_clock:
            return RealClock()
        start = self.settings.start_at or real_time.now()
        last = self.journal.entries[-1].at if self.journal.entries else start
        return ManualClock(max(start, last))

    def _record(self, event: state.Event) -> None:
        self.journal.write_event(self.clock.now(), event)
        self.books.apply(event)

    def _fault_used(self, fault: Fault) -> None:
        self.journal.write(self.clock.now(), "fault-used", to_data(fault))

    def _resume(self, prompt: Prompt) -> None:
        """After a restart: what waited goes on waiting, what was due is done."""
        if prompt.live:
            self._await_answer(prompt)
        else:
            for due in prompt.callbacks_due[prompt.callbacks_sent :]:
                self._at(due, lambda: self._call_back(prompt.checkout_request_id))

    def _await_answer(self, prompt: Prompt) -> None:
        code = prompt.own_code
        if code == codes.STILL_PROCESSING:
            return  # the phone 2547NN004999: under processing for ever, as that code says
        answer: Answer = Unanswered() if code is None else ByItself(code)
        wait_s = self.settings.unanswered_after_s if code is None else self.settings.answer_after_s

        async def act() -> None:
            self._take(prompt.checkout_request_id, answer)

        self._at(prompt.created_at + timedelta(seconds=wait_s), act)

    def _take(self, checkout_request_id: str, answer: Answer, *, at_once: bool = False) -> None:
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
                self._end(prompt, verdict.code, at_once=at_once)
            case StaysLive():
                self._record(state.PromptPutAside(checkout_request_id))
            case TooLate():
                pass
            case _:
                assert_never(verdict)

    def _end(self, prompt: Prompt, code: str, *, at_once: bool) -> None:
        now = self.clock.now()
        wait_s = 0.0 if at_once else self.settings.callback_after_s + prompt.plan.delay_s
        due = now + timedelta(seconds=wait_s)
        moved = None
        if code == codes.PAID:
            moved = Transfer(
                receipt=self.chance.receipt(at=now, taken=self.books.receipts),
                from_wallet=prompt.payer,
                to_till=prompt.short_code,
                amount=prompt.amount,
            )
        ended = state.PromptEnded(
            checkout_request_id=prompt.checkout_request_id,
            result_code=code,
            result_desc=self.chance.one_of(codes.wordings(code)),
            query_desc=self.chance.one_of(codes.wordings(code)),
            moved=moved,
            ended_at=now,
            callback_balance=self.chance.happens(self.settings.callback_balance_share),
            callbacks_due=() if prompt.plan.lost else (due,) * prompt.plan.copies,
        )
        self._record(ended)
        if not at_once:
            for each in ended.callbacks_due:
                self._at(each, lambda: self._call_back(prompt.checkout_request_id))

    async def _call_back(self, checkout_request_id: str) -> None:
        prompt = self.books.prompts[checkout_request_id]
        body = callbacks.text(prompt)
        delivery = await self._deliverer.deliver(prompt.callback_url, body, short_code=prompt.short_code)
        self._record(state.CallbackSent(checkout_request_id, delivery.outcome, delivery.status, body))

    def _at(self, due: datetime, action: Action) -> None:
        """Do it when it is due; what goes wrong then is journalled, since nobody waits for it."""

        async def guarded() -> None:
            try:
                await action()
            except Exception as error:  # noqa: BLE001 - the last line of defence
                self.error("clock", error)

        self.clock.call_at(due, guarded)

    def _is_settled(self, checkout_request_id: str) -> bool:
        prompt = self.books.prompts[checkout_request_id]
        return not prompt.live and prompt.callbacks_sent >= len(prompt.callbacks_due)
