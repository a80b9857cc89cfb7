"""Reports that could not be taken in, where money may be behind them: a person reads their bytes."""

from __future__ import annotations

import uuid
from typing import Final

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx

_SQL: Final = sql.load(__file__, "unread.sql")


def ask_about_account(tx: Tx, account: uuid.UUID, *, inbox: int) -> bool:
    """Something came to the address of ``account`` for payments, and cannot be taken in. One task for as many as come
    before somebody looks. False: there is no such account here, and so no task."""
    why = (
        f"A notice of a payment (C2B) could not be taken in; its bytes are kept in the inbox, as number {inbox}. It may"
        " report money: compare the M-Pesa statement of that time with what is here."
    )
    return _ask("account", account, why, tx)


def ask_about_order(tx: Tx, order: uuid.UUID, *, inbox: int) -> bool:
    """Something came to an address of ``order``, and cannot be taken in. False: it is no refund that is here, and so no
    task: a question is asked again by itself."""
    why = (
        f"What M-Pesa says of this refund could not be taken in; its bytes are kept in the inbox, as number {inbox}."
        " Look in the M-Pesa statement whether the money went back."
    )
    return _ask("refund", order, why, tx)


def replayed(tx: Tx, subject: uuid.UUID, *, why_prompt: str) -> int:
    """All that could not be taken in about ``subject`` was, after all: nobody has to read it. How many tasks it closes.

    Of a prompt, whose tasks may be about anything, the one that says ``why_prompt``.
    """
    return tx.execute(_SQL["close_replayed"], {"id": subject, "why": why_prompt})


def _ask(what: str, subject: uuid.UUID, why: str, tx: Tx) -> bool:
    if not tx.rows(_SQL[f"{what}_here"], {"id": subject}):
        return False
    tx.execute(_SQL[f"ask_about_{what}"], {"task": ids.new_id(), "id": subject, "why": why})
    return True
