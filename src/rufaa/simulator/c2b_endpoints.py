"""``POST /mpesa/c2b/v1|v2/registerurl`` and ``…/simulate`` (daraja.md §6)."""

from __future__ import annotations

from rufaa.simulator import answers, c2b, checks, events
from rufaa.simulator.answers import Answer
from rufaa.simulator.checks import Asked
from rufaa.simulator.config import C2bVersion
from rufaa.simulator.engine import Engine


def register(engine: Engine, asked: Asked, *, version: C2bVersion) -> Answer:
    """Raises ``Refused``. In production a second registration is refused; elsewhere it takes the place of the first."""
    app = engine.tokens.app(asked.authorization, now=engine.clock.now())
    c2b.need_product(engine.settings, app=app, version=version)
    body = checks.body_of(asked.content_type, asked.body, first="ShortCode")
    urls = c2b.register(body, settings=engine.settings, app=app, version=version)
    if engine.settings.production and urls.short_code in engine.books.urls:
        raise answers.urls_registered()
    engine.record(events.UrlsRegistered(urls))
    return c2b.registered(originator_id=engine.chance.merchant_request_id())


def simulate(engine: Engine, asked: Asked, *, version: C2bVersion) -> Answer:
    """Raises ``Refused``, in production always. The payment is made a moment later, if the payer can."""
    app = engine.tokens.app(asked.authorization, now=engine.clock.now())
    if engine.settings.production:
        raise answers.no_resource()
    c2b.need_product(engine.settings, app=app, version=version)
    body = checks.body_of(asked.content_type, asked.body, first="ShortCode")
    engine.paybill.simulate(c2b.simulate(body, settings=engine.settings, app=app))
    return c2b.simulating(
        version=version,
        originator_id=engine.chance.merchant_request_id(),
        conversation_id=engine.chance.conversation_id(at=engine.clock.now()),
    )
