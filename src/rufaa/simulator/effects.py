"""What a fault does to the plan of a prompt, of a payment's notice, of an order. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from rufaa.simulator import codes
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.plans import (
    C2bPhone,
    CallbackPlan,
    FailureFirst,
    Forged,
    ForgedResult,
    Forgery,
    NoticePlan,
    OrderPlan,
    PhoneForm,
    QueryPlan,
    QueueTimeout,
    SecondFailure,
    Tampering,
)

_REORDERED_SPACING_S: Final = 0.2


def callback_plan(fault: Fault, plan: CallbackPlan, *, began_at: datetime, place: int = 0) -> CallbackPlan:
    """``plan``, and what ``fault`` does besides. ``began_at``, ``place``: of a group that is reordered."""
    match fault.kind:
        case FaultKind.CALLBACK_LOST:
            return replace(plan, lost=True)
        case FaultKind.CALLBACK_DELAYED:
            return replace(plan, delay_s=fault["delay_s"])
        case FaultKind.CALLBACK_DUPLICATED:
            return replace(
                plan,
                copies=fault["copies"],
                spacing_s=fault["spacing_s"],
                delay_s=max(plan.delay_s, fault["delay_s"]),
            )
        case FaultKind.CALLBACK_REORDERED:
            return replace(plan, not_before=_reordered(fault, began_at=began_at, place=place))
        case FaultKind.CALLBACK_TAMPERED:
            return replace(plan, tampering=Tampering(fault["shape"], fault["field"], fault["value"]))
        case FaultKind.CALLBACK_MASKED:
            return replace(plan, phone_form=PhoneForm(fault["phone_form"]))
        case FaultKind.CALLBACK_FORGED:
            return replace(plan, forged=Forged(Forgery(fault["forgery"]), fault["delay_s"], fault["code"]))
        case FaultKind.CALLBACK_FAILURE_FIRST:
            return replace(plan, failure_first=FailureFirst(fault["code"], fault["delay_s"]))
        case FaultKind.CALLBACK_TWO_FAILURES:
            return replace(plan, second_failure=SecondFailure(fault["code"], fault["delay_s"]))
        case _:
            raise ValueError(f"{fault.kind} is not about callbacks")


def query_plan(fault: Fault) -> QueryPlan:
    """What a query fault does to the queries about one prompt."""
    match fault.kind:
        case FaultKind.QUERY_FLAPPING:
            return QueryPlan(flaps=True)
        case FaultKind.QUERY_WRONG:
            return QueryPlan(says=fault["code"], times=fault["times"])
        case FaultKind.QUERY_PROCESSING:
            return QueryPlan(says=codes.STILL_PROCESSING, times=fault["times"])
        case FaultKind.QUERY_TOO_EARLY:
            return QueryPlan(too_early_s=fault["delay_s"])
        case _:
            raise ValueError(f"{fault.kind} is not about queries")


def notice_plan(fault: Fault, plan: NoticePlan, *, began_at: datetime, place: int = 0) -> NoticePlan:
    """``plan``, and what ``fault`` does to a payment's C2B confirmation besides."""
    match fault.kind:
        case FaultKind.CONFIRMATION_LOST:
            return replace(plan, lost=True)
        case FaultKind.CONFIRMATION_DELAYED:
            return replace(plan, delay_s=fault["delay_s"])
        case FaultKind.CONFIRMATION_DUPLICATED:
            return replace(
                plan,
                copies=fault["copies"],
                spacing_s=fault["spacing_s"],
                delay_s=max(plan.delay_s, fault["delay_s"]),
            )
        case FaultKind.CONFIRMATION_REORDERED:
            return replace(plan, not_before=_reordered(fault, began_at=began_at, place=place))
        case FaultKind.CONFIRMATION_MASKED:
            return replace(plan, phone_as=C2bPhone(fault["phone_as"]))
        case FaultKind.CONFIRMATION_NULL:
            return replace(plan, null=True)
        case _:
            raise ValueError(f"{fault.kind} is not about C2B confirmations")


def order_plan(fault: Fault, plan: OrderPlan) -> OrderPlan:
    """``plan``, and what ``fault`` does to an order besides."""
    match fault.kind:
        case FaultKind.ORDER_FAILED:
            return replace(plan, fails_with=fault["code"])
        case FaultKind.RESULT_LOST:
            return replace(plan, lost=True)
        case FaultKind.RESULT_DELAYED:
            return replace(plan, delay_s=fault["delay_s"])
        case FaultKind.RESULT_DUPLICATED:
            return replace(plan, copies=fault["copies"], spacing_s=fault["spacing_s"])
        case FaultKind.RESULT_FORGED:
            return replace(plan, forged=ForgedResult(fault["delay_s"], fault["code"]))
        case FaultKind.QUEUE_TIMEOUT:
            timeout = QueueTimeout(fault["delay_s"], silent=fault["silent"])
            return replace(plan, queue_timeout=timeout, fails_with=fault["code"] or plan.fails_with)
        case _:
            raise ValueError(f"{fault.kind} is not about orders")


def _reordered(fault: Fault, *, began_at: datetime, place: int) -> datetime:
    """When the one at ``place`` of a group goes out: the first of the group last."""
    return began_at + timedelta(seconds=fault["delay_s"] - place * _REORDERED_SPACING_S)
