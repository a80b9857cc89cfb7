"""The hospital's finance people: they work the money that waits, and give back, two of them each time.

What they look up in "the statement" is the simulator's journal.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, InterfaceError

from rufaa.db.atomic import Tx, unit
from rufaa.errors import RufaaError
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor
from rufaa.money import Money
from rufaa.payments import finance, hold, unassigned
from rufaa.phone import Phone
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Status
from rufaa.referrals.operations import fees_paid
from simulation.nodes import Broken

if TYPE_CHECKING:
    from simulation.run import Simulation


class Finance:
    """They come to their desks now and then, and do a few things of the list."""

    def __init__(self, simulation: Simulation, *, every_s: float) -> None:
        self._simulation = simulation
        self._every_s = every_s
        self._chance = random.Random(f"finance/{simulation.seed}")
        self.only_looks = False

    async def run(self) -> None:
        while True:
            every_s = max(self._every_s, 3600.0) if self._simulation.calm else self._every_s
            await asyncio.sleep(self._chance.expovariate(1 / every_s))
            await self.work()

    async def work(self) -> None:
        chance = self._chance
        for payee, *people in self._simulation.town.finance:
            await self._work(payee, chance.choice(people))
        await self._assign()

    async def _work(self, payee: Facility, who: Actor) -> None:
        chance = self._chance
        if self.only_looks:
            for row in self._look(finance.under_way, who):
                if row["state"] == "unknown":
                    await self._refund(row)
            return
        waiting = self._look(finance.waiting, who)
        parts = [row for row in waiting if self._is_more(row)]  # few, and each is worked on
        proposed = [row for row in waiting if row["proposed_code"]]
        jobs = [
            *[
                lambda row=row: self._waits(payee, who, row)
                for row in (*parts, *self._some(proposed), *self._some(waiting))
            ],
            *[lambda row=row: self._task(who, row) for row in self._look(self._to_give_back, who)[:40]],
            *[lambda row=row: self._refund(row) for row in self._look(finance.under_way, who)[:40]],
        ]
        if chance.random() < 0.5:
            for job in jobs:
                await job()
        else:  # two of them at two desks
            await asyncio.gather(*(job() for job in jobs))

    def _some(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return self._chance.sample(rows, min(4, len(rows)))

    @staticmethod
    def _is_more(row: dict[str, Any]) -> bool:
        """A part of it waits, or will when the rest has paid."""
        return row["free_cents"] < row["amount_cents"] or row["free_cents"] > (
            row["proposed_cents"] or row["free_cents"]
        )

    def _to_give_back(self, tx: Tx, who: Actor) -> list[dict[str, Any]]:
        return finance.tasks(tx, who, kind="refund")

    def _look(self, what: Callable[[Tx, Actor], list[dict[str, Any]]], who: Actor) -> list[dict[str, Any]]:
        return self._simulation.hub.quietly(lambda: unit(lambda tx: what(tx, who)))

    async def _assign(self) -> None:
        """The operator looks through what is nobody's, and says whose each is."""
        for task in self._simulation.hub.quietly(lambda: unit(unassigned.tasks)):
            payee, *_ = self._chance.choice(self._simulation.town.finance)
            self._count("operator assigned a task")
            await self._do(None, lambda tx, it=task.id, whose=payee: unassigned.assign(tx, it, whose, by="operator"))

    async def _waits(self, payee: Facility, who: Actor, row: dict[str, Any]) -> None:
        """Money that waits: it pays the fee that is proposed, or another that is open, or goes back, maybe in parts."""
        receipt, drawn = row["id"].hex, self._chance.random()
        part = row["free_cents"] < row["amount_cents"]  # the payer meant it for two
        code = row["proposed_code"] or (self._open_code(payee, row) if part or drawn < 0.35 else None)
        if code is not None and drawn < 0.7:
            self._count("finance applied a receipt")
            await self._do(who, lambda tx: finance.apply(tx, who, [receipt], account_code=code, hand_on=fees_paid))
            if self._chance.random() < 0.4:
                await self._cancel(code)
        elif drawn < 0.9:
            phone = Phone(self._chance.choice(self._simulation.phones)) if part or self._chance.random() < 0.3 else None
            half = Money.from_shillings(row["free_cents"] // 200)
            amount = half if phone is not None and half > Money(0) and self._chance.random() < 0.3 else None
            self._count("finance proposed to give back")
            await self._do(
                who, lambda tx: finance.propose_refund(tx, who, receipt, why="not ours", phone=phone, amount=amount)
            )

    async def _cancel(self, code: str) -> None:
        """The patient went elsewhere: what was applied goes back, of a receipt that maybe paid more than that."""
        ((referral, facility),) = self._simulation.hub.peek(
            "SELECT referral.id, referring_id FROM referral JOIN fee ON fee.id = fee_id"
            " WHERE fee.account_code = %(code)s",
            {"code": code},
        )
        (clerk,) = (each.clerk for each in self._simulation.town.houses if each.facility.pk == facility)
        self._count("cancelled what finance applied")
        await self._do(
            clerk,
            lambda tx: referrals.update_status(
                tx, clerk, referral.hex, target=Status.CANCELLED, reason="went elsewhere"
            ),
        )

    def _open_code(self, payee: Facility, row: dict[str, Any]) -> str | None:
        """A fee that this money could pay: the payer rang, and said whose."""
        codes = self._simulation.hub.peek(
            "SELECT account_code FROM fee WHERE state IN ('due', 'deferred') AND account_id = %(account)s"
            " AND payee_id = %(payee)s AND amount_cents <= %(free)s ORDER BY id DESC LIMIT 1",
            {"account": row["account_id"], "payee": payee.pk, "free": row["free_cents"]},
        )
        return str(codes[0][0]) if codes else None

    async def _task(self, who: Actor, row: dict[str, Any]) -> None:
        """A referral that was cancelled after it was paid: its money goes back."""
        if row["receipt_id"] is not None and row["account_code"] is not None:
            phone = Phone(self._chance.choice(self._simulation.phones)) if self._chance.random() < 0.4 else None
            self._count("finance proposed to give a fee back")
            await self._do(
                who,
                lambda tx: finance.propose_refund(
                    tx, who, row["receipt_id"].hex, why="cancelled", account_code=row["account_code"], phone=phone
                ),
            )

    async def _refund(self, row: dict[str, Any]) -> None:
        """The other one agrees, mostly; what M-Pesa does not tell is looked up in the statement."""
        ((first, other),) = (
            people if row["proposed_by"] == people[0].user else people[::-1]
            for _, *people in self._simulation.town.finance
            if row["proposed_by"] in {each.user for each in people}
        )
        refund = row["id"].hex
        if row["state"] == "proposed":
            if self._chance.random() < 0.1:
                self._count("finance withdrew a refund")
                await self._do(other, lambda tx: finance.withdraw_refund(tx, other, refund, why="a mistake"))
                return
            times = 2 if self._chance.random() < 0.2 else 1
            await asyncio.gather(
                *(self._do(other, lambda tx: finance.approve_refund(tx, other, refund)) for _ in range(times))
            )
            if self._chance.random() < 0.1:  # maybe before a worker has claimed it
                self._count("finance withdrew what was agreed to")
                await self._do(first, lambda tx: finance.withdraw_refund(tx, first, refund, why="given otherwise"))
        elif row["state"] == "unknown" and self._simulation.calm and self._told_to_look(row):
            moved = self._simulation.oracle.order_of(row["id"], row["method"], row["receipt_number"])
            self._count(f"finance concluded that a refund {'went' if moved else 'did not go'}")
            await self._do(
                other,
                lambda tx: finance.conclude_refund(
                    tx, other, refund, went=moved is not None, number=moved.receipt if moved else None, why="statement"
                ),
            )

    def _told_to_look(self, row: dict[str, Any]) -> bool:
        """Whether nobody asks M-Pesa about it any more."""
        return row["next_at"] is None

    async def _do(self, who: Actor | None, work: Callable[[Tx], Any]) -> None:
        gateway = self._simulation.a_gateway(self._chance)
        if gateway is None:
            return
        try:
            await gateway.do(work, actor=None if who is None else who.user)
        except RufaaError as refusal:
            self._count(f"refused: {refusal.code}")
        except (Broken, DatabaseError, InterfaceError):
            self._count("finance got no answer")

    def _count(self, what: str) -> None:
        self._simulation.trace.counts[what] += 1


class Operator:
    """Holds an account's prompts now and then, and lets them go."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._chance = random.Random(f"operator/{simulation.seed}")

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / 3600))
            account = self._chance.choice(list(self._simulation.town.accounts))
            await self._do(lambda tx, account=account: hold.hold(tx, account, reason="M-Pesa is ill", by="operator"))
            self._simulation.trace.counts["account held"] += 1
            await asyncio.sleep(self._chance.choice((30.0, 300.0, 2000.0)))
            await self.release()

    async def release(self) -> None:
        for account in self._simulation.town.accounts:
            await self._do(lambda tx, account=account: hold.release(tx, account, by="operator"))

    async def _do(self, work: Callable[[Tx], Any]) -> None:
        for _ in range(5):
            gateway = self._simulation.a_gateway(self._chance)
            if gateway is not None:
                try:
                    await gateway.do(work, actor=None)
                except RufaaError:
                    return
                except (Broken, DatabaseError, InterfaceError):
                    pass
                else:
                    return
            await asyncio.sleep(5.0)
