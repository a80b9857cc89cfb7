"""What a phone has besides its prompts: the messages it got, cash paid in, and how it answers. No HTTP here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.money import InvalidAmount, Money, stk_amount
from rufaa.phone import Phone
from rufaa.simulator import events, words
from rufaa.simulator.config import WALLET_LIMIT
from rufaa.simulator.core import Core
from rufaa.simulator.state import Manner

MPESA: Final = "MPESA"
LONGEST_TEXT: Final = 1600  # characters; some ten parts of a long SMS
LONGEST_KEY: Final = 80
_SENDER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{1,10}", re.ASCII)
_TEST_PHONE: Final = re.compile(r"254708(374149|00[0-9]{4})", re.ASCII)


class WalletFull(RufaaError):
    """A wallet cannot hold so much."""

    kind = Kind.CONFLICT
    code = "wallet-full"


@dataclass(frozen=True, slots=True)
class Message:
    """An SMS on the phone. ``message_id`` is the id of the prompt, the receipt, or the id of the SMS it came from."""

    message_id: str
    sender: str
    text: str
    at: datetime
    read: bool


def is_test_phone(phone: Phone) -> bool:
    """Whether it is a number that can be nobody's: Safaricom's own for tests, or ``25470800CCCC``."""
    return _TEST_PHONE.fullmatch(phone) is not None


class Owner:
    def __init__(self, core: Core) -> None:
        self._core = core

    def inbox(self, phone: Phone) -> Iterator[Message]:
        """What ``phone`` was told, newest first."""
        told, read = self._core.books.inbox.get(phone, []), self._core.books.read.get(phone, 0)
        return (self._message(told[place], read=place < read) for place in range(len(told) - 1, -1, -1))

    def receive(self, phone: Phone, *, sender: object, text: object, key: object = "") -> Message:
        """Somebody other than M-Pesa writes to ``phone``. The same ``key`` again is the same message, and no other.

        Raises ``InvalidArgument``.
        """
        if not isinstance(sender, str) or not _SENDER.fullmatch(sender) or sender.upper() == MPESA:
            raise InvalidArgument(
                "from is 2 to 11 letters, digits, blanks, dots or hyphens, and not MPESA.", argument="from"
            )
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TEXT or not _is_readable(text):
            raise InvalidArgument(f"text is 1 to {LONGEST_TEXT:,} readable characters.", argument="text")
        if not isinstance(key, str) or len(key) > LONGEST_KEY or not key.isascii() or not _is_readable(key):
            raise InvalidArgument(f"key is at most {LONGEST_KEY} characters of ASCII.", argument="key")
        books = self._core.books
        known = books.text_of_key.get(key) if key else None
        if known is not None:
            return self._message(known, read=False)
        sms_id = f"sms-{len(books.texts) + 1}"
        self._core.record(events.SmsReceived(sms_id, phone, sender, text, self._core.clock.now(), key))
        return self._message(sms_id, read=False)

    def read(self, phone: Phone) -> None:
        """All that is there has been read."""
        books = self._core.books
        if books.unread(phone):
            self._core.record(events.InboxRead(phone, len(books.inbox[phone])))

    def pay_in(self, phone: Phone, shillings: object) -> events.CashPaidIn:
        """Give cash to an agent. Raises ``InvalidArgument`` and ``WalletFull``."""
        try:
            amount = stk_amount(shillings)
        except InvalidAmount as error:
            raise InvalidArgument("shillings is a whole number from 1 to 250,000.", argument="shillings") from error
        after = Money(self._core.books.wallet(phone).cents + amount.cents)
        if after > WALLET_LIMIT:
            raise WalletFull(f"A wallet holds at most {words.ksh(WALLET_LIMIT)}.")
        cash = events.CashPaidIn(phone, self._core.new_receipt(), amount, self._core.clock.now(), after)
        self._core.record(cash)
        return cash

    def set_manner(self, phone: Phone, manner: Manner) -> None:
        """From here on ``phone`` answers so. What rings when it is switched off is heard no more, and runs out."""
        if self._core.books.manner(phone) is not manner:
            self._core.record(events.PhoneSet(phone, manner))

    def _message(self, about: str, *, read: bool) -> Message:
        books = self._core.books
        if about in books.texts:
            sms = books.texts[about]
            return Message(about, sms.sender, sms.text, sms.received_at, read)
        if about in books.cash:
            return Message(about, MPESA, words.paid_in(books.cash[about]), books.cash[about].paid_at, read)
        if about in books.movements:
            movement = books.movements[about]
            text = words.moved(movement, business=self._name(movement.short_code))
            return Message(about, MPESA, text, movement.at, read)
        prompt = books.prompts[about]
        assert prompt.ended_at is not None
        text = words.message(prompt, business=self._name(prompt.short_code)) or ""
        return Message(about, MPESA, text, prompt.ended_at, read)

    def _name(self, short_code: str) -> str:
        merchant = self._core.settings.merchant(short_code)
        return short_code if merchant is None else merchant.name


def _is_readable(text: str) -> bool:
    return all(each.isprintable() or each == "\n" for each in text)
