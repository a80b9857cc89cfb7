"""Clerks who cannot wait, payers who pay, cancel or pay twice, and forgers who aim at what is open.

Each visit and each payer has chances of its own, so that a change in one story changes no other.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError, InterfaceError

from rufaa.db.atomic import Tx, unit
from rufaa.errors import RufaaError
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from rufaa.simulator import callbacks, codes
from rufaa.simulator.engine import NotRinging
from rufaa.simulator.journal import Entry
from rufaa.simulator.plans import PhoneForm
from rufaa.simulator.state import Cancelled, PinEntered, PutAside
from simulation import paybill
from simulation.network import FORGER, LISTED
from simulation.nodes import Broken
from simulation.oracle import prompt_of
from simulation.strands import GRAVEYARD
from simulation.town import House

if TYPE_CHECKING:
    from simulation.run import Simulation

_PUBLIC_AGAIN_S: Final = (5.0, 20.0, 45.0, 90.0, 200.0, 700.0)


@dataclass
class Visit:
    """One referral, from its creation until nobody asks for its money any more."""

    simulation: Simulation
    number: int
    house: House
    chance: random.Random
    referral: str = ""
    phones: list[str] = field(default_factory=list)

    async def run(self) -> None:
        sim, chance = self.simulation, self.chance
        self.phones = [chance.choice(sim.phones), chance.choice(sim.phones)]
        emergency = chance.random() < 0.08
        self.referral = sim.hub.quietly(lambda: self.arrive(emergency=emergency))
        if emergency:
            if chance.random() < 0.3:  # the clerk was faster than reception
                await self.move(Status.PENDING_PAYMENT)
            await self.move(Status.CONFIRMED, by=sim.town.reception)
        if emergency or chance.random() < 0.5:
            if not emergency:
                await self.move(Status.PENDING_PAYMENT)
            await self.press(self.phones[0])
        else:
            await self._particulars()
        for _ in range(chance.choice((1, 2, 2, 3, 4))):
            await asyncio.sleep(chance.choice(_PUBLIC_AGAIN_S))
            if self._fee() not in {"due", "deferred"}:
                break
            await self._lose_patience()
        await self._afterwards()

    def arrive(self, *, emergency: bool) -> str:
        def create(tx: Tx) -> str:
            row = referrals.create(
                tx,
                self.house.clerk,
                patient_name=f"Patient {self.number}",
                receiving=self.simulation.town.hospital.name,
                priority=Priority.EMERGENCY if emergency else Priority.ROUTINE,
                medical_history="none",
                lab_results="none",
                diagnosis="fracture",
            )
            referrals.update_status(tx, self.house.clerk, row.pk.hex, target=Status.AWAITING_BIODATA)
            return row.pk.hex

        return unit(create, actor=self.house.clerk.user)

    async def _lose_patience(self) -> None:
        """What a clerk does who sees that it is still not paid."""
        what = self.chance.random()
        if what < 0.55:
            presses = self.chance.choice((1, 1, 2, 3))
            phone = self.phones[0] if self.chance.random() < 0.7 else self.phones[1]
            if presses > 1:
                self._count("clerk clicked twice")
            await asyncio.gather(*(self.press(phone) for _ in range(presses)))
        elif what < 0.65:
            self._count("clerk pressed for two phones at once")
            await asyncio.gather(self.press(self.phones[0]), self.press(self.phones[1]))
        elif what < 0.8:
            self._count("clerk pressed retry")
            await self._do(lambda tx: referrals.retry_prompt(tx, self.house.clerk, self.referral, reason="no answer"))
        elif what < 0.86:
            await self.exempt(self.chance.choice((FeeEvent.WAIVE, FeeEvent.DEFER)))
        elif what < 0.89:
            self._count("clerk cancelled")
            await self.move(Status.CANCELLED, reason="not needed any more")
        else:
            await self._by_hand()

    async def _by_hand(self) -> None:
        """The payer does not wait for a prompt any more, and maybe shows the clerk the message of M-Pesa."""
        number = await paybill.pay(
            self.simulation,
            self.chance,
            house=self.house,
            code=self.code(),
            phone=self.phones[0] if self.chance.random() < 0.8 else self.phones[1],
        )
        if self.chance.random() < 0.3:
            others = list(self.simulation.engine.books.movements)
            if number is None or self.chance.random() < 0.2:
                number = self.chance.choice(others) if others and self.chance.random() < 0.7 else "UKN0AAAAAA"
            self._count("clerk typed a code")
            await self._do(lambda tx: referrals.type_receipt_code(tx, self.house.clerk, self.referral, code=number))

    def code(self) -> str:
        ((code,),) = self.simulation.hub.peek(
            "SELECT account_code FROM referral WHERE id = %(id)s", {"id": uuid.UUID(self.referral)}
        )
        return str(code)

    async def _afterwards(self) -> None:
        if self._fee() == "paid":
            if self.chance.random() < 0.1:  # who pays without looking
                await self._by_hand()
            if self.chance.random() < 0.2:
                self._count("clerk cancelled what was paid")
                await self.move(Status.CANCELLED, reason="not needed any more")
            elif self.chance.random() < 0.4:
                await self.move(Status.CONFIRMED, by=self.simulation.town.reception)
                await self.move(Status.COMPLETED, by=self.simulation.town.reception, reason="treated")
        elif self.chance.random() < 0.15:
            await self.exempt(FeeEvent.WAIVE)
        if self._fee() in {"waived", "deferred"} and self.chance.random() < 0.5:
            await self.move(Status.CONFIRMED, by=self.simulation.town.reception)

    # --- what a click does

    async def press(self, phone: str) -> None:
        clerk, reason = self.house.clerk, "nothing came" if self.chance.random() < 0.7 else ""
        await self._do(
            lambda tx: referrals.send_prompt(tx, clerk, self.referral, phone=phone, amount=None, reason=reason)
        )

    async def _particulars(self) -> None:
        phone = self.phones[0]
        await self._do(
            lambda tx: referrals.save_particulars(
                tx, self.house.clerk, self.referral, patient_phone=phone, payer_phone=phone
            )
        )

    async def move(self, target: Status, *, by: Any = None, reason: str | None = None) -> None:
        who = by or self.house.clerk
        await self._do(lambda tx: referrals.update_status(tx, who, self.referral, target=target, reason=reason), by=who)

    async def exempt(self, kind: FeeEvent) -> None:
        """Two people agree, while the money may be on its way."""
        self._count(f"two people agreed to {kind}")
        first, second = self.house.clerk, self.house.second
        await self._do(
            lambda tx: referrals.propose_exemption(tx, first, self.referral, kind=kind, reason="cannot pay"), by=first
        )
        await self._do(lambda tx: referrals.second_exemption(tx, second, self.referral), by=second)

    async def _do(self, work: Callable[[Tx], Any], *, by: Any = None) -> Any:
        """A call to one of the gateways; who gets no answer tries again, elsewhere maybe."""
        who = by or self.house.clerk
        for _ in range(3):
            gateway = self.simulation.a_gateway(self.chance)
            if gateway is not None:
                try:
                    return await gateway.do(work, actor=who.user)
                except RufaaError as refusal:
                    self._count(f"refused: {refusal.code}")
                    return None
                except (Broken, DatabaseError, InterfaceError):
                    self._count("clerk got no answer")
            await asyncio.sleep(self.chance.choice((0.0, 1.0, 10.0)))
        return None

    def _fee(self) -> str:
        rows = self.simulation.hub.peek(
            "SELECT fee.state FROM referral JOIN fee ON fee.id = fee_id WHERE referral.id = %(id)s",
            {"id": uuid.UUID(self.referral)},
        )
        return str(rows[0][0]) if rows else ""

    def _count(self, what: str) -> None:
        self.simulation.trace.counts[what] += 1


class Payers:
    """Whoever holds a phone that rings: mostly pays, soon or late; some cancel, mistype or look away."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.mute = False
        """Whether somebody else answers the phones."""
        simulation.engine.journal.listen(self._hear)

    def _hear(self, entry: Entry) -> None:
        if entry.kind != "prompt-created" or self.mute:
            return
        checkout = entry.data["prompt"]["checkout_request_id"]
        prompt = self._simulation.engine.books.prompts.get(checkout)
        phone, by_itself = entry.data["prompt"]["phone"], prompt is not None and prompt.own_code is not None
        if by_itself:
            return
        chance = random.Random(f"payer/{self._simulation.seed}/{checkout}")
        delay_s = chance.choice((2.0, 5.0, 8.0, 15.0, 30.0, 55.0)) + chance.random()
        GRAVEYARD.append(self._simulation.loop.create_task(self._answer(phone, checkout, chance, after_s=delay_s)))

    async def _answer(self, phone: Any, checkout: str, chance: random.Random, *, after_s: float) -> None:
        await asyncio.sleep(after_s)
        engine = self._simulation.engine
        what = chance.random()
        answer: Any = PinEntered(engine.settings.pin)
        if what < 0.06:
            answer = Cancelled()
        elif what < 0.1:
            answer = PinEntered("0000")
        elif what < 0.14:
            answer = PutAside()
        elif what < 0.2:
            return
        try:
            await engine.answer(phone, answer, checkout_request_id=checkout)
        except NotRinging:
            self._simulation.trace.counts["payer was too late"] += 1
        else:
            self._simulation.trace.counts[f"payer: {type(answer).__name__}"] += 1


