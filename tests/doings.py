"""What people and workers do again and again, called as the product calls it: for benchmarks, and for plans of queries.

Each *doing* is one unit of work with its transaction. A worker's round that would use up what is due is rolled back; a
batch that is settled is committed. The database is one of ``years``.
"""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from django.http import QueryDict

from rufaa.cli.work import HANDLERS
from rufaa.console import money, referral, work
from rufaa.console.acting import Acting
from rufaa.db.atomic import Tx, look, unit
from rufaa.facilities.queries import Actor
from rufaa.functions import load
from rufaa.functions.runtime import Caller
from rufaa.ingest.loop import settle_inbox
from rufaa.payments.dispatch import claim_due, next_sending_s, tidy
from rufaa.payments.reconcile import claim_questions, hand_over_overdue, next_question_s
from support import execute, rows, someone

BATCH: Final = 500
DUE: Final = 20
_NEWEST: Final = 400
"""So many of the newest referrals are opened, in turn: people work on those."""


class _RolledBack(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Known:
    """Who does it, and what they look for: the newest referrals that are over, of the busiest facility."""

    admin: Actor
    physician: Actor
    finance: Actor
    rows: Sequence[dict[str, Any]]
    """id, token, code, name, phone and receipt of each."""


def known() -> Known:
    """The database's people, and what they look for."""
    found = rows(
        "SELECT replace(referral.id::text, '-', '') AS id, referral.token, referral.account_code AS code,"
        " particulars.name, particulars.phone, receipt.number AS receipt"
        " FROM referral JOIN particulars ON particulars.id = particulars_id"
        " JOIN application ON application.fee_id = referral.fee_id JOIN receipt ON receipt.id = application.receipt_id"
        " WHERE referring_id = (SELECT id FROM facility WHERE name = 'Uhuru Health Centre')"
        " AND referral.state = 'completed' AND particulars.name ~ ' P[0-9]+$'"
        " ORDER BY referral.id DESC LIMIT %(newest)s",
        newest=_NEWEST,
    )
    return Known(someone("admin"), someone("physician"), someone("finance"), found)


def freshen() -> None:
    """What is due was asked for just now, else it would be given up."""
    execute("UPDATE prompt SET created_at = rufaa_now(), next_at = rufaa_now() WHERE state = 'created'")


@dataclass(frozen=True, slots=True)
class Doing:
    """``ready`` for a row of ``Known`` makes what has to be there, and returns what then is to be done."""

    who: str
    ready: Callable[[Actor, dict[str, Any]], Callable[[], object]]

    def begin(self, known: Known, number: int) -> Callable[[], object]:
        """The ``number``-th time."""
        return self.ready(getattr(known, self.who), known.rows[number % len(known.rows)])


def _page(view: Callable[..., Any], who: str, query: str, *args: str) -> Doing:
    """A page of staff, up to its template. ``query`` and ``args`` name columns of the row."""

    def ready(actor: Actor, row: dict[str, Any]) -> Callable[[], object]:
        asks = QueryDict(query.format(**row, first=row["name"].split()[0], end=row["phone"][-6:]).replace(" ", "+"))
        request: Any = SimpleNamespace(GET=asks, POST=QueryDict(""), method="GET", path="/")
        shown = inspect.unwrap(view)
        return lambda: look(lambda tx: shown(Acting(request, actor, tx), *(row[each] for each in args)))

    return Doing(who, ready)


def _function(path: str, who: str, args: Callable[[dict[str, Any]], dict[str, Any]]) -> Doing:
    """A function as a subscription runs it."""

    def ready(actor: Actor, row: dict[str, Any]) -> Callable[[], object]:
        function = load().get(path)
        if function is None:
            raise AssertionError(f"there is no {path}")
        return lambda: look(lambda tx: function.handler(Caller(actor, tx), **args(row)))

    return Doing(who, ready)


def _round(work: Callable[[Tx], None]) -> Doing:
    """A worker's round that is rolled back, so that the same is due for the next one."""

    def once(tx: Tx) -> None:
        work(tx)
        raise _RolledBack

    def done() -> None:
        with suppress(_RolledBack):
            unit(once)

    return Doing("admin", lambda _actor, _row: done)


def _dispatch(tx: Tx) -> None:
    tidy(tx)
    claimed, _ = claim_due(tx, limit=DUE)
    next_sending_s(tx)
    if len(claimed) != DUE:
        raise AssertionError(f"{len(claimed)} were due")


def _reconcile(tx: Tx) -> None:
    hand_over_overdue(tx)
    asked, _ = claim_questions(tx, limit=DUE)
    next_question_s(tx)
    if len(asked) != DUE:
        raise AssertionError(f"{len(asked)} were to be asked about")


def _settle(_actor: Actor, _row: dict[str, Any]) -> Callable[[], object]:
    """Callbacks about ringing prompts wait in the inbox."""
    found = rows(
        "SELECT id, amount_cents, payer_phone, checkout_request_id AS checkout, merchant_request_id AS merchant"
        " FROM prompt WHERE state = 'pending' AND next_at IS NULL ORDER BY id LIMIT %(batch)s",
        batch=BATCH,
    )
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " SELECT 'stk', subject, '127.0.0.1', true, body"
        " FROM unnest(%(ids)s::uuid[], %(bodies)s::bytea[]) AS new (subject, body)",
        ids=[row["id"] for row in found],
        bodies=[_callback(**row) for row in found],
    )

    def done() -> None:
        if settle_inbox(HANDLERS, limit=BATCH) != BATCH:
            raise AssertionError("too few prompts rang")

    return done


