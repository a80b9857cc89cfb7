"""The callbacks that a prompt will have, fixed when it ends, and what a forger posts about it. No I/O."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import timedelta
from typing import Final, assert_never

from rufaa.simulator import callbacks, codes, shapes
from rufaa.simulator.chance import Chance
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.events import PromptEnded
from rufaa.simulator.plans import Forged, Forgery, PhoneForm, Posting, Says
from rufaa.simulator.state import Prompt

_WRONG_ENDING: Final = 6  # how many last letters of a path a forger guesses wrongly


def of_end(
    prompt: Prompt, ended: PromptEnded, *, settings: SimulatorSettings, chance: Chance, at_once: bool
) -> tuple[Posting, ...]:
    """The callbacks of a prompt that ends so."""
    plan = prompt.plan
    if plan.lost:
        return ()
    after = replace(
        prompt,
        result_code=ended.result_code,
        result_desc=ended.result_desc,
        receipt=None if ended.moved is None else ended.moved.receipt,
        ended_at=ended.ended_at,
        callback_balance=ended.callback_balance,
    )
    due = ended.ended_at
    if not at_once:
        due += timedelta(seconds=settings.callback_after_s + plan.delay_s)
        due = max(due, plan.not_before or due)
    message = callbacks.result(after, phone_form=plan.phone_form or settings.callback_phones)
    body = shapes.body(message, plan.tampering)
    postings = [
        Posting(due + timedelta(seconds=copy * plan.spacing_s), Says.RESULT, prompt.callback_url, body)
        for copy in range(plan.copies)
    ]
    if plan.second_failure is not None and ended.moved is None:
        second = plan.second_failure
        code = second.code if second.code != ended.result_code else _another(second.code)
        told = callbacks.failure(after, code=code, words=chance.one_of(codes.wordings(code)))
        later = due + timedelta(seconds=second.after_s)
        postings.append(Posting(later, Says.SECOND_FAILURE, prompt.callback_url, callbacks.write(told)))
    return tuple(postings)


def forged(prompt: Prompt, plan: Forged, *, before: Prompt | None, receipts: Container[str], chance: Chance) -> Posting:
    """What somebody who knows the ids of ``prompt``, and mostly its path, makes up about it. ``before``: the prompt
    before it. ``receipts``: those that exist.
    """
    url, about, receipt = prompt.callback_url, prompt, None
    match plan.forgery:
        case Forgery.OTHER_IDS:
            about = replace(before or prompt, amount=prompt.amount, payer=prompt.payer)
            receipt = about.receipt
        case Forgery.WRONG_SECRET:
            url = url[:-_WRONG_ENDING] + "".join(chance.one_of("0123456789abcdef") for _ in range(_WRONG_ENDING))
        case Forgery.INVENTED_RECEIPT | Forgery.FAILURE:
            pass
        case _:
            assert_never(plan.forgery)
    if plan.forgery is Forgery.FAILURE:
        message = callbacks.failure(about, code=plan.code, words=chance.one_of(codes.wordings(plan.code)))
    else:
        message = callbacks.success(
            about,
            receipt=receipt or chance.receipt(at=prompt.created_at, taken=receipts),
            phone_form=PhoneForm.WHOLE,
            words=codes.wordings(codes.PAID)[0],
        )
    due = prompt.created_at + timedelta(seconds=plan.after_s)
    return Posting(due, Says.FORGED, url, callbacks.write(message))


def _another(code: str) -> str:
    return codes.CANCELLED if code != codes.CANCELLED else codes.EXPIRED
