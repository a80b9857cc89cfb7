"""Who may do what: the rights table, once. Pure.

A right comes from a role in a facility and from the side on which this facility stands to a referral. Pages, functions
and commands ask here and draw just what they are told; none has a rule of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    PHYSICIAN = "physician"
    ADMINISTRATOR = "administrator"
    RECEPTION = "reception"
    FINANCE = "finance"


class Side(StrEnum):
    """Where a facility stands to one referral, or to itself; one facility may stand on several sides."""

    REFERRING = "referring"
    RECEIVING = "receiving"  # only once the referral is released to it
    PAYEE = "payee"
    ITSELF = "itself"  # the facility itself is what it is about


class Right(StrEnum):
    SEE_OWN = "see-own"  # the referrals that this physician made
    SEE = "see"
    SEE_MONEY = "see-money"  # fees, prompts, receipts; name and code, nothing medical
    CREATE = "create"
    APPROVE = "approve"
    REJECT = "reject"
    PARTICULARS = "particulars"  # particulars and phones
    PROMPT = "prompt"  # send and retry
    CANCEL = "cancel"
    CANCEL_OWN_EARLY = "cancel-own-early"  # own, before approval
    PROPOSE_EXEMPTION = "propose-exemption"
    SECOND_EXEMPTION = "second-exemption"
    CONFIRM = "confirm"
    REFUSE = "refuse"  # the receiving facility's cancel
    COMPLETE = "complete"
    REFER_ONWARD = "refer-onward"  # a patient whose referral this person sees
    BOOK = "book"  # choose, move and cancel an appointment
    RECEIVE = "receive"  # the clinics' days, and who came
    TELL = "tell"  # send a message again, and note whether the patient wants any
    UNAPPLIED = "unapplied"
    REFUND = "refund"
    CLOSE_DAY = "close-day"
    SEE_AUDIT = "see-audit"  # who read and changed a referral
    SEE_AUDIT_OWN = "see-audit-own"  # the same, of the referrals that this physician made
    SEE_PRICES = "see-prices"  # of referrals from, or paid to, this facility
    SET_DETAILS = "set-details"  # the facility's name, and how it works
    SET_PRICES = "set-prices"  # of referrals from this facility
    SET_MEMBERS = "set-members"  # who works there, and as what
    SET_CLINICS = "set-clinics"  # its clinics, their hours and closures
    SET_ACCOUNT = "set-account"  # hold the prompts of its M-Pesa account, check its keys; never read them


_RECEIVING: Final = frozenset(
    {Right.SEE, Right.CONFIRM, Right.REFUSE, Right.COMPLETE, Right.BOOK, Right.RECEIVE, Right.TELL}
)

RIGHTS: Final[Mapping[tuple[Role, Side], frozenset[Right]]] = {
    (Role.PHYSICIAN, Side.REFERRING): frozenset(
        {Right.SEE_OWN, Right.CREATE, Right.CANCEL_OWN_EARLY, Right.SEE_AUDIT_OWN}
    ),
    (Role.ADMINISTRATOR, Side.REFERRING): frozenset(
        {
            Right.SEE,
            Right.CREATE,
            Right.APPROVE,
            Right.REJECT,
            Right.PARTICULARS,
            Right.PROMPT,
            Right.CANCEL,
            Right.BOOK,
            Right.TELL,
            Right.PROPOSE_EXEMPTION,
            Right.SECOND_EXEMPTION,
            Right.SEE_PRICES,
            Right.SEE_AUDIT,
        }
    ),
    (Role.PHYSICIAN, Side.RECEIVING): frozenset({Right.REFER_ONWARD}),
    (Role.ADMINISTRATOR, Side.RECEIVING): _RECEIVING | {Right.REFER_ONWARD, Right.SEE_AUDIT},
    (Role.ADMINISTRATOR, Side.ITSELF): frozenset(
        {Right.SET_DETAILS, Right.SET_PRICES, Right.SET_MEMBERS, Right.SET_CLINICS, Right.SET_ACCOUNT}
    ),
    (Role.RECEPTION, Side.RECEIVING): _RECEIVING,
    (Role.FINANCE, Side.PAYEE): frozenset(
        {
            Right.SEE_MONEY,
            Right.SECOND_EXEMPTION,
            Right.UNAPPLIED,
            Right.REFUND,
            Right.CLOSE_DAY,
            Right.SEE_PRICES,
        }
    ),
}
"""What is not in the table is not allowed. An operator runs the server and sees no patients: no row."""


def rights(role: Role, side: Side) -> frozenset[Right]:
    return RIGHTS.get((role, side), frozenset())
