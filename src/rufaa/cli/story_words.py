"""What ``rufaa explain`` says: a sentence for every event, report, verdict and end. Pure tables.

A test holds each table against the machines and enumerations whose words it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rufaa.payments.machine import ArrivalVerdict, Channel, Verdict
from rufaa.payments.refund_machine import RefundMethod
from rufaa.referrals.told import MOVES

__all__ = ["MOVES"]

MEANS: Final[Mapping[Verdict, str]] = {
    Verdict.CONFIRMS: "it is believed",
    Verdict.FAILS: "it is believed",
    Verdict.FAILS_FOR_NOW: "one query alone is not believed",
    Verdict.NO_NEWS: "nothing was learned",
    Verdict.ASK: "it is believed only after a query",
    Verdict.ASK_DIFFERS: "its sender is not known and it differs from the prompt, so only a query counts",
    Verdict.AMOUNT_DIFFERS: "another amount than the prompt's, so it is doubted",
    Verdict.PHONE_DIFFERS: "another phone than the prompt's, so it is doubted",
    Verdict.OTHER_PROMPT: "it belongs to another push, so it counts for nothing here",
    Verdict.NO_RECEIPT: "a success without receipt or amount is believed only after a query",
    Verdict.NUMBER_TAKEN: "its receipt belongs to another payment, so it counts for nothing here",
}
"""What a report about a prompt meant."""

ARRIVAL_MEANS: Final[Mapping[ArrivalVerdict, str]] = {
    ArrivalVerdict.KNOWN: "one more report of money that is in the books",
    ArrivalVerdict.FILLS: "it is the receipt that was awaited",
    ArrivalVerdict.PAYS: "it is new money, and pays the fee",
    ArrivalVerdict.UNAPPLIED: "it is new money, and waits for a person",
    ArrivalVerdict.CONTRADICTS: "its receipt is in the books with another amount or account, so a person compares",
    ArrivalVerdict.NO_MONEY: "it is no completed payment, so it brings no money",
    ArrivalVerdict.ASK: "it is believed only when another source agrees",
}
"""What a report of a receipt number meant. Its words are not those of a prompt's: both know an "ask"."""

ORDER_MEANS: Final[Mapping[str, str]] = {
    "refunded": "the money went back",
    "not-refunded": "nothing went back",
    "reversed-before": "it was reversed before, and not by an order from here, so a person looks",
    "known": "it says what was known",
    "no-news": "nothing was learned",
    "ask": "its sender is not known, so M-Pesa is asked",
    "timed-out": "it was not processed in time, which says nothing of the money",
    "other-order": "it names another order, so it counts for nothing here",
    "amount-differs": "it speaks of another receipt or amount, so a person compares",
    "number-taken": "its number is another refund's, so a person compares",
    "contradicts": "it contradicts what was told before, so a person compares",
}
"""What the result of an order or of a question meant, besides what it meant for a claim (``ARRIVAL_MEANS``)."""

OUTCOMES: Final[Mapping[str, str]] = {
    "failed": "it could not be taken in",
    "malformed": "it could not be read",
    "unknown-prompt": "this server does not know its prompt",
    "unknown-account": "this server does not know its account",
    "unknown-order": "this server does not know its order",
    "validation": "it asked before a payment, so it is none",
}
"""What became of a stored report that is no evidence: the word before a colon."""

SOURCES: Final[Mapping[Channel, str]] = {
    Channel.CALLBACK: "Safaricom's callback",
    Channel.QUERY: "A status query",
    Channel.C2B: "A notice of C2B",
    Channel.PULL: "The list of payments",
    Channel.STATUS: "The answer about a receipt number",
    Channel.TYPED: "A number typed in by a person",
    Channel.STATEMENT: "The statement",
}
ORDER_SOURCES: Final[Mapping[str, str]] = {
    "result": "M-Pesa's result",
    "timeout": "M-Pesa's post about time",
    "status": "M-Pesa's answer",
}
"""Who speaks of an order or of a question, by the channel of the evidence."""

INBOX_KINDS: Final[Mapping[str, str]] = {
    "stk": "a callback about a prompt",
    "c2b": "a notice of a payment (C2B)",
    "c2b-validation": "a question before a payment (C2B)",
    "result": "the result of an order",
    "timeout": "a post that an order was not processed in time",
}

CLAIM_ENDS: Final[Mapping[str, str]] = {
    "confirmed": "was confirmed",
    "refused": "was refused: M-Pesa says that it is no payment to this account",
    "given-up": "was given up",
}

METHODS: Final[Mapping[RefundMethod, str]] = {
    RefundMethod.REVERSAL: "by reversal",
    RefundMethod.B2C: "by a payment to {phone}",
}

TASK_ENDS: Final[Mapping[str, str]] = {
    "": "what it was about settled itself",
    "applied": "the money was applied",
    "refunded": "the money was given back",
    "withdrawn": "the refund was withdrawn",
    "replayed": "the report was taken in after all",
}
"""What is said of a closed task. Other words than these were written by a person, and may name anybody."""


def outcome(kind: str, word: str) -> str:
    """What a stored report of this kind came to; of one that was not taken in the whole word, as it is stored."""
    tables: dict[str, tuple[Mapping[str, str], ...]] = {
        "stk": (_strings(MEANS),),
        "c2b": (_strings(ARRIVAL_MEANS),),
        "result": (ORDER_MEANS, _strings(ARRIVAL_MEANS)),
        "timeout": (ORDER_MEANS,),
    }
    for table in tables.get(kind, ()):
        if word in table:
            return table[word]
    first = word.partition(":")[0]
    return f"{OUTCOMES[first]} ({word})" if first in OUTCOMES else word


def _strings(table: Mapping[Verdict, str] | Mapping[ArrivalVerdict, str]) -> Mapping[str, str]:
    return {str(word): text for word, text in table.items()}


NO_VERDICTS: Final[Mapping[str, str]] = {
    "500.001.1001": "M-Pesa is still working on it, or knows nothing of it now",
}
"""Errors of the status query's own that are common and are no verdict (daraja.md §5)."""
