"""``/pulltransactions/v1/register`` and ``…/query`` (daraja.md §10)."""

from __future__ import annotations

from rufaa.simulator import answers, checks, events, pull
from rufaa.simulator.answers import Answer, Refused
from rufaa.simulator.chaos import Drawn
from rufaa.simulator.checks import Asked
from rufaa.simulator.engine import Engine
from rufaa.simulator.faults import Fault


def register(engine: Engine, asked: Asked) -> Answer:
    """Raises ``Refused``. Once and for all: a second registration changes nothing."""
    app = engine.tokens.app(asked.authorization, now=engine.clock.now())
    body = checks.body_of(asked.content_type, asked.body, first="ShortCode")
    registration = pull.register(body, settings=engine.settings, app=app)
    again = registration.short_code in engine.books.pull
    if not again:
        engine.record(events.PullRegistered(registration))
    return pull.registered(
        short_code=registration.short_code,
        again=again,
        reference=engine.chance.merchant_request_id(),
        spaced=engine.chance.happens(0.5),
    )


def query(engine: Engine, asked: Asked, *, drawn: Drawn) -> Answer:
    """Raises ``Refused``. A short code that is not registered has no transactions, as one without payments."""
    now = engine.clock.now()
    try:
        app = engine.tokens.app(asked.authorization, now=now)
    except Refused as refused:
        raise answers.pull_stale_token() from refused
    body = checks.body_of(asked.content_type, asked.body, first="ShortCode")
    window = pull.query(body, settings=engine.settings, app=app)
    payments = []
    if window.merchant.short_code in engine.books.pull:
        fault = engine.faults.take_pull_fault() or _drawn(engine, drawn)
        payments = pull.seen(engine.books.movements.values(), window, now=now, fault=fault)
    page = payments[window.offset : window.offset + engine.settings.pull_rows]
    return pull.answer(
        page,
        merchant=window.merchant,
        zone=engine.settings.pull_zone,
        reference=engine.chance.merchant_request_id(),
    )


def _drawn(engine: Engine, drawn: Drawn) -> Fault | None:
    if drawn.pull is not None:
        engine.fault_used(drawn.pull)
    return drawn.pull
