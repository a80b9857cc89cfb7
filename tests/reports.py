"""Reports of every kind as Safaricom posts them, by hand; and handlers that only write down what they were handed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from rufaa.daraja.c2b import C2bNotice
from rufaa.daraja.results import AsyncResult, QueueTimeout
from rufaa.db.atomic import Tx
from rufaa.ingest.address import Kind, callback_url, confirmation_url, result_url, timeout_url, validation_url
from rufaa.ingest.loop import Handlers, settle_inbox
from rufaa.payments.inbound import C2bItem, OrderItem
from support import HANDLERS, KEYS, Running, execute, rows, success_body

URLS: Final = {
    Kind.STK: callback_url,
    Kind.C2B: confirmation_url,
    Kind.C2B_VALIDATION: validation_url,
    Kind.RESULT: result_url,
    Kind.TIMEOUT: timeout_url,
}
NUMBER: Final = "RKN7A1B2C3"
HEARD: Final = "heard"
"""What the recording handlers answer for everything."""


def url_of(kind: Kind, subject: uuid.UUID, gateway: Running) -> str:
    """The address at which ``kind`` is reported of ``subject``."""
    return URLS[kind](gateway.url, subject, keys=KEYS)


def c2b_body(number: object = NUMBER, *, amount: object = "1000.00", **more: object) -> dict[str, Any]:
    """A payment as C2B tells it (daraja.md §6); ``more`` replaces fields."""
    return {
        "TransactionType": "Pay Bill",
        "TransID": number,
        "TransTime": "20261123091545",
        "TransAmount": amount,
        "BusinessShortCode": "174379",
        "BillRefNumber": "TESTCODE",
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 149",
        "FirstName": "JANE",
        **more,
    }


def result_body(code: object = 0, *, conversation: object = "AG_20261123_0001", **more: object) -> dict[str, Any]:
    """The result of a reversal (daraja.md §8); ``more`` replaces fields of Result."""
    return {
        "Result": {
            "ResultType": 0,
            "ResultCode": code,
            "ResultDesc": "as the test says",
            "OriginatorConversationID": "29115-34620561-1",
            "ConversationID": conversation,
            "TransactionID": "RKN7A1B2C4",
            "ResultParameters": {
                "ResultParameter": [
                    {"Key": "Amount", "Value": 1000},
                    {"Key": "TransCompletedTime", "Value": 20261123091600},
                    {"Key": "OriginalTransactionID", "Value": NUMBER},
                    {"Key": "CreditPartyPublicName", "Value": "254708374149 - JANE"},
                ]
            },
            **more,
        }
    }


BODIES: Final = {
    Kind.STK: success_body("ws_CO_1"),
    Kind.C2B: c2b_body(),
    Kind.C2B_VALIDATION: c2b_body(),
    Kind.RESULT: result_body(),
    Kind.TIMEOUT: result_body(),
}
"""A true report of each kind."""


@dataclass(frozen=True)
class Recorder:
    """Handlers that write what they are handed into a table, in the transaction that they are given."""

    def arrivals(self, tx: Tx, items: Sequence[C2bItem]) -> Sequence[str]:
        return [self._note(tx, item.inbox, "c2b", item.account, item.trusted, item.notice) for item in items]

    def results(self, tx: Tx, items: Sequence[OrderItem]) -> Sequence[str]:
        kinds = {AsyncResult: "result", QueueTimeout: "timeout"}
        return [
            self._note(tx, item.inbox, kinds[type(item.told)], item.order, item.trusted, item.told) for item in items
        ]

    def _note(
        self,
        tx: Tx,
        inbox: int,
        kind: str,
        subject: uuid.UUID,
        trusted: bool,
        told: C2bNotice | AsyncResult | QueueTimeout,
    ) -> str:
        number, cents, code = None, None, None
        match told:
            case C2bNotice():
                number, cents = told.receipt_number, told.amount.cents if told.amount is not None else None
            case AsyncResult():
                number, code = told.transaction_id, told.result_code
            case QueueTimeout():
                code = told.result.result_code if told.result is not None else None
        tx.execute(
            "INSERT INTO heard VALUES (%(inbox)s, %(kind)s, %(subject)s, %(trusted)s, %(number)s, %(cents)s, %(code)s)",
            {
                "inbox": inbox,
                "kind": kind,
                "subject": subject,
                "trusted": trusted,
                "number": number,
                "cents": cents,
                "code": code,
            },
        )
        return HEARD

    @property
    def handlers(self) -> Handlers:
        return replace(HANDLERS, arrivals=self.arrivals, results=self.results)

    def settle(self) -> int:
        """Settle every stored report."""
        total = 0
        while taken := settle_inbox(self.handlers):
            total += taken
        return total

    def heard(self) -> list[dict[str, Any]]:
        """What was handed on and committed, by its place in the inbox."""
        return rows("SELECT * FROM heard ORDER BY inbox")


@contextmanager
def recording() -> Iterator[Recorder]:
    execute(
        "CREATE TABLE heard (inbox bigint UNIQUE, kind text, subject uuid, trusted bool, number text, cents bigint,"
        " code text)"
    )
    try:
        yield Recorder()
    finally:
        execute("DROP TABLE heard")
