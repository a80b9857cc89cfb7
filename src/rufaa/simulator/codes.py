"""ResultCodes and the words that come with them: of prompts (daraja.md §11a), and of orders (§7, §8, §10).

ResultDesc is not stable: for one code several wordings were seen, so a client must decide on the code alone. Those seen
are all kept here and chosen by seed.
"""

from __future__ import annotations

from typing import Final

PAID: Final = "0"
BALANCE_LOW: Final = "1"
CANCELLED: Final = "1032"
NOT_REACHED: Final = "1037"
EXPIRED: Final = "1019"
WRONG_PIN: Final = "2001"
PROMPT_TOO_LONG: Final = "1025"
NOT_PERMITTED: Final = "2028"
NO_SUCH_OPERATOR: Final = "SFC_IC0003"
STILL_PROCESSING: Final = "4999"
NO_FAILURES: Final = (PAID, STILL_PROCESSING)

TOO_LITTLE: Final = "2"
DUPLICATE: Final = "15"
RULE_LIMITED: Final = "17"
NO_SUCH_RECEIPT: Final = "2032"
REVERSED_ALREADY: Final = "R000001"
NO_SUCH_PAYMENT: Final = "R000002"

PROMPT_TEXT_LIMIT: Final = 182  # characters; a longer prompt cannot be sent (daraja.md §3)

_WORDS: Final[dict[str, tuple[str, ...]]] = {
    PAID: ("The service request is processed successfully.",),
    BALANCE_LOW: ("The balance is insufficient for the transaction.",),
    "2": ("Declined due to limit rule.",),
    "3": ("Declined due to limit rule: greater than the maximum transaction amount.",),
    "4": ("Declined due to limit rule: would exceed daily transfer limit.",),
    "8": ("Declined due to limit rule: would exceed the maximum balance.",),
    "11": ("The DebitParty is in an invalid state.",),
    "17": ("Rule limited.",),
    "26": ("System busy. The service request is rejected.",),
    "1001": ("Unable to lock subscriber.",),
    EXPIRED: ("Transaction has expired",),
    PROMPT_TOO_LONG: ("Error Occurred while sending push request",),
    "1031": ("Request cancelled by user",),
    CANCELLED: ("Request cancelled by user", "Request Cancelled by user.", "[STK_CB - ]Request cancelled by user"),
    "1036": ("[STK_CB - ]SMSC ACK timeout.",),
    NOT_REACHED: (
        "DS timeout user cannot be reached",
        "DS timeout user cannot be reached.",
        "DS timeout.",
        "No response from user.",
    ),
    WRONG_PIN: ("The initiator information is invalid.", "[MpesaCB - ]The initiator information is invalid."),
    "2026": ("The channel session ID has expired.",),
    NOT_PERMITTED: ("The request is not permitted according to product assignment.",),
    "8006": ("The security credential is locked.",),
    "9999": ("Error Occurred while sending push request",),
    NO_SUCH_OPERATOR: ("The operator does not exist.",),
    STILL_PROCESSING: ("The transaction is still under processing",),
}
_RESULT_WORDS: Final[dict[str, str]] = {  # where an order's differ
    "8": "The balance would exceed the rule limit.",
    "11": "The DebitParty is in an invalid state.",
    DUPLICATE: "Duplicate OriginatorConversationID.",
    "18": "The initiator credential check failed.",
    "20": "The initiator is unresolved.",
    "21": "The initiator is not allowed to initiate this request.",
    "2006": "The account is inactive.",
    NO_SUCH_RECEIPT: "The transaction receipt number does not exist.",
    "2040": "The receiver is not registered.",
    REVERSED_ALREADY: "The transaction has already been reversed.",
    NO_SUCH_PAYMENT: "The OriginalTransactionID is invalid.",
}
_UNKNOWN: Final = ("The service request failed.",)


def wordings(code: str) -> tuple[str, ...]:
    """Every ResultDesc that may come with ``code``; at least one, also for a code that nobody has seen."""
    return _WORDS.get(code, _UNKNOWN)


def result_words(code: str) -> str:
    """The ResultDesc of an order's result."""
    return _RESULT_WORDS.get(code) or wordings(code)[0]


def on_the_wire(code: str) -> int | str:
    """How a callback or a result writes it: a number where it is one, else a string (daraja.md §4)."""
    return int(code) if code.isdigit() else code
