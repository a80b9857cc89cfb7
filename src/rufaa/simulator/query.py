"""``POST /mpesa/stkpushquery/v1/query``: what became of a push, as unhelpfully as Daraja says it (daraja.md §5).

While a prompt lives, two answers alternate; which comes first is drawn for each prompt. A prompt's ``query_plan`` may
make it worse.
"""

from __future__ import annotations

import json

from rufaa.simulator import answers, checks, codes
from rufaa.simulator.answers import Answer
from rufaa.simulator.checks import Asked
from rufaa.simulator.engine import Engine
from rufaa.simulator.rates import SpikeArrest
from rufaa.simulator.state import Prompt

_SPELLINGS = (  # both are real
    "The service request has been accepted successfully",
    "The service request has been accepted successsfully",
)


class Queries:
    def __init__(self, engine: Engine, *, limit: SpikeArrest | None) -> None:
        self._engine = engine
        self._limit = limit
        self._turns: dict[str, bool] = {}  # by prompt: whether its next answer in flight is 4999
        self._flapped: set[str] = set()  # prompts whose last answer was a bare 500.001.1001 by plan

    def answer(self, request: Asked) -> Answer:
        """Raises ``Refused`` or ``Throttled``."""
        engine = self._engine
        now = engine.clock.now()
        app = engine.tokens.app(request.authorization, now=now)
        if self._limit is not None and not self._limit.allows(app, at=now):
            raise answers.Throttled(self._limit.rate)
        merchant, asked = checks.query(
            checks.body_of(request.content_type, request.body), settings=engine.settings, now=now
        )
        if merchant.consumer_key != app:
            raise answers.wrong_credentials()
        prompt = engine.books.prompts.get(asked)
        if prompt is None or prompt.short_code != merchant.short_code:
            raise answers.does_not_exist()
        prompt = engine.plan_queries(prompt)
        plan = prompt.query_plan
        age_s = (now - prompt.created_at).total_seconds()
        if age_s < max(engine.settings.query_too_early_s, plan.too_early_s):
            raise answers.invalid("CheckoutRequestID")
        if plan.flaps:
            self._flapped ^= {asked}
            if asked in self._flapped:
                raise answers.bare_error()
        if plan.says is not None and prompt.misleads:
            engine.query_misled(prompt)
            return self._result(prompt, code=plan.says, words=codes.wordings(plan.says)[0])
        if prompt.result_code is not None:
            return self._result(prompt, code=prompt.result_code, words=prompt.query_desc or "")
        turn = self._turns.get(asked)
        says_4999 = engine.chance.happens(0.5) if turn is None else turn
        self._turns[asked] = not says_4999
        if not says_4999:
            raise answers.being_processed()
        return self._result(prompt, code=codes.STILL_PROCESSING, words=codes.wordings(codes.STILL_PROCESSING)[0])

    def _result(self, prompt: Prompt, *, code: str, words: str) -> Answer:
        return Answer(
            200,
            json.dumps(
                {
                    "ResponseCode": "0",
                    "ResponseDescription": self._engine.chance.one_of(_SPELLINGS),
                    "MerchantRequestID": prompt.merchant_request_id,
                    "CheckoutRequestID": prompt.shown_id,
                    "ResultCode": code,
                    "ResultDesc": words,
                }
            ),
        )
