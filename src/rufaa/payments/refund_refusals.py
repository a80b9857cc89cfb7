"""Why money is not given back: what people who propose, agree to, withdraw or conclude a refund are told."""

from __future__ import annotations

from rufaa.errors import InvalidArgument, Kind, RufaaError


class NoSuchReceipt(RufaaError):
    """No receipt that this person may see has this id."""

    kind = Kind.NOT_FOUND
    code = "no-such-receipt"


class NoSuchRefund(RufaaError):
    """No refund that this person may see has this id."""

    kind = Kind.NOT_FOUND
    code = "no-such-refund"


class NothingToRefund(RufaaError):
    """The money pays a fee that stands, was given back, or is promised already."""

    kind = Kind.CONFLICT
    code = "nothing-to-refund"


class RefundTooMuch(RufaaError):
    """More than what is there to give back. ``data.free`` says how much is."""

    kind = Kind.CONFLICT
    code = "refund-too-much"


class RefundUnderWay(RufaaError):
    """Another refund of this money is proposed or under way."""

    kind = Kind.CONFLICT
    code = "refund-under-way"


class RefundNeedsPhone(InvalidArgument):
    """A part of a receipt, or one without a number, can be paid out only, and nobody knows to whom."""

    code = "refund-needs-phone"


class RefundNotOpen(RufaaError):
    """The refund is past the state in which this can be done."""

    kind = Kind.CONFLICT
    code = "refund-not-open"


class RefundedMeanwhile(RufaaError):
    """The server was restored from a backup, and the money may have been paid out in the time that is lost."""

    kind = Kind.CONFLICT
    code = "refunded-meanwhile"