def _callback(*, id: uuid.UUID, amount_cents: int, payer_phone: str, checkout: str, merchant: str) -> bytes:  # noqa: A002
    """Paid, with a number of its own: a copy's id has the copy's number before its last four digits (``years``)."""
    items = [
        {"Name": "Amount", "Value": amount_cents // 100},
        {"Name": "MpesaReceiptNumber", "Value": f"Q{id.hex[-12:-4].upper()}"},
        {"Name": "PhoneNumber", "Value": int(payer_phone)},
    ]
    told = {
        "MerchantRequestID": merchant,
        "CheckoutRequestID": checkout,
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items},
    }
    return json.dumps({"Body": {"stkCallback": told}}).encode()


_PAGE: Final = {"paginationOpts": {"numItems": 50.0, "cursor": None}}

DOINGS: Final = {
    "work list": _page(work.work, "admin", ""),
    "one lane of it": _page(work.work, "admin", "status=pending-payment"),
    "finance's work list": _page(work.work, "finance", ""),
    "search: whole name": _page(work.work, "admin", "q={name}"),
    "search: common first name": _page(work.work, "admin", "q={first}"),
    "search: end of a phone": _page(work.work, "admin", "q={end}"),
    "search: receipt": _page(work.work, "admin", "q={receipt}"),
    "search: account code": _page(work.work, "admin", "q={code}"),
    "search: token": _page(work.work, "admin", "q={token}"),
    "referral": _page(referral.referral, "admin", "", "id"),
    "finance's page": _page(money.money, "finance", ""),
    "subscription: a referral": _function("referrals:getReferral", "physician", lambda row: {"referralId": row["id"]}),
    "subscription: to be approved": _function("referrals:getPendingReferrals", "admin", lambda _: _PAGE),
    "subscription: a physician's": _function("referrals:getReferralsByPhysician", "physician", lambda _: _PAGE),
    "subscription: counts": _function("referrals:countByStatus", "admin", lambda _: {}),
    "dispatch: claim 20": _round(_dispatch),
    "reconcile: claim 20": _round(_reconcile),
    "settle 500": Doing("admin", _settle),
}
"""All of them, by what a table calls them. ``years.Live`` has to have enough of what a worker's ones need."""
SETTLE: Final = "settle 500"
"""The one that uses up what it needs: ``BATCH`` ringing prompts each time."""
