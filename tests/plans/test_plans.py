"""What people and workers do again and again reads what it needs from indexes, however many referrals there are.

On a town of some years, analysed, and planned as if it were a thousand times as large: what then reads a table from end
to end, or sorts much of it, does so when the town has grown.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from django.db import transaction

from doings import BATCH, DOINGS, Doing, freshen, known
from plans.plans import Plans, as_if_there_were, explained, read_through
from rufaa.db.atomic import Tx
from rufaa.facilities.queries import Actor
from rufaa.payments.machine import Channel, Report
from rufaa.payments.plan_rows import Item
from rufaa.payments.settle import settle
from rufaa.referrals import queries
from rufaa.referrals.machine import Status
from rufaa.referrals.operations import fees_paid
from support import World, check_books, value
from years import Live, grown

REFERRALS: Final = 4000
KNOWN: Final = {
    "WITH sought AS MATERIALIZED": "sorts all that a text finds: what a common name costs grows with those who have it",
    "FROM refund JOIN receipt": "refunds are few, and a function tells whose they are: no index can",
}
"""Parts of statements that cost more with each year, and why they are left so."""

FEW_ROWS: Final = frozenset({"refund"})
"""As above, and there are none here."""


def _paid_without_number(_actor: Actor, _row: dict[str, Any]) -> Callable[[], object]:
    """A status query says that a prompt is paid: it knows no receipt number."""
    prompt = uuid.UUID(str(value("SELECT id FROM prompt WHERE state = 'pending' ORDER BY id DESC LIMIT 1")))
    told = Item(prompt, Report(channel=Channel.QUERY, result_code="0", trusted=True))
    return lambda: settle(Tx(), [told], hand_on=fees_paid)


def test_hot_queries_stay_on_their_indexes(world: World, database_url: str) -> None:
    grown(world, database_url, REFERRALS, Live(ringing=BATCH, asked=40, due=40))
    freshen()
    who = known()
    as_if_there_were(1000)

    wrong = []
    for name, doing in {**DOINGS, "a query says paid": Doing("admin", _paid_without_number)}.items():
        plans, done = Plans(), doing.begin(who, 1)
        with transaction.atomic():
            before = read_through()
            with explained(plans):
                done()
            Tx().execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would do
            now = read_through()
        assert plans.seen, f"{name} asked nothing"
        wrong += [f"{name}: reads all of {each}" for each in now if each not in FEW_ROWS and now[each] > before[each]]
        for text, why in plans.found.items():
            if not any(part in text for part in KNOWN):
                wrong.append(f"{name}: {', '.join(sorted(why))} in {text}")

    assert wrong == [], "\n".join(wrong)
    check_books()  # the town is one that could be

    with transaction.atomic():  # the control: a query that has lost its index is found
        Tx().execute("DROP INDEX referral_referring_state, referral_referring")
        with explained(plans := Plans()):
            queries.listed(Tx(), who.admin, status=Status.PENDING_PAYMENT, limit=50)
        before = read_through()
        Tx().rows("SELECT sum(amount_cents) FROM fee")
        now = read_through()
        transaction.set_rollback(True)
    assert plans.found, "nothing was found"
    assert now["fee"] == before["fee"] + 1
