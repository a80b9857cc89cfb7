"""From a notice that is due to the gateway's word about it: word it and claim it, commit, send, commit.

The gateway's answer may be lost, and the worker may die at any of these points. A gateway that knows a message by our
key is then given the same again; of any other the notice is ``unknown``, and is not sent a second time by itself.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

import structlog

from rufaa import metrics
from rufaa.db import sql
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step, around
from rufaa.money import Money
from rufaa.notices import texts
from rufaa.notices.gateways import Gateway, Lost, Message, NotTaken, Outcome, Refused, Taken
from rufaa.notices.machine import Channel, Event, Kind, State
from rufaa.notices.plan import Drop, Facts, Send, Wait, step
from rufaa.notices.wishes import Said, wish
from rufaa.payments.machine import SETTLED_FEE
from rufaa.phone import Phone
from rufaa.referrals.machine import OVER

_SQL: Final = sql.load(__file__, "sending.sql")
_log = structlog.get_logger()

LEASE_S: Final = 60
"""Longer than a gateway's whole deadline."""
TRY_AGAIN_S: Final = (20.0, 60.0, 300.0, 1800.0, 7200.0)
"""Waits after each time that a gateway has certainly not taken it; after the last one it is given up."""
SAME_AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice that this worker, and nobody else, may send once."""

    notice: uuid.UUID
    lease: int
    message: Message


def tidy(tx: Tx, again: frozenset[Channel]) -> None:
    """Leases that ran out: sent again where the gateway knows it again (``again``), else unknown."""
    for row in tx.rows(_SQL["expired"]):
        known = Channel(row["channel"]) in again and row["tries"] <= len(TRY_AGAIN_S)
        _move(tx, row["id"], State.DUE if known else State.UNKNOWN, Event.SAME_AGAIN if known else Event.LEASE_EXPIRED)


def claim(tx: Tx, *, public_url: str, channels: frozenset[Channel], limit: int) -> tuple[list[Claimed], int]:
    """Notices to send now, worded and claimed; and how many were looked at."""
    rows = tx.rows(_SQL["due"], {"limit": limit})
    claimed = []
    for row in rows:
        match _step(row, public_url=public_url, channels=channels):
            case Drop(why):
                tx.execute(_SQL["drop"], {"notice": row["id"], "why": why.value})
                metrics.NOTICES.labels(row["channel"], "dropped").inc()
            case Wait(until):
                tx.execute(_SQL["put_off"], {"notice": row["id"], "until": until})
            case Send() as send:
                tx.execute(
                    _SQL["claim"],
                    {
                        "notice": row["id"],
                        "lease_s": LEASE_S,
                        "to": send.to,
                        "text": send.text,
                        "parts": send.parts,
                    },
                )
                key = f"{row['id'].hex}-{row['copy']}"
                message = Message(key, Channel(row["channel"]), send.to, send.text, send.subject)
                claimed.append(Claimed(row["id"], row["lease"] + 1, message))
            case never:
                assert_never(never)
    return claimed, len(rows)


def _step(row: Mapping[str, Any], *, public_url: str, channels: frozenset[Channel]) -> Send | Wait | Drop:
    language = row["language"] or "en"
    if row["event"] == Event.SAME_AGAIN and Channel(row["channel"]) in channels:
        # it may be there already: the same words, or what we keep is not what was read
        return Send(row["address"], row["text"], row["parts"], texts.subject(language, code=row["account_code"]))
    return step(
        Facts(
            kind=Kind(row["kind"]),
            due_at=row["due_at"],
            code=row["account_code"],
            token=row["token"],
            referral=row["referral"].hex,
            facility=row["facility"],
            payee=row["payee"],
            phone=row["phone"],
            email=row["email"],
            mode=row["mode"] or "off",
            language=language,
            quiet_from=row["quiet_from"],
            quiet_until=row["quiet_until"],
            template=row["template"],
            wants=row["wants"],
            silent=bool(row["silent"]),
            referral_is_over=row["referral_state"] in OVER,
            fee_is_settled=row["fee_state"] in SETTLED_FEE,
            prompt_is_live=bool(row["prompt_is_live"]),
            amount=None if row["amount_cents"] is None else Money(row["amount_cents"]),
            receipt_number=row["receipt_number"],
            short_code=row["short_code"] or "",
            till=row["till_number"] or "",
            appointment=row["appointment"],
            starts_at=row["starts_at"],
        ),
        now=row["now"],
        public_url=public_url,
        channels=channels,
    )


def record(tx: Tx, claimed: Claimed, outcome: Outcome, *, knows_again: bool) -> None:
    """Commit what the gateway said. Where a report was faster, or the lease ran out, only its answer is kept."""
    row = tx.row(_SQL["lock"], {"notice": claimed.notice})
    assert row is not None
    if isinstance(outcome, Taken):
        tx.execute(
            _SQL["keep_answer"],
            {
                "notice": claimed.notice,
                "gateway_id": outcome.gateway_id,
                "cost": outcome.cost,
                "parts": outcome.parts,
            },
        )
    mine = row["lease"] == claimed.lease
    if mine and row["state"] == State.UNKNOWN and isinstance(outcome, Taken) and not outcome.delivered:
        _move(tx, claimed.notice, State.SENT, Event.TAKEN)
    if mine and row["state"] == State.SENDING:
        state, event, why, after_s = _after(outcome, tries=row["tries"], knows_again=knows_again)
        _move(tx, claimed.notice, state, event, reason=why, after_s=after_s)
    if isinstance(outcome, Refused) and outcome.unwanted:
        wish(tx, Phone(claimed.message.to), wants=False, said=Said.GATEWAY)


def _after(outcome: Outcome, *, tries: int, knows_again: bool) -> tuple[State, Event, str, float]:
    """Where an answer leads, why, and after how many seconds it is tried again."""
    may_try = tries <= len(TRY_AGAIN_S)
    match outcome:
        case Taken(delivered=True):
            return State.DELIVERED, Event.REPORTED, "", 0.0
        case Taken():
            return State.SENT, Event.TAKEN, "", 0.0
        case NotTaken(why, after_s) if may_try:
            return State.DUE, Event.NOT_TAKEN, why, TRY_AGAIN_S[tries - 1] if after_s is None else after_s
        case NotTaken(why):
            return State.FAILED, Event.GAVE_UP, why, 0.0
        case Refused(why):
            return State.FAILED, Event.REFUSED, why, 0.0
        case Lost(why) if knows_again and may_try:
            return State.DUE, Event.SAME_AGAIN, why, SAME_AGAIN_S
        case Lost(why):
            return State.UNKNOWN, Event.ANSWER_LOST, why, 0.0
        case never:
            assert_never(never)


def _move(tx: Tx, notice: uuid.UUID, state: State, event: Event, *, reason: str = "", after_s: float = 0.0) -> None:
    tx.execute(
        _SQL["move"],
        {"notice": notice, "state": state.value, "event": event.value, "reason": reason[:200], "after_s": after_s},
    )


def next_notice_s(tx: Tx) -> float | None:
    """Seconds until the next notice or expiry is due; None if none ever is."""
    return tx.seconds(_SQL["next_due"])


class Notices:
    """Sends what is due."""

    def __init__(
        self, gateways: Mapping[Channel, Gateway], aside: Aside, *, public_url: str, at_once: int = 10
    ) -> None:
        self._gateways = gateways
        self._aside = aside
        self._public_url = public_url
        self._at_once = at_once

    async def round(self) -> float | None:
        """One round; 0 where there may be more."""
        again = frozenset(channel for channel, gateway in self._gateways.items() if gateway.knows_again)
        await self._aside.run(lambda: unit(lambda tx: tidy(tx, again), step=Step.NOTICE_TIDY))
        claimed, looked_at = await self._aside.run(lambda: unit(self._claim, step=Step.NOTICE_CLAIM))
        await asyncio.gather(*map(self._send, claimed))
        return 0.0 if looked_at == self._at_once else None

    def _claim(self, tx: Tx) -> tuple[list[Claimed], int]:
        return claim(
            tx,
            public_url=self._public_url,
            channels=frozenset(self._gateways),
            limit=self._at_once,
        )

    async def _send(self, claimed: Claimed) -> None:
        gateway = self._gateways[claimed.message.channel]
        try:
            with around(Step.NOTICE_CALL):
                outcome = await gateway.send(claimed.message)
            await self._aside.run(
                lambda: unit(
                    lambda tx: record(tx, claimed, outcome, knows_again=gateway.knows_again), step=Step.NOTICE_RECORD
                )
            )
            metrics.NOTICES.labels(claimed.message.channel.value, type(outcome).__name__.lower()).inc()
            _log.info("notice.sent", notice=claimed.notice.hex, outcome=type(outcome).__name__)
        except Exception:  # noqa: BLE001 - its lease runs out, and it is unknown or sent again; the others must not wait
            _log.exception("notice.failed", notice=claimed.notice.hex)
