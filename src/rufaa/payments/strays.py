"""Money of pushes that this database does not know: it was restored from a backup made before they were.

The address of such a callback carries our secret, so the push was ours. Each account is asked about its id; the one
that says "paid" has the money, which becomes a receipt in unapplied with a person's task, since nobody here can tell
what it pays for. What cannot be confirmed becomes a person's task as well, and nothing in the books.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from rufaa import clock, ids
from rufaa.daraja import codes
from rufaa.daraja.client import Daraja
from rufaa.daraja.outcomes import Answered, NoNews, QueryOutcome
from rufaa.db import sql
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step, around
from rufaa.money import Money
from rufaa.payments import access
from rufaa.payments.access import Accounts, Budget
from rufaa.payments.machine import GIVE_UP_ASKING_S, Channel, Report, Verdict, next_late_query_s

_SQL: Final = sql.load(__file__, "strays.sql")
_log = structlog.get_logger()

ASKED_AGAIN_AFTER_S: Final = 60
"""When a query whose asker died is made again."""


def take_in(
    tx: Tx, prompt: uuid.UUID, report: Report, *, result_desc: str, paid_at: datetime | None, inbox: int
) -> None:
    """Keep a callback about a prompt that is not known here. One that claims no money needs nothing but the inbox."""
    if codes.verdict(report.result_code) is not codes.Verdict.PAID:
        return
    checkout, number, amount = report.checkout_request_id, report.receipt_number, report.amount
    if checkout is None or number is None or amount is None or not amount.cents > 0:
        hand_over(
            tx, prompt, inbox=inbox, why="It claims a payment without saying which receipt, how much or which push."
        )
        return
    if not report.trusted:  # a query would confirm the push and not the amount, which is all that the books would have
        hand_over(tx, prompt, inbox=inbox, why="It claims a payment from an address that may not speak for Safaricom.")
        return
    row = tx.row(_SQL["known"], {"checkout": checkout})
    if row is not None and row["prompt"] is not None:
        return  # a copy of the callback of a push that is known, sent to another address: its own has the money
    stray = _keep(tx, prompt, inbox=inbox, report=report, paid_at=paid_at)
    tx.execute(
        _SQL["insert_evidence"],
        {
            **_evidence(stray, Channel.CALLBACK, Verdict.ASK, code=report.result_code, desc=result_desc),
            "inbox": inbox,
            "number": number,
            "amount": amount.cents,
            "phone": report.phone_shown or "",
        },
    )
    tx.wake_workers()


def hand_over(tx: Tx, prompt: uuid.UUID, *, inbox: int, why: str) -> None:
    """A callback about an unknown prompt that nothing can be asked about: a person reads its bytes."""
    stray = _keep(tx, prompt, inbox=inbox)
    _open_task(tx, stray, account=None, why=f"A callback about a prompt that this server does not know: {why}")


def hand_over_notice(tx: Tx, account: uuid.UUID, *, inbox: int) -> None:
    """A notice of a payment (C2B) to an account that is unknown here: a person reads its bytes."""
    stray = _keep(tx, account, inbox=inbox)
    why = "A notice of a payment (C2B) to an account that this server does not know: look for it in the statement."
    _open_task(tx, stray, account=None, why=why)


def hand_over_order(tx: Tx, order: uuid.UUID, *, inbox: int) -> None:
    """A result says that something went which this server has not ordered: before a restore it has, perhaps."""
    if tx.row(_SQL["about"], {"subject": order}) is None:  # copies come
        why = (
            "M-Pesa carried out an order that this server does not know: money may have been given back in the time"
            " before a restore that is lost. Look for it in the M-Pesa statement."
        )
        _open_task(tx, _keep(tx, order, inbox=inbox), account=None, why=why)


def replayed(tx: Tx, *, inbox: int) -> int:
    """The report that a person was to read was taken in after all. How many tasks it closes."""
    return tx.execute(_SQL["close_replayed"], {"inbox": inbox})


def _keep(
    tx: Tx, prompt: uuid.UUID, *, inbox: int, report: Report | None = None, paid_at: datetime | None = None
) -> uuid.UUID:
    """A new stray, or the one that has this push and receipt already. With a ``report`` it is asked about."""
    values = {
        "id": ids.new_id(),
        "prompt": prompt,
        "inbox": inbox,
        "checkout": report.checkout_request_id if report else None,
        "number": report.receipt_number if report else None,
        "amount": report.amount.cents if report and report.amount else None,
        "paid_at": paid_at,
        "ask": report is not None,
    }
    kept = tx.row(_SQL["keep"], values)
    if kept is None:
        kept = tx.row(_SQL["find"], values)
        assert kept is not None
    elif report is not None and kept["next_at"] is None:
        _open_task(tx, kept["id"], account=None, why="It reports a payment, and this server has no M-Pesa account.")
    return uuid.UUID(str(kept["id"]))


@dataclass(frozen=True, slots=True)
class Stray:
    """One to ask about, at one account."""

    id: uuid.UUID
    account: uuid.UUID
    checkout_request_id: str


def claim(tx: Tx, *, limit: int) -> tuple[list[Stray], float | None]:
    """Strays whose time has come, within each account's rate; also: seconds until more may be asked about."""
    rows, wait_s = access.claim(tx, Budget.QUERY, _SQL, limit=limit, again_s=ASKED_AGAIN_AFTER_S)
    return [Stray(row["id"], row["account_id"], row["checkout_request_id"]) for row in rows], wait_s


