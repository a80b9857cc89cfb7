"""STK ResultCodes and the words that come with them (daraja.md §11a).

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
_UNKNOWN: Final = ("The service request failed.",)


def wordings(code: str) -> tuple[str, ...]:
    """Every ResultDesc that may come with ``code``; at least one, also for a code that nobody has seen."""
    return _WORDS.get(code, _UNKNOWN)


def on_the_wire(code: str) -> int | str:
    """How a callback writes it: a number where it is one, else a string (daraja.md §4)."""
    return int(code) if code.isdigit() else code
