"""What the functions answer: the documents of the wire, field by field. ``documents`` fills them.

They are the return annotations of the functions, and front ends get their types from here (``sync.typescript``). Ids
are 32 hex digits, instants milliseconds since 1970, amounts shillings. ``NotRequired`` is a field that may be absent.
"""

from __future__ import annotations

from typing import Final, Generic, Literal, NotRequired, TypedDict, TypeVar, get_args

from rufaa.appointments.machine import State
from rufaa.facilities.rights import Role
from rufaa.payments.machine import FeeState, PromptState
from rufaa.payments.refund_machine import RefundMethod, RefundState
from rufaa.referrals.machine import Priority, Status
from rufaa.sync.values import Value

Row = TypeVar("Row")


class Page(TypedDict, Generic[Row]):
    """One page of a list."""

    page: list[Row]
    isDone: bool
    continueCursor: str
    splitCursor: str | None
    pageStatus: Literal["SplitRecommended", "SplitRequired"] | None


# --- referrals -----------------------------------------------------------------------------------------------------


class Paybill(TypedDict):
    """What to type into M-Pesa to pay by hand."""

    shortCode: str
    accountCode: str
    amount: float
    till: NotRequired[str]  # Buy Goods: it takes no account code


class LastPrompt(TypedDict):
    """The newest prompt of a fee."""

    _id: str
    status: PromptState
    phoneNumber: str
    attemptNumber: float
    secondsLeft: float  # how long the phone can still ring, as of this answer
    message: str  # what happened, for a person


class ReferralPayment(TypedDict):
    """The fee of a referral."""

    amount: float
    status: FeeState
    receipt: NotRequired[str]
    prompt: NotRequired[LastPrompt]
    paybill: NotRequired[Paybill]  # while something is open
    held: NotRequired[bool]  # no prompts are sent at the moment


class ExemptionProposal(TypedDict):
    """One person proposed to waive or defer the fee; a second one has to agree."""

    kind: Literal["waive", "defer"]
    reason: str


class Counts(TypedDict):
    """How many there are, by name. One that has reached ``countedTo`` says: so many, or more."""

    counts: dict[str, float]
    countedTo: float


class PromptNotice(TypedDict):
    """What became of the prompt that a move sends by itself. An error here undid nothing."""

    code: str  # held, sent, joined, already-paid, or an error's
    message: str
    data: NotRequired[dict[str, Value]]


class Referral(TypedDict):
    """A referral as its reader may see it: what is medical, and the phones, are absent for finance people."""

    _id: str
    _creationTime: float
    status: Status
    patientName: str
    priority: Priority
    referringHospital: str
    referringFacilityId: str
    receivingFacility: str
    receivingFacilityId: str
    accountCode: str
    stkSentCount: float
    payment: ReferralPayment | None  # null: no fee was raised yet
    allowedActions: list[str]  # what this reader may do now: status:<to>, or a function's name
    exemptionProposal: NotRequired[ExemptionProposal]
    patientId: NotRequired[str | None]
    medicalHistory: NotRequired[str]
    labResults: NotRequired[str | list[Value]]
    diagnosis: NotRequired[str]
    physicianId: NotRequired[str]
    physicianName: NotRequired[str]
    patientPhone: NotRequired[str | None]
    stkPhoneNumber: NotRequired[str | None]
    patientEmail: NotRequired[str | None]
    patientDateOfBirth: NotRequired[str | None]
    patientNationalId: NotRequired[str | None]
    bookedDate: NotRequired[str | None]
    bookedTime: NotRequired[str | None]
    referralToken: NotRequired[str]
    statusReason: NotRequired[str | None]
    promptNotice: NotRequired[PromptNotice]  # in the answer of a move


# --- prompts -------------------------------------------------------------------------------------------------------


class PaymentAttempt(TypedDict):
    """One prompt of a referral's fee, and its receipt where the money came."""

    _id: str
    _creationTime: float
    referralId: str
    amount: float
    phoneNumber: str
    attemptNumber: float
    status: Literal["pending", "completed", "failed", "unknown"]
    promptStatus: PromptState
    message: str
    stkRequestId: NotRequired[str]
    merchantRequestId: NotRequired[str]
    mpesaTransactionId: NotRequired[str]
    paidAt: NotRequired[float]
    errorMessage: NotRequired[str]
    errorCode: NotRequired[str]
    unapplied: NotRequired[bool]  # its money came, and waits for a person
    held: NotRequired[bool]
    paybill: NotRequired[Paybill]  # while it is held


class PromptAnswer(TypedDict):
    """The answer of a function that sends a prompt."""

    success: bool  # Daraja took it, or it was under way, or the fee is paid already
    status: PromptState | Literal["held"]
    message: str
    referralId: str
    phoneNumber: str
    amount: float
    attemptNumber: NotRequired[float]
    paymentId: NotRequired[str]
    joined: NotRequired[bool]  # it was under way already: nothing was sent again
    alreadyPaid: NotRequired[bool]
    paybill: NotRequired[Paybill]  # while prompts are held
    checkoutRequestId: NotRequired[str]
    merchantRequestId: NotRequired[str]


