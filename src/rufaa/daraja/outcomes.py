"""What Daraja's answers mean: every answer to a push is one of four outcomes, every answer to a query one of two. Pure.

What all products share (the error envelope, throttling, certain refusals) stands here as well; the other products' own
outcomes are in ``outcomes_orders``, ``registration`` and ``pull``.

The push rule is closed: only what daraja.md §11b lists as "no prompt was sent" is ``Declined`` or ``NotSent``; all else
that is not a clean acceptance is ``Unknown``, since a prompt may be on the phone and a second one may take money twice.
What to do about an outcome is the payments' law, not written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from rufaa.daraja.codes import Verdict, of_error, verdict
from rufaa.daraja.reading import Malformed, code_of, error_code_of, identifier_of, read_object, text_of

THROTTLE_S: Final = 12.0  # the measured spike arrest is 5 per 60 s with burst 1 (daraja.md §5)
QUOTA_S: Final = 60.0
LONGEST_WAIT_S: Final = 300.0  # no Retry-After may park a patient's prompt for longer
PHONE_BUSY_WAIT_S: Final = 60.0  # "wait at least 1 min" (daraja.md §12)

_ACCEPTANCE: Final = (  # next to an errorCode, they contradict it
    "ResponseCode",
    "CheckoutRequestID",
    "ConversationID",
    "OriginatorConversationID",
    "OriginatorCoversationID",
    "ResponseStatus",
    "Response Status",
)
_BAD_REQUEST: Final = frozenset({"400.002.02", "400.002.05", "404.001.01", "405.001"})
_NO_PRODUCT: Final = "no apiproduct match"  # looks like a token error and is not: the app lacks the product
_TOKEN: Final = frozenset({"400.003.01", "401.002.01", "401.003.01", "404.001.03", "404.001.04"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back, kept as evidence. ``body`` is what was received, at most 64 KiB, with any echo
    of our token, password or keys blotted out; ``status`` is None if no status line arrived.
    """

    status: int | None
    body: bytes = field(repr=False)
    started_at: datetime
    took_s: float


# ---------------------------------------------------------------- a push


@dataclass(frozen=True, slots=True)
class Accepted:
    """The prompt was queued; nothing is paid yet. ``merchant_request_id`` is None if it came damaged."""

    merchant_request_id: str | None
    checkout_request_id: str = field(repr=False)  # it contains a phone number (daraja.md §1)
    customer_message: str
    exchange: Exchange


class Because(StrEnum):
    """Why a request was declined."""

    BAD_REQUEST = "bad-request"  # a field is wrong: fix it
    PHONE_BUSY = "phone-busy"  # another session lives on that phone, often ours: resolve it, wait a minute
    ACCOUNT = "account"  # short code, passkey or the app's products are wrong: alarm
    TOKEN = "token"  # refused with a fresh token as well: alarm  # noqa: S105 - not a secret


@dataclass(frozen=True, slots=True)
class Declined:
    """Daraja refused; no prompt was sent and nothing else was done, and the same request would be refused again."""

    code: str
    message: str
    because: Because
    exchange: Exchange

    @property
    def phone_busy(self) -> bool:
        """Whether another session is live on that phone; wait ``PHONE_BUSY_WAIT_S`` at least."""
        return self.because is Because.PHONE_BUSY