def next_stray_s(tx: Tx) -> float | None:
    """Seconds until the next stray has to be asked about; None if none ever has to."""
    return tx.seconds(_SQL["next_due"])


def note(tx: Tx, stray: Stray, outcome: QueryOutcome) -> None:
    """Take the answer of one account in: the money is found, or the next account is asked."""
    row = tx.row(_SQL["lock"], {"id": stray.id, "give_up_s": GIVE_UP_ASKING_S})
    if row is None or row["receipt_id"] is not None or row["account_id"] != stray.account:
        return  # another worker was first
    answered = isinstance(outcome, Answered)
    code, words = (outcome.result_code, outcome.result_desc) if isinstance(outcome, Answered) else _no_news(outcome)
    paid = answered and codes.verdict(code) is codes.Verdict.PAID
    receipt = _credit(tx, row, stray, code=code) if paid else None
    if not paid:
        _go_on(tx, row, stray, code=code)
    verdict = Verdict.CONFIRMS if paid else Verdict.FAILS_FOR_NOW if answered else Verdict.NO_NEWS
    tx.execute(
        _SQL["insert_evidence"],
        {
            **_evidence(stray.id, Channel.QUERY, verdict, code=code, desc=words),
            "receipt": receipt,
            "status": outcome.exchange.status,
            "body": outcome.exchange.body,
        },
    )


def _no_news(outcome: QueryOutcome) -> tuple[str, str]:
    assert not isinstance(outcome, Answered)
    return outcome.code, outcome.message


def _credit(tx: Tx, row: Mapping[str, Any], stray: Stray, *, code: str) -> uuid.UUID | None:
    """Money that this account has: into unapplied, once."""
    number: str = row["receipt_number"]
    other = tx.row(_SQL["others_receipt"], {"checkout": stray.checkout_request_id, "id": stray.id})
    if other is not None:
        tx.execute(_SQL["give_up"], {"id": stray.id, "code": code})
        why = f"Two receipt numbers are reported for one push; {number} is not in the books."
        _open_task(tx, stray.id, account=stray.account, why=why)
        return None
    receipt = _new_receipt(tx, row, stray, number=number)
    if receipt is None:
        known = tx.row(_SQL["receipt_numbered"], {"number": number})
        assert known is not None
        receipt = known["id"]
        if known["of_a_push"]:  # and so of another: this one's money is there all the same
            receipt = _new_receipt(tx, row, stray, number=None)
            assert receipt is not None
    tx.execute(_SQL["credited"], {"id": stray.id, "receipt": receipt, "code": code})
    tx.execute(_SQL["close_tasks"], {"stray": stray.id})
    return receipt


