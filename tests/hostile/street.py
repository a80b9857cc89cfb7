"""Many prompts that ring, made quickly, and what became of each callback about them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rufaa.db.atomic import Tx, unit
from rufaa.payments import operations as payments
from rufaa.phone import Phone
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import Running, Worker, World, post, rows, success_body

PATIENCE = 50


@dataclass(frozen=True)
class Ringing:
    """A prompt that Daraja has accepted and whose phone rings."""

    id: uuid.UUID
    fee: uuid.UUID
    phone: str
    checkout: str
    merchant: str

    def success(self, number: str, **changes: object) -> dict[str, Any]:
        """A true report of success, but for ``changes``."""
        told = {"MerchantRequestID": self.merchant, "number": number, "phone": int(self.phone), **changes}
        return success_body(told.pop("CheckoutRequestID", self.checkout), **told)


def numbers() -> Iterator[str]:
    """Receipt numbers as M-Pesa's: letters and digits, each once."""
    return (f"RKH{place:07d}" for place in range(10**7))


def phones() -> Iterator[str]:
    """Ninety thousand phones that ring until somebody answers."""
    return (f"2547{place % 100:02d}00{4000 + place // 100}" for place in range(90_000))


def _ask(tx: Tx, town: World, phone: str) -> uuid.UUID:
    fee = payments.raise_fee(
        tx,
        facility=town.uhuru.pk,
        receiving=town.tumaini.pk,
        account_code=uuid.uuid4().hex[:12].upper(),
        deferred=False,
    )
    assert fee is not None
    prompt = payments.request_prompt(tx, fee.fee, phone=Phone(phone), amount=None)
    assert isinstance(prompt, payments.Requested)
    return prompt.prompt


def asked(town: World, phone: str) -> uuid.UUID:
    """A new fee, and a committed prompt for it that no worker has seen."""
    return unit(lambda tx: _ask(tx, town, phone))


def ring(town: World, worker: Worker, numbers_to_ring: Sequence[str]) -> list[Ringing]:
    """A fee with a ringing prompt for each phone, in their order."""

    ids = unit(lambda tx: [_ask(tx, town, phone) for phone in numbers_to_ring])
    for _ in range(PATIENCE):
        worker.dispatch()
        found = rows("SELECT * FROM prompt WHERE id = ANY(%(ids)s)", ids=ids)
        if {row["state"] for row in found} == {"pending"}:
            break
    by_id = {row["id"]: row for row in found}
    assert {row["state"] for row in found} == {"pending"}
    return [
        Ringing(
            each,
            by_id[each]["fee_id"],
            by_id[each]["payer_phone"],
            by_id[each]["checkout_request_id"],
            by_id[each]["merchant_request_id"],
        )
        for each in ids
    ]


def became() -> dict[uuid.UUID, str]:
    """For each prompt that had a callback: ``outcome of the inbox / prompt's state / fee's state / receipt``."""
    found = rows(
        "SELECT inbox.subject AS prompt, string_agg(inbox.outcome, ' + ' ORDER BY inbox.id) AS outcomes, prompt.state,"
        " fee.state AS fee, coalesce(receipt.state, 'no receipt') AS receipt"
        " FROM inbox JOIN prompt ON prompt.id = inbox.subject JOIN fee ON fee.id = prompt.fee_id"
        " LEFT JOIN receipt ON receipt.prompt_id = prompt.id"
        " GROUP BY inbox.subject, prompt.state, fee.state, receipt.state"
    )
    return {row["prompt"]: f"{row['outcomes']} / {row['state']} / {row['fee']} / {row['receipt']}" for row in found}


Make = Callable[[Ringing, str], bytes]
"""From a prompt and an unused receipt number to a body."""

CREDITED = "confirms / paid / paid / applied"
REVIEWED = "amount-differs / review / due / no receipt"


def left(outcome: str) -> str:
    """The prompt goes on ringing, its fee is due, nothing came."""
    return f"{outcome} / pending / due / no receipt"


def told(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, cases: Mapping[str, Make]
) -> dict[str, str]:
    """Tell each case to a prompt of its own, settle, and answer what became of it.

    Every body must be answered 200 and be in the inbox byte by byte; whoever was credited then pays, so that the till
    of M-Pesa can be compared with the books.
    """
    simulator.script(Fault(FaultKind.CALLBACK_LOST, count=len(cases)))
    prompts = ring(town, worker, [phone for phone, _ in zip(phones(), cases, strict=False)])
    bodies = [make(prompt, number) for make, prompt, number in zip(cases.values(), prompts, numbers(), strict=False)]
    for prompt, body in zip(prompts, bodies, strict=True):
        assert post(gateway.callback_url(prompt.id), body).status == 200
    worker.settle()
    stored = rows("SELECT subject, body FROM inbox ORDER BY id")
    assert [(row["subject"], bytes(row["body"])) for row in stored] == [
        (prompt.id, body) for prompt, body in zip(prompts, bodies, strict=True)
    ]
    found = became()
    for prompt in prompts:
        if found[prompt.id].endswith("applied"):
            simulator.answer(prompt.phone)
    return {what: found[prompt.id] for what, prompt in zip(cases, prompts, strict=True)}