@dataclass(frozen=True, slots=True)
class NotSent:
    """No prompt was sent and nothing else was done; the same request may be sent again after ``retry_after_s``."""

    code: str
    message: str
    retry_after_s: float
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done: a prompt may be on the phone, money on its way. Never send it again on this alone.

    For a push ask, wait for the callback, look at C2B and the statement; for an order see ``outcomes_orders``.
    """

    code: str
    message: str
    exchange: Exchange


PushOutcome = Accepted | Declined | NotSent | Unknown


def classify_push(exchange: Exchange, *, headers: Mapping[str, str]) -> PushOutcome:
    """The one outcome of a complete answer to a push. ``headers`` are those of the answer; only Retry-After is read.

    An errorCode is believed with any HTTP status, since the envelope is seen with 200 as well (daraja.md §1), with two
    exceptions: a redirect is nobody's refusal (it is not followed: the request would go somewhere else, perhaps twice),
    and a 5xx that carries a 4xx code contradicts itself.
    """
    status, answer = exchange.status or 0, read_object(exchange.body)
    turned_away = refusal(answer, exchange, headers=headers, because=_because)
    if turned_away is not None:
        return turned_away
    code, _ = error_of(answer)
    if isinstance(answer, dict) and code is None and 200 <= status < 300 and code_of(answer.get("ResponseCode")) == "0":
        checkout_request_id = identifier_of(answer.get("CheckoutRequestID"))
        if checkout_request_id is not None:
            return Accepted(
                identifier_of(answer.get("MerchantRequestID")),
                checkout_request_id,
                text_of(answer.get("CustomerMessage")),
                exchange,
            )
        return Unknown("no-checkout-id", "Daraja accepted the push but gave no usable CheckoutRequestID.", exchange)
    return Unknown(*gateway_words(answer, exchange), exchange)


def refusal(
    answer: dict[str, object] | Malformed,
    exchange: Exchange,
    *,
    headers: Mapping[str, str],
    because: Callable[[str, str], Because | None],
) -> Declined | NotSent | Unknown | None:
    """What an answer means that turns a request away or speaks of an error; None if it does neither.

    ``because`` is the product's own part of the table of daraja.md §11b: from a code and its message in lower case to
    the reason, where that code says for certain that nothing was done. An answer with a sign of acceptance in it
    is never a refusal.
    """
    status = exchange.status or 0
    if 300 <= status < 400:
        return Unknown(f"http-{status}", "Daraja answered with a redirect, which is not followed.", exchange)
    if isinstance(answer, dict) and any(answer.get(name) is not None for name in _ACCEPTANCE):
        return None
    code, message = error_of(answer)
    if code is None:
        if status == 429:
            return NotSent(*gateway_words(answer, exchange), retry_after(headers, default=THROTTLE_S), exchange)
        return None
    contradiction = status >= 500 and code.startswith("4")
    reason = because(code, message.lower())
    if reason is not None and not contradiction:
        return Declined(code, message, reason, exchange)
    wait_s = throttled(code, message, status, headers)
    if wait_s is not None and not contradiction:
        return NotSent(code, message, wait_s, exchange)
    return Unknown(code, message, exchange)


def common_reason(code: str, said: str) -> Because | None:
    """The part of daraja.md §11b that is the gateway's own, and so the same for every product."""
    if code in _BAD_REQUEST:
        return Because.BAD_REQUEST
    if code in _TOKEN:
        return Because.ACCOUNT if _NO_PRODUCT in said else Because.TOKEN
    return None


def _because(code: str, said: str) -> Because | None:
    if (reason := common_reason(code, said)) is not None:
        return reason
    if code == "500.001.1001" and "unable to lock subscriber" in said:
        return Because.PHONE_BUSY
    if code == "500.001.1001" and ("merchant does not exist" in said or "wrong credentials" in said):
        return Because.ACCOUNT
    return None


# ---------------------------------------------------------------- a query


@dataclass(frozen=True, slots=True)
class Answered:
    """The query gave a result code about the push that was asked for; how far to trust a failure is for the caller.

    Code 0 is "paid" without receipt, amount or phone (daraja.md §5).
    """

    result_code: str
    result_desc: str
    checkout_request_id: str = field(repr=False)
    merchant_request_id: str | None
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class NoNews:
    """Nothing was learned; the payment is where it was. ``retry_after_s`` is given where asking sooner is pointless."""

    code: str
    message: str
    retry_after_s: float | None
    exchange: Exchange


QueryOutcome = Answered | NoNews