def _new_receipt(tx: Tx, row: Mapping[str, Any], stray: Stray, *, number: str | None) -> uuid.UUID | None:
    """Into the books, with its task. None: ``number`` is in the books already, from another source."""
    receipt = ids.new_id()
    new = {"id": receipt, "number": number, "account": stray.account, "amount": row["amount_cents"]}
    if not tx.execute(_SQL["insert_receipt"], {**new, "paid_at": row["paid_at"]}):
        return None
    why = (
        f"{Money(row['amount_cents'])} arrived, reported with receipt {row['receipt_number']}, for a prompt that this"
        " server does not know. Compare it with the M-Pesa statement, and find out what it pays for."
    )
    _open_task(tx, stray.id, account=stray.account, why=why, kind="unapplied", receipt=receipt)
    _log.warning("stray.found", stray=stray.id.hex, receipt=receipt.hex)
    return receipt


def _go_on(tx: Tx, row: Mapping[str, Any], stray: Stray, *, code: str) -> None:
    """This account does not know it, yet or ever: the next one at once, or all of them anew when it is time."""
    following = row["next_account"]
    next_s = row["age_s"] if following is not None else next_late_query_s(row["age_s"])
    after_s = None if next_s is None else next_s - row["age_s"]
    tx.execute(
        _SQL["ask_next"],
        {"id": stray.id, "account": following or row["first_account"], "code": code, "after_s": after_s},
    )
    if following is None and row["age_s"] >= GIVE_UP_ASKING_S:
        why = (
            f"A callback reports {Money(row['amount_cents'])} with receipt {row['receipt_number']} for a prompt that"
            " this server does not know, and no account confirms it. Look for it in the M-Pesa statement."
        )
        _open_task(tx, stray.id, account=stray.account, why=why)


def _open_task(
    tx: Tx,
    stray: uuid.UUID,
    *,
    account: uuid.UUID | None,
    why: str,
    kind: str = "stray",
    receipt: uuid.UUID | None = None,
) -> None:
    tx.execute(
        _SQL["open_task"],
        {"id": ids.new_id(), "stray": stray, "account": account, "kind": kind, "receipt": receipt, "why": why},
    )


def _evidence(stray: uuid.UUID, channel: Channel, verdict: Verdict, *, code: str, desc: str) -> dict[str, object]:
    said = {"stray": stray, "channel": channel, "verdict": verdict, "code": code, "desc": desc}
    return {
        **said,
        "receipt": None,
        "inbox": None,
        "number": "",
        "amount": None,
        "phone": "",
        "status": None,
        "body": b"",
    }


class Strays:
    """Asks about what is due."""

    def __init__(self, daraja: Daraja, accounts: Accounts, aside: Aside, *, at_once: int = 5) -> None:
        self._daraja = daraja
        self._accounts = accounts
        self._aside = aside
        self._at_once = at_once

    async def round(self) -> float | None:
        """Ask and take the answers in; returns seconds until more may be asked, None if nothing waits."""
        strays, wait_s = await self._aside.run(
            lambda: unit(lambda tx: claim(tx, limit=self._at_once), step=Step.STRAY_CLAIM)
        )
        await asyncio.gather(*map(self._ask, strays))
        return wait_s

    async def _ask(self, stray: Stray) -> None:
        try:
            outcome: QueryOutcome
            account = await self._accounts.to_ask(stray.account)
            if isinstance(account, NoNews):
                outcome = account
            else:
                with around(Step.STRAY_CALL):
                    outcome = await self._daraja.stk_query(
                        account.credentials,
                        account.tokens,
                        checkout_request_id=stray.checkout_request_id,
                        at=clock.now(),
                    )
            await self._aside.run(lambda: unit(lambda tx: note(tx, stray, outcome), step=Step.STRAY_NOTE))
        except Exception:  # noqa: BLE001 - it is asked about again later; the others must not wait for it
            _log.exception("stray.failed", stray=stray.id.hex)
