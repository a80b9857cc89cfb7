"""Reports of many prompts in one batch: what each needs is written in one statement, whatever it is."""

from __future__ import annotations

import json

from structlog.testing import capture_logs

from rufaa.cli.work import HANDLERS
from rufaa.ingest.loop import settle_inbox
from support import World, execute, failure_body, inbox_outcomes, success_body, value

FIRST = "254708000000"
SECOND = "254708001037"


def test_one_batch_asks_about_one_prompt_at_once_and_about_another_at_its_time(world: World) -> None:
    """The one's time is how old it is, the other's a whole number of the law: both in one list of one type."""
    prompts = [world.prompted(phone)[1] for phone in (FIRST, SECOND)]
    for number, prompt in enumerate(prompts):
        execute(
            "UPDATE prompt SET state = 'sending', event = 'claim', lease = 1,"
            " sent_at = rufaa_now() - interval '30.5 s', next_at = NULL,"
            " lease_until = rufaa_now() + interval '30 s' WHERE id = %(id)s",
            id=prompt,
        )
        execute(
            "UPDATE prompt SET state = 'pending', event = 'accepted', lease_until = NULL,"
            " checkout_request_id = %(checkout)s, next_at = rufaa_now() + interval '10 s' WHERE id = %(id)s",
            id=prompt,
            checkout=f"ws_CO_{number}",
        )
    bodies = (success_body("ws_CO_0", phone=int(FIRST)), failure_body("ws_CO_1", 1037))
    for prompt, body, trusted in zip(prompts, bodies, (False, True), strict=True):
        execute(
            "INSERT INTO inbox (kind, subject, source, trusted, body)"
            " VALUES ('stk', %(prompt)s, '127.0.0.1', %(trusted)s, %(body)s)",
            prompt=prompt,
            trusted=trusted,
            body=json.dumps(
                {**body, "Body": {"stkCallback": {**body["Body"]["stkCallback"], "MerchantRequestID": ""}}}
            ).encode(),
        )

    with capture_logs() as logs:
        assert settle_inbox(HANDLERS) == 2

    assert [each["event"] for each in logs if each["log_level"] == "error"] == []
    assert inbox_outcomes() == ["ask", "fails"]
    waits = value("SELECT array_agg(extract(epoch FROM next_at - sent_at)::int ORDER BY next_at) AS waits FROM prompt")
    assert (30 <= waits[0] < 60, waits[1]) == (True, 150)
