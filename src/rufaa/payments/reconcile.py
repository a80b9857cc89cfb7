"""Asking what became of prompts: the status query on its schedule, and handing over to a person when asking is over.

So that a callback that never comes still ends in ``paid``. What an answer means is the law's; when to ask is in
``machine`` (``next_query_s``) and stands in ``prompt.next_at``.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import Final, assert_never

import structlog

from rufaa import clock, metrics
from rufaa.daraja import codes
from rufaa.daraja.client import Daraja
from rufaa.daraja.outcomes import Answered, NoNews, QueryOutcome
from rufaa.db import sql
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step, around
from rufaa.payments import access
from rufaa.payments.access import Accounts, Budget
from rufaa.payments.machine import UNKNOWN_WITHOUT_ID_S, Channel, Report
from rufaa.payments.operations import open_task_for_prompt
from rufaa.payments.plan_rows import Item
from rufaa.payments.settle import HandOn, settle

_SQL: Final = sql.load(__file__, "reconcile.sql")
_log = structlog.get_logger()

ASKED_AGAIN_AFTER_S: Final = 60
"""When a query whose asker died is made again; a query twice does no harm."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt to ask about."""

    prompt: uuid.UUID
    account: uuid.UUID
    checkout_request_id: str


def claim_questions(tx: Tx, *, limit: int) -> tuple[list[Question], float | None]:
    """Prompts whose time to be asked about has come, oldest first, within each account's rate."""
    rows, wait_s = access.claim(tx, Budget.QUERY, _SQL, limit=limit, again_s=ASKED_AGAIN_AFTER_S)
    return [Question(row["id"], row["account_id"], row["checkout_request_id"]) for row in rows], wait_s


def hand_over_overdue(tx: Tx) -> int:
    """There is no id to ask by, and no callback came: a person looks, and the phone is free again.

    A prompt that can be asked about is handed over by settlement, after the last query of its schedule.
    """
    rows = tx.rows(_SQL["overdue"], {"without_id_s": UNKNOWN_WITHOUT_ID_S})
    for row in rows:
        open_task_for_prompt(tx, row["id"], kind="review", why="M-Pesa did not tell what became of this prompt.")
    return len(rows)


def next_question_s(tx: Tx) -> float | None:
    """Seconds until the next prompt has to be asked about or handed over; None if none ever has to."""
    return tx.seconds(_SQL["next_due"])


class Reconciler:
    """Asks what is due."""

    def __init__(self, daraja: Daraja, accounts: Accounts, aside: Aside, *, hand_on: HandOn, at_once: int = 20) -> None:
        self._daraja = daraja
        self._accounts = accounts
        self._aside = aside
        self._hand_on = hand_on
        self._at_once = at_once

    async def round(self) -> float | None:
        """Ask what is due and settle the answers; returns seconds until more may be asked, None if nothing waits."""
        await self._aside.run(lambda: unit(hand_over_overdue, step=Step.QUERY_OVERDUE))
        questions, wait_s = await self._aside.run(
            lambda: unit(lambda tx: claim_questions(tx, limit=self._at_once), step=Step.QUERY_CLAIM)
        )
        if not questions:
            return wait_s
        for item in await asyncio.gather(*map(self._ask, questions)):
            if item is not None:
                await self._settle(item)
        return wait_s

    async def _settle(self, item: Item) -> None:
        """Each answer alone: one that cannot be settled is asked for again, and holds up no other."""
        try:
            await self._aside.run(
                lambda: unit(lambda tx: settle(tx, [item], hand_on=self._hand_on), step=Step.QUERY_SETTLE)
            )
        except Exception:  # noqa: BLE001
            _log.exception("query.not_settled", prompt=item.prompt.hex)

    async def _ask(self, question: Question) -> Item | None:
        outcome: QueryOutcome
        try:
            account = await self._accounts.to_ask(question.account)
            if isinstance(account, NoNews):
                outcome = account
            else:
                with around(Step.QUERY_CALL):
                    outcome = await self._daraja.stk_query(
                        account.credentials,
                        account.tokens,
                        checkout_request_id=question.checkout_request_id,
                        at=clock.now(),
                    )
        except Exception:  # noqa: BLE001 - this prompt is asked about again later; the others must not wait for it
            _log.exception("query.failed", prompt=question.prompt.hex)
            metrics.QUERIES.labels(outcome="failed").inc()
            return None
        item = _item(question, outcome)
        _log.info("query.answered", prompt=question.prompt.hex, code=codes.loggable(item.report.result_code))
        metrics.QUERIES.labels(outcome=codes.verdict(item.report.result_code)).inc()
        return item


def _item(question: Question, outcome: QueryOutcome) -> Item:
    match outcome:
        case Answered(result_code=code, result_desc=words) | NoNews(code=code, message=words):
            # The ids are not compared again: the client believes an answer only about the id that it asked for.
            report = Report(channel=Channel.QUERY, result_code=code, trusted=True)
            exchange = outcome.exchange
            return Item(question.prompt, report, words, status=exchange.status, body=exchange.body)
        case never:
            assert_never(never)
