"""The books: every prompt, wallet, till and receipt. Pure.

``Books.apply`` folds what happened, one event after another, so that replaying the events gives the same books.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import words
from rufaa.simulator.events import (
    CallbackSent,
    CashPaidIn,
    Event,
    IdRepeated,
    InboxRead,
    MaintenanceSet,
    MoneyEvent,
    NoticePlanned,
    NoticeSent,
    OrderEnded,
    OrderTaken,
    OtherEvent,
    PaymentMade,
    PhoneEvent,
    PhoneSet,
    PromptCreated,
    PromptEnded,
    PromptEvent,
    PromptHeld,
    PromptPutAside,
    PullRegistered,
    QueryMisled,
    QueryPlanned,
    SmsReceived,
    UrlsRegistered,
    UrlsRemoved,
    WalletSet,
)
from rufaa.simulator.movements import Movement, Way, stk_moved_at
from rufaa.simulator.notices import Notice
from rufaa.simulator.orders import Order
from rufaa.simulator.registrations import PullRegistration, Urls
from rufaa.simulator.state import Manner, Prompt, State


@dataclass(slots=True)
class Books:
    """Every prompt, wallet and till. This is the truth that tests compare with."""

    opening_balance: Money
    prompts: dict[str, Prompt] = field(default_factory=dict)
    wallets: dict[Phone, Money] = field(default_factory=dict)
    tills: dict[str, Money] = field(default_factory=dict)
    receipts: set[str] = field(default_factory=set)
    on_phone: dict[Phone, str] = field(default_factory=dict)  # the live prompt of each phone
    history: dict[Phone, list[str]] = field(default_factory=dict)  # prompts by payer and by phone, oldest first
    maintenance: MaintenanceSet | None = None
    movements: dict[str, Movement] = field(default_factory=dict)  # by receipt, in the order in which they were made
    inbox: dict[Phone, list[str]] = field(
        default_factory=dict
    )  # what each phone was told of, oldest first: the id of a
    # prompt that was told of, the receipt of what moved without one, the id of an SMS from elsewhere
    read: dict[Phone, int] = field(default_factory=dict)  # how many of those its owner has read
    cash: dict[str, CashPaidIn] = field(default_factory=dict)  # by receipt
    texts: dict[str, SmsReceived] = field(default_factory=dict)  # from elsewhere, by id
    text_of_key: dict[str, str] = field(default_factory=dict)  # their ids by the senders' keys
    manners: dict[Phone, Manner] = field(default_factory=dict)
    undone: dict[str, str] = field(default_factory=dict)  # the receipt of a payment: that of its reversal
    orders: dict[str, Order] = field(default_factory=dict)  # by ConversationID, in the order of acknowledgement
    by_originator: dict[str, str] = field(default_factory=dict)  # OriginatorConversationID: the first ConversationID
    notices: list[Notice] = field(default_factory=list)
    urls: dict[str, Urls] = field(default_factory=dict)  # by short code
    pull: dict[str, PullRegistration] = field(default_factory=dict)  # by short code

    def apply(self, event: Event) -> None:
        if isinstance(event, PromptEvent):
            self._apply_to_prompt(event)
        elif isinstance(event, MoneyEvent):
            self._apply_money(event)
        elif isinstance(event, PhoneEvent):
            self._apply_to_phone(event)
        else:
            self._apply(event)

    def _apply_to_prompt(self, event: PromptEvent) -> None:
        match event:
            case PromptCreated():
                self._open(event.prompt)
            case PromptPutAside():
                self._change(replace(self.prompts[event.checkout_request_id], state=State.IGNORED))
            case PromptHeld():
                self._hold(event)
            case PromptEnded():
                self._end(event)
            case CallbackSent():
                self._sent(event)
            case IdRepeated():
                self._change(replace(self.prompts[event.checkout_request_id], said_id=event.said_id))
            case QueryPlanned():
                self._change(replace(self.prompts[event.checkout_request_id], query_plan=event.plan, misled=0))
            case QueryMisled():
                prompt = self.prompts[event.checkout_request_id]
                self._change(replace(prompt, misled=prompt.misled + 1))
            case _:
                assert_never(event)

    def _apply_money(self, event: MoneyEvent) -> None:
        match event:
            case WalletSet():
                self.wallets[event.phone] = event.balance
            case CashPaidIn():
                self.wallets[event.phone] = event.wallet_after
                self.receipts.add(event.receipt)
                self.cash[event.receipt] = event
                self._tell(event.phone, event.receipt)
            case PaymentMade():
                self._move(event.movement)
                self.notices.extend(event.notices)
            case OrderTaken():
                self.orders[event.order.conversation_id] = event.order
                self.by_originator.setdefault(event.order.originator_id, event.order.conversation_id)
                self.notices.extend(event.notices)
            case OrderEnded():
                self._end_order(event)
            case _:
                assert_never(event)

    def _apply_to_phone(self, event: PhoneEvent) -> None:
        match event:
            case SmsReceived():
                self.texts[event.sms_id] = event
                if event.key:
                    self.text_of_key[event.key] = event.sms_id
                self._tell(event.phone, event.sms_id)
            case InboxRead():
                self.read[event.phone] = event.messages
            case PhoneSet():
                self.manners[event.phone] = event.manner
            case _:
                assert_never(event)

    def _apply(self, event: OtherEvent) -> None:
        match event:
            case MaintenanceSet():
                self.maintenance = event
            case NoticePlanned():
                self.notices.append(event.notice)
            case NoticeSent():
                self.notices[event.place] = replace(self.notices[event.place], sent=True)
            case UrlsRegistered():
                self.urls[event.urls.short_code] = event.urls
            case UrlsRemoved():
                self.urls.pop(event.short_code, None)
            case PullRegistered():
                self.pull[event.registration.short_code] = event.registration
            case _:
                assert_never(event)

    def wallet(self, phone: Phone) -> Money:
        return self.wallets.get(phone, self.opening_balance)

    def till(self, short_code: str) -> Money:
        return self.tills.get(short_code, Money(0))

    def manner(self, phone: Phone) -> Manner:
        return self.manners.get(phone, Manner.BY_NUMBER)

    def unread(self, phone: Phone) -> int:
        """How many messages its owner has not read: the newest ones."""
        return len(self.inbox.get(phone, [])) - self.read.get(phone, 0)

    def live_on(self, phone: Phone) -> Prompt | None:
        """The prompt for which ``phone`` is locked, if there is one."""
        found = self.on_phone.get(phone)
        return None if found is None else self.prompts[found]

    def under_maintenance(self, at: datetime) -> bool:
        return self.maintenance is not None and self.maintenance.since <= at < self.maintenance.until

    def of_phone(self, phone: Phone) -> Iterable[Prompt]:
        """What ``phone`` was asked, or paid for; newest first."""
        return (self.prompts[each] for each in reversed(self.history.get(phone, [])))

    def _open(self, prompt: Prompt) -> None:
        self.prompts[prompt.checkout_request_id] = prompt
        self.wallets.setdefault(prompt.payer, self.opening_balance)
        self.on_phone[prompt.phone] = prompt.checkout_request_id
        for phone in {prompt.phone, prompt.payer}:
            self.history.setdefault(phone, []).append(prompt.checkout_request_id)

    def _hold(self, event: PromptHeld) -> None:
        prompt = self.prompts[event.checkout_request_id]
        self._free(prompt)
        postings = prompt.postings + event.postings
        self._change(replace(prompt, state=State.HELD, held_until=event.until, postings=postings))

    def _sent(self, event: CallbackSent) -> None:
        prompt = self.prompts[event.checkout_request_id]
        postings = tuple(
            replace(each, sent=True) if place == event.place else each for place, each in enumerate(prompt.postings)
        )
        self._change(replace(prompt, callbacks_sent=prompt.callbacks_sent + 1, postings=postings))

    def _end_order(self, event: OrderEnded) -> None:
        if event.moved is not None:
            self._move(event.moved)
        self.orders[event.conversation_id] = replace(
            self.orders[event.conversation_id],
            result_code=event.result_code,
            transaction_id=event.transaction_id,
            ended_at=event.ended_at,
        )
        self.notices.extend(event.notices)

    def _move(self, movement: Movement) -> None:
        """Out of the wallet and into the till, or the other way."""
        change = movement.into_till.cents
        self.wallets[movement.phone] = Money(self.wallet(movement.phone).cents - change)
        self.tills[movement.short_code] = Money(self.till(movement.short_code).cents + change)
        self.receipts.add(movement.receipt)
        self.movements[movement.receipt] = replace(
            movement, wallet_after=self.wallet(movement.phone), till_after=self.till(movement.short_code)
        )
        if movement.undoes is not None:
            self.undone[movement.undoes] = movement.receipt
        if movement.way is not Way.STK:
            self._tell(movement.phone, movement.receipt)

    def _tell(self, phone: Phone, about: str) -> None:
        self.inbox.setdefault(phone, []).append(about)
        self.history.setdefault(phone, [])  # so that the list of phones has it

    def _free(self, prompt: Prompt) -> None:
        """Its phone is locked no more."""
        if self.on_phone.get(prompt.phone) == prompt.checkout_request_id:
            del self.on_phone[prompt.phone]

    def _end(self, event: PromptEnded) -> None:
        prompt = self.prompts[event.checkout_request_id]
        moved = event.moved
        if moved is not None:
            self._move(
                Movement(
                    receipt=moved.receipt,
                    way=Way.STK,
                    short_code=moved.to_till,
                    phone=moved.from_wallet,
                    amount=moved.amount,
                    at=stk_moved_at(event.ended_at, receipt=moved.receipt),
                    reference=prompt.account_reference,
                    third_party_id=event.third_party_id,
                    originator_id=prompt.merchant_request_id,
                )
            )
        self.notices.extend(event.notices)
        self._free(prompt)
        ended = replace(
            prompt,
            state=State.UNPAID if moved is None else State.PAID,
            result_code=event.result_code,
            result_desc=event.result_desc,
            query_desc=event.query_desc,
            receipt=None if moved is None else moved.receipt,
            ended_at=event.ended_at,
            balance_after=self.wallet(prompt.payer),
            callback_balance=event.callback_balance,
            postings=prompt.postings + event.postings,
        )
        self._change(ended)
        if words.message(ended, business="") is not None:
            self._tell(prompt.payer, event.checkout_request_id)

    def _change(self, prompt: Prompt) -> None:
        self.prompts[prompt.checkout_request_id] = prompt