def classify_query(exchange: Exchange, *, headers: Mapping[str, str], checkout_request_id: str) -> QueryOutcome:
    """The one outcome of a complete answer to a query for ``checkout_request_id`` (daraja.md §5).

    An answer about another id, or about none, is no news: its verdict may be another patient's.
    """
    status, answer = exchange.status or 0, read_object(exchange.body)
    code, message = error_of(answer)
    wait_s = throttled(code or "", message, status, headers)
    if wait_s is None and status == 429:
        wait_s = retry_after(headers, default=THROTTLE_S)
    if code is not None:
        return NoNews(code, message, wait_s, exchange)
    if not isinstance(answer, dict) or not 200 <= status < 300:
        return NoNews(*gateway_words(answer, exchange), wait_s, exchange)
    result_code = code_of(answer.get("ResultCode"))
    result_desc = text_of(answer.get("ResultDesc"))
    if code_of(answer.get("ResponseCode")) != "0" or result_code is None:
        return NoNews("no-result", "The answer has no result.", None, exchange)
    if answer.get("CheckoutRequestID") != checkout_request_id:
        return NoNews("other-id", "The answer is not about the CheckoutRequestID that was asked for.", None, exchange)
    if verdict(result_code) is Verdict.PROCESSING:
        return NoNews(result_code, result_desc, None, exchange)
    merchant_request_id = identifier_of(answer.get("MerchantRequestID"))
    return Answered(result_code, result_desc, checkout_request_id, merchant_request_id, exchange)


# ---------------------------------------------------------------- both


def throttled(code: str, message: str, status: int, headers: Mapping[str, str]) -> float | None:
    """Seconds to wait if the gateway turned the request away unread, else None. ``code`` is "" without an envelope.

    HTTP 429 over a 500 code other than the two that mean throttling is a contradiction, and then None.
    """
    if code == "500.003.03":
        return retry_after(headers, default=QUOTA_S)
    spike_arrest = code == "500.003.02" and "spike arrest" in message.lower()
    if spike_arrest or (status == 429 and not code.startswith("5")):
        return retry_after(headers, default=THROTTLE_S)
    return None


def refuses_token(exchange: Exchange) -> bool:
    """Whether this answer says that the access token is stale or foreign: the request was not processed (daraja.md §2).

    "No apiproduct match" is none: no new token will help. One rule with ``classify_push``, so that nothing which it
    calls Unknown is ever sent twice.
    """
    outcome = classify_push(exchange, headers={})
    return isinstance(outcome, Declined) and outcome.because is Because.TOKEN


def error_of(answer: dict[str, object] | Malformed) -> tuple[str | None, str]:
    """The code and message of Daraja's error envelope (daraja.md §1), or (None, ""). The code is no result's."""
    if isinstance(answer, Malformed) or answer.get("errorCode") is None:
        return None, ""
    return of_error(error_code_of(answer["errorCode"]) or "unreadable-error"), text_of(answer.get("errorMessage"))


def gateway_words(answer: dict[str, object] | Malformed, exchange: Exchange) -> tuple[str, str]:
    """A code and a sentence for an answer without Daraja's own envelope: Apigee and SOAP faults, HTML, nothing."""
    code = f"http-{exchange.status}"
    if isinstance(answer, Malformed):
        return code, f"The answer (HTTP {exchange.status}) was {answer.reason}."
    fault = answer.get("fault")
    if isinstance(fault, dict):
        detail = fault.get("detail")
        inner = error_code_of(detail.get("errorcode")) if isinstance(detail, dict) else None
        return of_error(inner or code), text_of(fault.get("faultstring"))
    return code, f"The answer (HTTP {exchange.status}) has a form that is not known."


def retry_after(headers: Mapping[str, str], *, default: float) -> float:
    """Seconds from Retry-After (whole seconds only; a date would need a clock), within 1 and ``LONGEST_WAIT_S``."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return min(max(float(value), 1.0), LONGEST_WAIT_S)
    return default
