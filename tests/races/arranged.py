"""What the races begin with: prompts that were sent, money that waits, and reports of one payment in every shape."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

import pytest

from races.gates import Racers
from reports import c2b_body
from rufaa.db.atomic import unit
from rufaa.errors import RufaaError
from rufaa.ingest.address import Kind
from rufaa.ingest.loop import settle_inbox
from rufaa.money import Money
from rufaa.payments.arrival_rows import Arrival
from rufaa.payments.arrivals import take_in
from rufaa.payments.machine import Channel, Report, Verdict
from rufaa.payments.plan import Item
from rufaa.payments.settle import settle
from rufaa.referrals.operations import fees_paid
from support import FEE, HANDLERS, RINGS, World, execute, success_body, value

NUMBER: Final = "RKN7A1B2C3"
OTHER: Final = "RKN7A1B2C4"
OTHER_PHONE: Final = "254708004999"
UNREFERENCED: Final = ""


def unlocked(monkeypatch: pytest.MonkeyPatch, module: Any, *names: str, lock: str = "FOR NO KEY UPDATE") -> None:
    """Takes the row lock out of statements: the control of a race."""
    for name in names:
        statement = module._SQL[name]
        assert lock in statement, name
        monkeypatch.setitem(module._SQL, name, statement.replace(lock, ""))


def meet(monkeypatch: pytest.MonkeyPatch, *places: tuple[Any, str]) -> None:
    """Whoever has done one of these (module, function) for the first time in its thread waits for another who has."""
    barrier, been = threading.Barrier(2, timeout=20), threading.local()

    def meeting(function: Callable[..., Any]) -> Callable[..., Any]:
        def met(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if not getattr(been, "there", False):
                been.there = True
                barrier.wait()
            return result

        return met

    for module, name in places:
        monkeypatch.setattr(module, name, meeting(getattr(module, name)))


def overtaken(
    monkeypatch: pytest.MonkeyPatch, racers: Racers, module: Any, name: str, by: Callable[[], object]
) -> list[Future[Any]]:
    """Once this function has looked, ``by`` happens before its caller goes on, as far as locks let it. What runs."""
    function, running = getattr(module, name), list[Future[Any]]()

    def looks(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        monkeypatch.setattr(module, name, function)
        running.append(racers.start_until_it_waits(by))
        return result

    monkeypatch.setattr(module, name, looks)
    return running


def ends(*running: Any) -> list[object]:
    """What each came to: its result, or the name of its error, or the code of its refusal."""
    found: list[object] = []
    for each in running:
        error = each.exception()
        name = getattr(error, "code", type(error).__name__) if isinstance(error, RufaaError) else type(error).__name__
        found.append(each.result() if error is None else name)
    return found


# --- what there is ----------------------------------------------------------------------------------------------------


def fee_of(referral: str) -> uuid.UUID:
    fee: uuid.UUID = value("SELECT fee_id FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    return fee


def code_of(referral: str) -> str:
    return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))


def sent(world: World, phone: str = RINGS) -> tuple[str, uuid.UUID]:
    """A referral and its prompt, whose answer was lost."""
    referral, prompt = world.prompted(phone)
    sends(prompt)
    execute(
        "UPDATE prompt SET state = 'unknown', event = 'answer-lost', next_at = rufaa_now() WHERE id = %(id)s",
        id=prompt,
    )
    return referral, prompt


def sends(prompt: uuid.UUID) -> None:
    """A worker has it."""
    execute(
        "UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now(), next_at = NULL,"
        " lease_until = rufaa_now() + interval '1 minute' WHERE id = %(id)s",
        id=prompt,
    )


def waiting_money(world: World, shillings: int = 1000, *, number: str = NUMBER, reference: str = "RENT") -> uuid.UUID:
    """Money that nobody can apply but a person."""
    assert unit(lambda tx: take_in(tx, [notice(world, number, reference, shillings)], hand_on=fees_paid)) == [
        "unapplied"
    ]
    receipt: uuid.UUID = value("SELECT id FROM receipt WHERE number = %(number)s", number=number)
    return receipt


# --- what is told -----------------------------------------------------------------------------------------------------


def notice(
    world: World,
    number: str = NUMBER,
    reference: str = UNREFERENCED,
    shillings: int = 1000,
    *,
    channel: Channel = Channel.C2B,
) -> Arrival:
    return Arrival(
        account=world.account.pk,
        channel=channel,
        trusted=True,
        number=number,
        amount=Money.from_shillings(shillings),
        paid_at=value("SELECT rufaa_now()"),
        reference=reference,
        phone_shown=RINGS,
    )


def arrives(*arrivals: Arrival) -> list[str]:
    """Taken in by a transaction of its own."""
    return unit(lambda tx: take_in(tx, arrivals, hand_on=fees_paid))


def callback(prompt: uuid.UUID, number: str = NUMBER, phone: str = RINGS) -> Item:
    told = Report(
        channel=Channel.CALLBACK,
        result_code="0",
        trusted=True,
        checkout_request_id=f"ws_CO_{prompt.hex}",
        merchant_request_id=f"m-{prompt.hex}",
        amount=Money(FEE.cents),
        receipt_number=number,
        phone_shown=phone,
    )
    return Item(prompt, told)


def query(prompt: uuid.UUID) -> Item:
    return Item(prompt, Report(channel=Channel.QUERY, result_code="0", trusted=True))


def settles(item: Item) -> Verdict | None:
    return unit(lambda tx: settle(tx, [item], hand_on=fees_paid))[0]


def todays() -> str:
    """A receipt number of today: its first three characters tell the day."""
    today = value("SELECT (rufaa_now() AT TIME ZONE 'Africa/Nairobi')::date")
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return f"{chr(ord('B') + today.year - 2007)}{chr(ord('A') + today.month - 1)}{letters[today.day]}7A1B2C3"


def heard(kind: Kind, subject: uuid.UUID, body: object, *, trusted: bool = True) -> None:
    """A report in the inbox."""
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " VALUES (%(kind)s, %(subject)s, '127.0.0.1', %(trusted)s, %(body)s)",
        kind=kind,
        subject=subject,
        trusted=trusted,
        body=json.dumps(body).encode(),
    )


def heard_notice(world: World, reference: str, *, number: str = NUMBER, shillings: str = "1000.00") -> None:
    heard(Kind.C2B, world.account.pk, c2b_body(number, amount=shillings, BillRefNumber=reference, MSISDN=RINGS))


def heard_callback(prompt: uuid.UUID, number: str = NUMBER) -> None:
    heard(Kind.STK, prompt, success_body(f"ws_CO_{prompt.hex}", number=number, MerchantRequestID=f"m-{prompt.hex}"))


def takes_one() -> int:
    """One worker takes one report out of the inbox."""
    return settle_inbox(HANDLERS, limit=1)
