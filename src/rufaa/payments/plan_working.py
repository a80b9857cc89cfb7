"""A prompt while a batch is being decided: what is known of it so far, when to ask next, and what to write. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from rufaa.payments.machine import (
    LAST_QUERY_S,
    LIVE,
    Channel,
    PromptEvent,
    PromptState,
    Report,
    Verdict,
    next_late_query_s,
    next_query_s,
)
from rufaa.payments.plan_rows import PromptChange, PromptRow

_NO_RESPONSE: Final = "1037"


@dataclass(slots=True)
class Working:
    """A prompt while the batch is being decided."""

    row: PromptRow
    state: PromptState
    checkout_request_id: str | None
    merchant_request_id: str | None
    unpaid_queries: int
    receipt: uuid.UUID | None
    number: str | None
    asked_number: str | None
    success_claimed: bool
    number_from_arrival: bool
    moved: tuple[PromptState, PromptEvent] | None = None
    code: str = ""
    message: str = ""
    next_query_s: float | None = None
    keep_schedule: bool = True
    touched: bool = False


def working_of(row: PromptRow) -> Working:
    return Working(
        row=row,
        state=row.state,
        checkout_request_id=row.checkout_request_id,
        merchant_request_id=row.merchant_request_id,
        unpaid_queries=row.unpaid_queries,
        receipt=row.receipt,
        number=row.receipt_number,
        asked_number=row.asked_number,
        success_claimed=row.success_claimed,
        number_from_arrival=row.number_from_arrival,
    )


def schedule(prompt: Working, report: Report, verdict: Verdict) -> None:
    """When to ask next."""
    age = prompt.row.age_s
    if prompt.state is PromptState.CREATED:
        return  # its time is the time to send
    if prompt.state is PromptState.PAID:
        prompt.keep_schedule, prompt.next_query_s = False, None
    elif verdict.asks:
        # without an id nothing can be asked; the prompt's own time then stands
        prompt.keep_schedule, prompt.next_query_s = prompt.checkout_request_id is None, age
    elif verdict is Verdict.FAILS:
        prompt.keep_schedule = False
        last = report.channel is Channel.CALLBACK and report.result_code == _NO_RESPONSE and age < LAST_QUERY_S
        prompt.next_query_s = LAST_QUERY_S if last else None
    elif report.channel is Channel.QUERY:
        prompt.keep_schedule = False
        if prompt.state in LIVE:
            prompt.next_query_s = next_query_s(age)
        elif prompt.state is PromptState.REVIEW:
            prompt.next_query_s = next_late_query_s(age)
        else:  # the last query about a failure is repeated until it has an answer
            prompt.next_query_s = next_query_s(age) if verdict is Verdict.NO_NEWS else None


def change_of(prompt: Working) -> PromptChange:
    return PromptChange(
        id=prompt.row.id,
        moved=prompt.moved,
        checkout_request_id=prompt.checkout_request_id,
        merchant_request_id=prompt.merchant_request_id,
        code=prompt.code,
        message=prompt.message,
        unpaid_queries=prompt.unpaid_queries,
        next_query_s=prompt.next_query_s,
        keep_schedule=prompt.keep_schedule,
    )
