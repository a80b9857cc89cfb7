"""In a storm of payments nothing looks at all phones that ring, nor at all fees: thousands do, and are paid."""

from __future__ import annotations

import uuid
from typing import Final

from django.db import transaction

from doings import BATCH, DOINGS, known
from plans.plans import as_if_there_were
from rufaa.db.atomic import Tx
from rufaa.payments import dispatch
from support import World, execute, rows
from years import Live, grown

RINGING: Final = 4000
FEES: Final = 3000
FEW: Final = 20
"""Rows of ``prompt`` that a round may look at while all of them just ring."""


def test_a_round_of_the_dispatcher_looks_at_no_phone_that_just_rings(world: World, database_url: str) -> None:
    grown(world, database_url, 100, Live(asked=RINGING))
    execute("UPDATE prompt SET next_at = rufaa_now() + interval '5 minutes' WHERE state = 'pending'")
    execute("ANALYZE prompt")

    with transaction.atomic():
        tx = Tx()
        before = _looked_at("prompt")
        dispatch.tidy(tx)
        dispatch.next_sending_s(tx)
        looked_at = _looked_at("prompt") - before

        tx.execute("DROP INDEX prompt_sent")  # the control
        dispatch.tidy(tx)
        without = _looked_at("prompt") - before - looked_at
        tx.execute("DROP INDEX prompt_to_send")
        dispatch.next_sending_s(tx)
        without_both = _looked_at("prompt") - before - looked_at - without
        transaction.set_rollback(True)

    assert looked_at <= FEW
    assert without >= RINGING
    assert without_both >= RINGING


def test_the_screens_of_a_batch_are_found_by_its_receipts(world: World, database_url: str) -> None:
    grown(world, database_url, FEES, Live(ringing=BATCH))
    DOINGS["settle 500"].begin(known(), 1)()
    receipts = [row["id"] for row in rows("SELECT id FROM receipt ORDER BY id DESC LIMIT %(batch)s", batch=BATCH)]
    as_if_there_were(1000)

    with transaction.atomic():
        tx = Tx()
        tx.execute("DELETE FROM pg_statistic WHERE starelid = 'application'::regclass")  # never analysed
        topics, read = _topics(tx, receipts)
        tx.execute("ALTER FUNCTION receipt_topics(uuid[]) RESET ALL")  # the control
        same, read_without = _topics(tx, receipts)
        transaction.set_rollback(True)

    assert read <= 2 * BATCH  # by the application, and by the prompt
    assert read_without > FEES
    assert topics == same


def _topics(tx: Tx, receipts: list[uuid.UUID]) -> tuple[set[str], int]:
    """What is told of the receipts, and how many fees were looked at for it."""
    before = _looked_at("fee")
    found = tx.rows("SELECT receipt_topics(%(receipts)s) AS topic", {"receipts": receipts})
    return {row["topic"] for row in found}, _looked_at("fee") - before


def _looked_at(table: str) -> int:
    """Rows of ``table`` that this transaction has read so far."""
    row = Tx().row(
        "SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relname = %(table)s",
        {"table": table},
    )
    assert row is not None
    return int(row["rows"])
