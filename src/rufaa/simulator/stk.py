"""``POST /mpesa/stkpush/v1/processrequest``: accept a push, or refuse it as Daraja does (daraja.md §3)."""

from __future__ import annotations

from rufaa.simulator import answers, checks
from rufaa.simulator.answers import Answer
from rufaa.simulator.chaos import Drawn
from rufaa.simulator.checks import Asked
from rufaa.simulator.config import LimitForm
from rufaa.simulator.engine import Engine
from rufaa.simulator.rates import SpikeArrest
from rufaa.simulator.state import Prompt


def push(
    engine: Engine,
    request: Asked,
    *,
    limit: SpikeArrest | None,
    drawn: Drawn,
) -> tuple[Answer, Prompt]:
    """Raises ``Refused`` or ``Throttled``; nothing has happened then."""
    now = engine.clock.now()
    app = engine.tokens.app(request.authorization, now=now)
    if limit is not None and not limit.allows(app, at=now):
        if engine.settings.push_limit_form is LimitForm.ENVELOPE:
            raise answers.spike_arrest()
        raise answers.Throttled(limit.rate)
    asked = checks.push(checks.body_of(request.content_type, request.body), settings=engine.settings, now=now)
    if asked.merchant.consumer_key != app:
        raise answers.wrong_credentials()  # another app's short code; the exact refusal is not measured
    if engine.books.live_on(asked.phone) is not None:
        raise answers.subscriber_locked()
    prompt = engine.open(asked, drawn=drawn)
    answer = answers.accepted(
        merchant_request_id=prompt.merchant_request_id, checkout_request_id=prompt.checkout_request_id
    )
    return answer, prompt