class Forgers:
    """They know the addresses of prompts that ring now, from a leaked log, and post what they like to them."""

    KINDS: Final = ("invented", "failure", "wrong secret", "other ids", "replayed", "amount", "nonsense")

    def __init__(self, simulation: Simulation, *, every_s: float) -> None:
        self._simulation = simulation
        self._every_s = every_s
        self._chance = random.Random(f"forgers/{simulation.seed}")

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self._every_s))
            await self.strike()

    async def strike(self) -> None:
        books, chance = self._simulation.engine.books, self._chance
        ringing = [books.prompts[each] for each in books.on_phone.values()]
        if not ringing:
            return
        target = chance.choice(ringing)
        kind = chance.choice(self.KINDS)
        url, about, source = target.callback_url, target, FORGER
        receipt = self._receipt()
        message = callbacks.success(target, receipt=receipt, phone_form=PhoneForm.WHOLE, words="ok")
        match kind:
            case "failure":
                message = callbacks.failure(target, code=codes.CANCELLED, words="no")
            case "wrong secret":
                url = url[:-4] + ("0000" if not url.endswith("0000") else "1111")
                source = LISTED
            case "other ids":
                about = chance.choice(ringing)
                message = callbacks.success(about, receipt=receipt, phone_form=PhoneForm.WHOLE, words="ok")
            case "replayed":
                true = [each for each in list(books.prompts.values())[-60:] if each.receipt is not None]
                if not true:
                    return
                about = chance.choice(true)
                message = callbacks.result(about, phone_form=PhoneForm.WHOLE)
                source = chance.choice((FORGER, LISTED))  # a true one, to another prompt's address
            case "amount":
                message["Body"]["stkCallback"]["CallbackMetadata"]["Item"][0]["Value"] = 1  # type: ignore[index]
        body = b"\xff{" if kind == "nonsense" else callbacks.write(message).encode()
        if kind == "replayed" and about is target:
            return
        self._simulation.trace.counts[f"forged: {kind}"] += 1
        self._simulation.trace.say("forges", kind, prompt_of(target.callback_url))
        await self._simulation.network.post(url, body, {"Content-Type": "application/json"}, source=source)

    def _receipt(self) -> str:
        return "F" + "".join(self._chance.choice("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789") for _ in range(9))
