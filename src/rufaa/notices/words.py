"""What pages say about messages, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rufaa.notices.machine import Kind, State
from rufaa.notices.models import Mode
from rufaa.notices.plan import Why

KIND: Final[Mapping[Kind, str | Promise]] = {
    Kind.RECEIVED: _("The referral goes on: how to follow it, and pay"),
    Kind.RINGING: _("The phone is about to ask for the PIN"),
    Kind.PAID: _("The fee is paid: receipt and code"),
    Kind.NOT_PAID: _("A prompt failed: how to pay by hand"),
    Kind.BOOKED: _("The appointment"),
    Kind.MOVED: _("The appointment has another time"),
    Kind.CHOOSE: _("Paid, but the time was gone: choose another"),
    Kind.CANCELLED: _("The appointment is cancelled"),
    Kind.REMINDER: _("The appointment is tomorrow"),
    Kind.OUTCOME: _("To the doctor: the outcome is there"),
}

STATE: Final[Mapping[State, str | Promise]] = {
    State.DUE: _("Waits"),
    State.SENDING: _("On its way"),
    State.SENT: _("Sent"),
    State.UNKNOWN: _("Perhaps sent"),
    State.DELIVERED: _("Delivered"),
    State.UNDELIVERED: _("Did not arrive"),
    State.FAILED: _("Not sent"),
    State.DROPPED: _("Left out"),
}

LOOKS: Final[Mapping[State, str]] = {
    State.DUE: "wait",
    State.SENDING: "wait",
    State.SENT: "good",
    State.UNKNOWN: "bad",
    State.DELIVERED: "good",
    State.UNDELIVERED: "bad",
    State.FAILED: "bad",
    State.DROPPED: "",
}

WHY: Final[Mapping[str, str | Promise]] = {
    Why.STALE: _("It was too late to be worth it."),
    Why.NOT_SO: _("It was not so any more."),
    Why.SWITCHED_OFF: _("The facility does not send it."),
    Why.UNWANTED: _("This phone wants no messages."),
    Why.NO_CONSENT: _("The patient has not agreed to messages."),
    Why.NO_GATEWAY: _("This server sends no such messages."),
    Why.NO_ADDRESS: _("There is no e-mail address of the doctor."),
    "connection-lost": _("The gateway's answer was lost."),
    "timeout": _("The gateway's answer was lost."),
    "lease-expired": _("The gateway's answer was lost."),
    "restored": _("The server was restored from a backup: it may have been sent before."),
    "no-credit": _("The SMS account has no credit left."),
    "key-refused": _("The SMS gateway refuses this server's key."),
    "throttled": _("The SMS gateway asked to wait."),
    "InvalidPhoneNumber": _("The gateway says that this is no phone."),
    "UserInBlacklist": _("This phone lets no messages of ours through."),
    "InvalidSenderId": _("The sender's name is not registered with the gateway."),
}
"""What stands as a reason. What a gateway says otherwise is shown as it says it."""

MODE: Final[Mapping[Mode, str | Promise]] = {
    Mode.OFF: _("Nobody is sent messages"),
    Mode.UNLESS_REFUSED: _("Everybody who has not said no"),
    Mode.WITH_CONSENT: _("Only who has agreed"),
}

LANGUAGE: Final[Mapping[str, str | Promise]] = {"en": _("English"), "sw": _("Swahili")}
