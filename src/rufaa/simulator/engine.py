"""What happens when: an accepted push rings, is answered or runs out, moves the money, and is called back once.

The one place where the pure law (``state.py``), the journal, the clock and chance meet. It knows no HTTP but the one
delivery of a callback. Everything runs in one event loop; each change is journalled before it is made.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from rufaa import clock as real_time
from rufaa.errors import Kind, RufaaError
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import callbacks, codes, shapes, state, words
from rufaa.simulator.callbacks import Deliverer
from rufaa.simulator.chance import Chance
from rufaa.simulator.chaos import NOTHING, Drawn, Swarm
from rufaa.simulator.checks import Push
from rufaa.simulator.clock import Action, Clock, ManualClock, RealClock
from rufaa.simulator.config import Chaos, SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind, Operation, Script, callback_plan, query_plan
from rufaa.simulator.journal import Journal, event_of, to_data
from rufaa.simulator.oauth import Tokens
from rufaa.simulator.plans import (
    AS_USUAL,
    TRULY,
    CallbackPlan,
    Forged,
    Forgery,
    PhoneForm,
    Posting,
    QueryPlan,
    Says,
)
from rufaa.simulator.state import (
    Answer,
    Books,
    ByItself,
    Ends,
    GoesThrough,
    Prompt,
    State,
    StaysLive,
    TooLate,
    Transfer,
    Unanswered,
)

_WRONG_ENDING: Final = 6  # how many last letters of a path a forger guesses wrongly


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
        self.faults = Script(self.fault_used)
        self._deliverer = Deliverer(timeout_s=settings.callback_timeout_s, forger_address=settings.forger_address)
        self.journal.write(self.clock.now(), "started", {"start": starts, "seed": settings.seed})
        self._starts = starts
        self._answered: deque[tuple[datetime, str]] = deque(maxlen=1000)
        self.swarm: Swarm | None = None
        if settings.chaos is not None:
            self.set_chaos(settings.chaos)
        for prompt in list(self.books.prompts.values()):
            self._resume(prompt)

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
            forced_code=push.forced_code or too_long,
            plan=self.faults.take_callback_plan(now=now) or self._drawn_callbacks(drawn),
            query_plan=self._drawn_queries(drawn),
        )
        if prompt.plan.forged is not None:
            prompt = replace(prompt, postings=(self._forge(prompt, prompt.plan.forged),))
        self._record(state.PromptCreated(prompt))
        self._await_answer(prompt)
        self._await_postings(prompt)
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
        self.journal.write(self.clock.now(), "fault-scripted", {"fault": fault.to_data()})
        if fault.kind is FaultKind.MAINTENANCE:
            self.begin(fault)
        else:
            self.faults.add(fault)

    def begin(self, maintenance: Fault) -> None:
        """A maintenance window; it takes the place of the one before."""
        self.fault_used(maintenance)
        since = self.clock.now() + timedelta(seconds=maintenance["delay_s"])
        self._record(state.MaintenanceSet(since, since + timedelta(seconds=maintenance["for_s"])))

    def end_maintenance(self) -> None:
        now = self.clock.now()
        self._record(state.MaintenanceSet(now, now))

    def set_chaos(self, chaos: Chaos | None) -> None:
        """Start the random mode, or stop it."""
        self.swarm = None if chaos is None else Swarm(chaos, start=self._starts)
        told = (
            {"seed": None, "rate": None, "kinds": []}
            if chaos is None
            else {**to_data(chaos), "kinds": self.chaos_kinds}
        )
        self.journal.write(self.clock.now(), "chaos", told)

    @property
    def chaos_kinds(self) -> list[str]:
        """The kinds of faults that the random mode has on."""
        return [] if self.swarm is None else [str(kind) for kind in self.swarm.shares]

    def draw(self, operation: Operation, subject: str = "") -> Drawn:
        """What chance has for this request. A maintenance window that it draws has begun."""
        if self.swarm is None:
            return NOTHING
        drawn = self.swarm.draw(operation, subject)
        if drawn.maintenance is not None and not self.books.under_maintenance(self.clock.now()):
            self.begin(drawn.maintenance)
        return drawn

    def fault_used(self, fault: Fault) -> None:
        self.journal.write(self.clock.now(), "fault-used", {"fault": fault.to_data()})

    def plan_queries(self, prompt: Prompt) -> Prompt:
        """``prompt``, with the query fault that waits, unless it has one already."""
        plan = None if prompt.misleads else self.faults.take_query_plan()
        if plan is not None:
            self._record(state.QueryPlanned(prompt.checkout_request_id, plan))
        return self.books.prompts[prompt.checkout_request_id]

    def query_misled(self, prompt: Prompt) -> None:
        self._record(state.QueryMisled(prompt.checkout_request_id))

    def answered(self, checkout_request_id: str) -> None:
        """The push was answered with its id."""
        self._answered.append((self.clock.now(), checkout_request_id))

    def repeat_id(self, checkout_request_id: str, *, everywhere: bool) -> str:
        """The id that an earlier push was answered with, a second ago or before; its own if there is none."""
        latest = self.clock.now() - timedelta(seconds=1)
        said = next((each for at, each in reversed(self._answered) if at <= latest), checkout_request_id)
        if everywhere:
            self._record(state.IdRepeated(checkout_request_id, said))
        return said

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
                held = verdict.code == codes.PAID and prompt.plan.failure_first is not None
                if held and prompt.state is not State.HELD and not at_once:
                    self._hold(prompt)
                else:
                    self._end(prompt, verdict.code, at_once=at_once)
            case StaysLive():
                self._record(state.PromptPutAside(checkout_request_id))
            case TooLate():
                pass
            case _:
                assert_never(verdict)

    def _hold(self, prompt: Prompt) -> None:
        """It is reported as failed now, and paid later."""
        first = prompt.plan.failure_first
        assert first is not None
        now = self.clock.now()
        until = now + timedelta(seconds=first.hold_s)
        due = now + timedelta(seconds=self.settings.callback_after_s)
        body = callbacks.failure(prompt, code=first.code, words=self.chance.one_of(codes.wordings(first.code)))
        posting = Posting(due, Says.FAILURE_FIRST, prompt.callback_url, callbacks.write(body))
        self._record(state.PromptHeld(prompt.checkout_request_id, until, (posting,)))
        self._await_money(prompt.checkout_request_id, until)
        self._await_postings(self.books.prompts[prompt.checkout_request_id], since=len(prompt.postings))

    def _await_money(self, checkout_request_id: str, until: datetime) -> None:
        async def act() -> None:
            self._take(checkout_request_id, GoesThrough())

        self._at(until, act)

    def _end(self, prompt: Prompt, code: str, *, at_once: bool) -> None:
        now = self.clock.now()
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
        )
        ended = replace(ended, postings=self._postings(prompt, ended, at_once=at_once))
        self._record(ended)
        if not at_once:
            self._await_postings(self.books.prompts[prompt.checkout_request_id], since=len(prompt.postings))

    def _postings(self, prompt: Prompt, ended: state.PromptEnded, *, at_once: bool) -> tuple[Posting, ...]:
        """The callbacks of a prompt that ends so."""
        plan = prompt.plan
        if plan.lost:
            return ()
        after = replace(
            prompt,
            result_code=ended.result_code,
            result_desc=ended.result_desc,
            receipt=None if ended.moved is None else ended.moved.receipt,
            ended_at=ended.ended_at,
            callback_balance=ended.callback_balance,
        )
        due = ended.ended_at
        if not at_once:
            due += timedelta(seconds=self.settings.callback_after_s + plan.delay_s)
            due = max(due, plan.not_before or due)
        message = callbacks.result(after, phone_form=plan.phone_form or self.settings.callback_phones)
        body = shapes.body(message, plan.tampering)
        postings = [
            Posting(due + timedelta(seconds=copy * plan.spacing_s), Says.RESULT, prompt.callback_url, body)
            for copy in range(plan.copies)
        ]
        if plan.second_failure is not None and ended.moved is None:
            second = plan.second_failure
            code = second.code if second.code != ended.result_code else _another(second.code)
            told = callbacks.failure(after, code=code, words=self.chance.one_of(codes.wordings(code)))
            later = due + timedelta(seconds=second.after_s)
            postings.append(Posting(later, Says.SECOND_FAILURE, prompt.callback_url, callbacks.write(told)))
        return tuple(postings)

    def _forge(self, prompt: Prompt, forged: Forged) -> Posting:
        """What somebody who knows the prompt's ids, and mostly its path, makes up about it."""
        url, about, receipt = prompt.callback_url, prompt, None
        match forged.forgery:
            case Forgery.OTHER_IDS:
                about = next(reversed(self.books.prompts.values()), prompt)
                about = replace(about, amount=prompt.amount, payer=prompt.payer)
                receipt = about.receipt
            case Forgery.WRONG_SECRET:
                url = url[:-_WRONG_ENDING] + "".join(
                    self.chance.one_of("0123456789abcdef") for _ in range(_WRONG_ENDING)
                )
            case Forgery.INVENTED_RECEIPT | Forgery.FAILURE:
                pass
            case _:
                assert_never(forged.forgery)
        if forged.forgery is Forgery.FAILURE:
            message = callbacks.failure(about, code=forged.code, words=self.chance.one_of(codes.wordings(forged.code)))
        else:
            message = callbacks.success(
                about,
                receipt=receipt or self.chance.receipt(at=prompt.created_at, taken=self.books.receipts),
                phone_form=PhoneForm.WHOLE,
                words=codes.wordings(codes.PAID)[0],
            )
        due = prompt.created_at + timedelta(seconds=forged.after_s)
        return Posting(due, Says.FORGED, url, callbacks.write(message))

    def _await_postings(self, prompt: Prompt, *, since: int = 0) -> None:
        """Send what has not been sent, from place ``since`` on, each when it is due."""
        for place, posting in enumerate(prompt.postings):
            if place >= since and not posting.sent:
                self._post_at(prompt.checkout_request_id, place, due=posting.due)

    def _post_at(self, checkout_request_id: str, place: int, *, due: datetime) -> None:
        self._at(due, lambda: self._call_back(checkout_request_id, place))

    async def _call_back(self, checkout_request_id: str, place: int) -> None:
        prompt = self.books.prompts[checkout_request_id]
        posting = prompt.postings[place]
        delivery = await self._deliverer.deliver(
            posting.url, posting.body, short_code=prompt.short_code, forged=posting.says is Says.FORGED
        )
        self._record(
            state.CallbackSent(
                checkout_request_id,
                outcome=delivery.outcome,
                status=delivery.status,
                body=posting.body,
                says=posting.says,
                place=place,
            )
        )

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
        return prompt.over and all(each.sent for _, each in prompt.results)


def _another(code: str) -> str:
    return codes.CANCELLED if code != codes.CANCELLED else codes.EXPIRED
