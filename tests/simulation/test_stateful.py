"""Hypothesis writes the story: who clicks, pays, forges or dies when. What fails is shrunk to the shortest story."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import ExitStack, suppress
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rufaa.payments.machine import FeeEvent
from rufaa.phone import Phone
from rufaa.referrals.machine import Status
from rufaa.simulator import codes
from rufaa.simulator.engine import NotRinging
from rufaa.simulator.faults import KINDS, Fault, FaultKind, Operation, Slot
from rufaa.simulator.plans import Forgery
from rufaa.simulator.state import Cancelled, PinEntered, PutAside
from simulation import paybill
from simulation.finance import Finance
from simulation.people import Forgers, Visit
from simulation.run import FINANCE_S, Simulation, prepared

_LONG: Final = bool(os.environ.get("RUFAA_LONG"))
_STORIES: Final = 200 if _LONG else 3
_PHONES: Final = ("254100000001", "254100000002", "254708000000")
_SCRIPTED: Final = {
    FaultKind.CALLBACK_LOST: {},
    FaultKind.CALLBACK_DELAYED: {"delay_s": 200.0},
    FaultKind.CALLBACK_DUPLICATED: {"copies": 2},
    FaultKind.CALLBACK_FAILURE_FIRST: {"code": codes.CANCELLED, "delay_s": 60.0},
    FaultKind.CALLBACK_FORGED: {"forgery": Forgery.INVENTED_RECEIPT},
    FaultKind.ANSWER_LOST: {},
    FaultKind.REQUEST_LOST: {},
    FaultKind.QUERY_WRONG: {"code": codes.CANCELLED, "times": 1},
    FaultKind.CONFIRMATION_LOST: {},
}


class Story(RuleBasedStateMachine):
    """A town with two workers and two gateways, whose loops run whenever time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.visits: list[Visit] = []
        self.town: Simulation

    def do(self, work: Any) -> Any:
        return self.town.loop.run_until_complete(work)

    @initialize(c2b=st.booleans(), pull=st.booleans())
    def opens(self, c2b: bool, pull: bool) -> None:
        self.town = self.stack.enter_context(prepared(1))

        async def opening() -> None:
            await self.town.open(c2b=c2b, pull=pull)

        self.do(opening())
        self.town.phones = list(_PHONES)
        self.town.payers.mute = True
        self.finance = Finance(self.town, every_s=1.0)
        self.forgers = Forgers(self.town, every_s=1.0)

    @rule(house=st.integers(0, 2))
    @precondition(lambda self: len(self.visits) < 3)
    def a_patient_comes(self, house: int) -> None:
        number = len(self.visits)
        visit = Visit(self.town, number, self.town.town.houses[house], random.Random(number))
        visit.phones = list(_PHONES[:2])
        visit.referral = self.town.hub.quietly(lambda: visit.arrive(emergency=False))
        self.visits.append(visit)
        self.do(visit.move(Status.PENDING_PAYMENT))

    @rule(which=st.integers(0, 2), phones=st.lists(st.sampled_from(_PHONES), min_size=1, max_size=3))
    @precondition(lambda self: self.visits)
    def a_clerk_clicks(self, which: int, phones: list[str]) -> None:
        visit = self.visits[which % len(self.visits)]

        async def clicks() -> None:
            await asyncio.gather(*(visit.press(phone) for phone in phones))

        self.do(clicks())

    @rule(phone=st.sampled_from(_PHONES[:2]), answer=st.sampled_from(("pin", "wrong", "cancel", "aside")))
    @precondition(lambda self: self.visits)
    def a_payer_answers(self, phone: str, answer: str) -> None:
        pin = self.town.engine.settings.pin
        given: Any = {"pin": PinEntered(pin), "wrong": PinEntered("0000"), "cancel": Cancelled(), "aside": PutAside()}

        async def answers() -> None:
            with suppress(NotRinging):
                await self.town.engine.answer(Phone(phone), given[answer])

        self.do(answers())

    @rule(which=st.integers(0, 2), seed=st.integers(0, 30))
    @precondition(lambda self: self.visits)
    def somebody_pays_by_hand(self, which: int, seed: int) -> None:
        visit = self.visits[which % len(self.visits)]
        chance = random.Random(seed)
        self.do(paybill.pay(self.town, chance, house=visit.house, code=visit.code(), phone=_PHONES[0]))

    @rule(which=st.integers(0, 2), what=st.sampled_from(("cancel", "waive", "defer")))
    @precondition(lambda self: self.visits)
    def a_fee_is_given_up(self, which: int, what: str) -> None:
        visit = self.visits[which % len(self.visits)]
        if what == "cancel":
            self.do(visit.move(Status.CANCELLED, reason="not needed"))
        else:
            self.do(visit.exempt(FeeEvent.WAIVE if what == "waive" else FeeEvent.DEFER))

    @rule(kind=st.sampled_from(sorted(_SCRIPTED)))
    @precondition(lambda self: self.visits)
    def something_will_go_wrong(self, kind: FaultKind) -> None:
        on = Operation.PUSH if KINDS[kind].slot is Slot.ANSWER else None
        self.town.engine.script(Fault(kind, on=on, **_SCRIPTED[kind]))

    @rule()
    @precondition(lambda self: self.visits)
    def a_forger_strikes(self) -> None:
        self.do(self.forgers.strike())

    @rule()
    @precondition(lambda self: self.visits)
    def finance_people_work(self) -> None:
        self.do(self.finance.work())

    @rule(which=st.integers(0, 3))
    def a_process_dies(self, which: int) -> None:
        nodes = [each.node for each in (*self.town.workers, *self.town.gateways) if not each.node.dead]
        if nodes:
            self.do(_now(nodes[which % len(nodes)].die))

    @rule(which=st.integers(0, 3), seconds=st.sampled_from((10.0, 70.0)))
    def a_process_freezes(self, which: int, seconds: float) -> None:
        nodes = [each.node for each in (*self.town.workers, *self.town.gateways) if not each.node.dead]
        if nodes:
            self.do(_now(lambda: nodes[which % len(nodes)].freeze(seconds)))

    @rule(seconds=st.sampled_from((0.001, 0.3, 1.0, 5.0, 30.0, 100.0, 400.0)))
    @precondition(lambda self: self.visits)
    def time_passes(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @invariant()
    def nothing_is_wrong(self) -> None:
        if hasattr(self, "town"):
            assert self.town.oracle.violations == []
            assert self.town.oracle.complaints == []

    def teardown(self) -> None:
        """A calm end, in which everything is told and the books are closed."""
        try:
            if hasattr(self, "town") and not self.town.oracle.violations:
                self.do(self._ends())
                self.nothing_is_wrong()
        finally:
            self.stack.close()

    async def _ends(self) -> None:
        """As a seed's: finance people come by for some hours more, and the operator says whose each task is."""
        self.town.calm_down()
        watching = asyncio.ensure_future(self.town.watch())
        working = asyncio.ensure_future(self.finance.run())
        await asyncio.wait({watching}, timeout=FINANCE_S)
        self.finance.only_looks = True
        await self.town.end(watching)
        working.cancel()
        watching.cancel()


async def _now(work: Any) -> None:
    work()


@pytest.mark.timeout(3600 if _LONG else 600)
def test_no_story_loses_a_shilling(database_url: str) -> None:
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=_STORIES,
            stateful_step_count=12,
            deadline=None,
            derandomize=not _LONG,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