class PromptStatus(TypedDict):
    """What a page shows about the prompt of a referral, and about the fee that it asks for."""

    referralId: str
    paymentId: str | None  # null: none was sent yet
    status: Literal["none", "held", "on-its-way", "enter-pin", "checking", "paid", "not-paid", "not-sent", "review"]
    message: str  # what happened, for a person
    phoneNumber: str | None  # masked for who may not see it
    attemptNumber: float
    live: bool  # it may ring, or its answer is awaited: nothing else is sent
    againAt: float | None  # not before then does it make sense to ask again; null: nothing to wait for
    reasonNeeded: bool  # a person looks at this prompt or another of the fee: to ask again, give a reason
    receipt: str | None
    amount: float | None
    feeStatus: FeeState | None  # null: no fee was raised yet
    held: bool  # no prompts are sent at the moment
    paybill: Paybill | None  # how to pay by hand, while something is open


# --- facilities ----------------------------------------------------------------------------------------------------


class MyFacility(TypedDict):
    """A facility in which the caller has a role."""

    _id: str
    _creationTime: float
    name: str
    roles: list[Role]
    mayRefer: bool  # referrals from it may be created
    promptsAtOnce: bool  # a move into pending-payment sends the prompt by itself


class Me(TypedDict):
    """The caller."""

    _id: str
    name: str
    operator: bool
    facilities: list[MyFacility]


class Destination(TypedDict):
    """A facility that the caller may refer to."""

    _id: str
    _creationTime: float
    name: str
    price: float | None  # what a referral to it costs; null: no price is set, or it is open from where


class Price(TypedDict):
    """What referrals from a facility cost."""

    _id: str
    _creationTime: float
    facilityId: str
    facility: str
    receivingFacilityId: str | None  # null: to any
    receivingFacility: str | None
    payeeId: str
    payee: str
    amount: float
    shortCode: str
    till: NotRequired[str]


# --- appointments --------------------------------------------------------------------------------------------------


class OpeningHours(TypedDict):
    """When a clinic works on one day of the week."""

    weekday: float  # 1 Monday to 7 Sunday
    opens: str  # 08:00
    closes: str


class Clinic(TypedDict):
    """One thing that people are referred to a facility for, with its own hours."""

    _id: str
    _creationTime: float
    name: str
    facilityId: str
    facility: str
    services: list[str]
    hours: list[OpeningHours]
    slotMinutes: float
    holdMinutes: float  # how long a slot waits for the fee


class Slot(TypedDict):
    """A time that can be chosen."""

    _id: str
    clinicId: str
    bookedDate: str  # 2026-11-23, in Kenya
    bookedTime: str  # 09:30
    startsAt: float
    endsAt: float
    places: float  # so many are left


class Booking(TypedDict):
    """An appointment of a referral, whatever became of it."""

    _id: str
    _creationTime: float
    referralId: str
    status: State
    clinicId: str
    clinic: str
    facility: str
    slotId: str
    bookedDate: str
    bookedTime: str
    startsAt: float
    endsAt: float
    heldUntil: float | None  # until then the slot waits for the fee; null: it does not wait
    reason: str | None
    toBeMoved: bool  # the clinic takes nobody then any more


# --- finance -------------------------------------------------------------------------------------------------------


class UnappliedReceipt(TypedDict):
    """Money that arrived and waits for a person."""

    _id: str
    _creationTime: float
    mpesaTransactionId: str | None
    amount: float | None
    free: float | None  # what of it neither pays a fee nor is promised back
    paidAt: float | None
    reference: str  # what the payer typed
    phoneShown: str | None
    account: str
    why: str | None
    proposedAccountCode: str | None
    proposedAmount: float | None


class Refund(TypedDict):
    """Money that two people give back."""

    _id: str
    _creationTime: float
    status: RefundState
    receiptId: str
    mpesaTransactionId: str | None
    accountCode: str | None
    amount: float | None
    method: RefundMethod
    phoneNumber: str | None
    reason: str
    proposedBy: str
    approvedBy: str | None
    refundTransactionId: str | None
    errorMessage: str | None


class RefundAnswer(TypedDict):
    """What a refund is after a move."""

    refundId: str
    status: RefundState


TaskKind = Literal["unapplied", "review", "contradiction", "refund", "stray", "claim", "unread", "unserved"]
TASK_KINDS: Final[tuple[str, ...]] = get_args(TaskKind)


class Task(TypedDict):
    """Something that only a person can settle."""

    _id: str
    _creationTime: float
    kind: TaskKind
    why: str
    referralId: str | None
    accountCode: str | None
    proposedAccountCode: str | None
    receiptId: str | None
    mpesaTransactionId: str | None
    free: float | None
    paymentId: str | None
    refundId: str | None


class Applied(TypedDict):
    """Receipts paid a fee."""

    accountCode: str
    left: float  # what of them goes on waiting


class TypedCode(TypedDict):
    """What became of a code that a person typed."""

    status: Literal["pays", "for-finance", "asked"]
    message: str
