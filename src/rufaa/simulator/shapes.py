"""Callbacks that are not as they should be: a named field with another value, or one of the named shapes. Pure.

Shapes are those that integrations were really sent, or that a careless or hostile sender makes (daraja.md §4, §17).
Where a shape is about an item that a failure does not have, a failure is left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rufaa.simulator.callbacks import Raw, write
from rufaa.simulator.plans import Tampering

Message = dict[str, Any]
Item = dict[str, Any]

ITEMS: Final[Mapping[str, str]] = {
    "amount": "Amount",
    "receipt": "MpesaReceiptNumber",
    "phone": "PhoneNumber",
    "date": "TransactionDate",
    "balance": "Balance",
}
HEAD: Final[Mapping[str, str]] = {
    "checkout_request_id": "CheckoutRequestID",
    "merchant_request_id": "MerchantRequestID",
    "result_code": "ResultCode",
    "result_desc": "ResultDesc",
}
FIELDS: Final = (*ITEMS, *HEAD)


@dataclass(frozen=True, slots=True)
class Shape:
    """``change`` makes the body's text of a message."""

    line: str
    change: Callable[[Message], str]


def body(message: Message, tampering: Tampering | None) -> str:
    """The text of ``message`` after ``tampering``."""
    if tampering is None:
        return write(message)
    if tampering.shape is not None:
        return SHAPES[tampering.shape].change(message)
    assert tampering.field is not None
    if tampering.field in HEAD:
        message["Body"]["stkCallback"][HEAD[tampering.field]] = tampering.value
    for item in _items(message):
        if item["Name"] == ITEMS.get(tampering.field):
            item["Value"] = tampering.value
    return write(message)


def _callback(message: Message) -> dict[str, Any]:
    callback: dict[str, Any] = message["Body"]["stkCallback"]
    return callback


def _items(message: Message) -> list[Item]:
    metadata = _callback(message).get("CallbackMetadata")
    items: list[Item] = [] if metadata is None else metadata["Item"]
    return items


def _metadata(change: Callable[[list[Item]], object]) -> Callable[[Message], str]:
    """What ``change`` gives takes the place of the metadata; ``...``: there is none."""

    def changed(message: Message) -> str:
        items = _items(message)
        if items:
            instead = change(items)
            _callback(message).pop("CallbackMetadata")
            if instead is not ...:
                _callback(message)["CallbackMetadata"] = instead
        return write(message)

    return changed


def _item(field: str, change: Callable[[Item], list[Item]]) -> Callable[[Message], str]:
    """What ``change`` makes of the item takes its place."""
    name = ITEMS[field]
    return _metadata(
        lambda items: {"Item": [new for each in items for new in (change(each) if each["Name"] == name else [each])]}
    )


def _value(field: str, change: Callable[[str], object]) -> Callable[[Message], str]:
    return _item(field, lambda item: [{**item, "Value": change(str(item["Value"]))}])


def _head(name: str, change: Callable[[Any], object]) -> Callable[[Message], str]:
    def changed(message: Message) -> str:
        callback = _callback(message)
        callback[name] = change(callback[name])
        return write(message)

    return changed


def _text(change: Callable[[str], str]) -> Callable[[Message], str]:
    return lambda message: change(write(message))


def _written_date(text: str) -> str:
    """``2026-11-23 09:15:45``"""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]}:{text[12:]}"


def _without_value(item: Item) -> list[Item]:
    return [{"Name": item["Name"]}]


def _null(item: Item) -> list[Item]:
    return [{**item, "Value": None}]


SHAPES: Final[Mapping[str, Shape]] = {
    "no-metadata": Shape("A success without CallbackMetadata.", _metadata(lambda _: ...)),
    "metadata-null": Shape("CallbackMetadata is null.", _metadata(lambda _: None)),
    "metadata-list": Shape("CallbackMetadata is the list of items itself.", _metadata(lambda items: items)),
    "items-empty": Shape("Item is an empty list.", _metadata(lambda _: {"Item": []})),
    "items-null": Shape("Item is null.", _metadata(lambda _: {"Item": None})),
    "items-object": Shape(
        "Item is an object of names and values, not a list.",
        _metadata(lambda items: {"Item": {each["Name"]: each.get("Value") for each in items}}),
    ),
    "items-reversed": Shape("The items come in another order.", _metadata(lambda items: {"Item": items[::-1]})),
    "items-more": Shape(
        "There are items that nobody knows.",
        _metadata(lambda items: {"Item": [{"Name": "Fee", "Value": None}, 7, *items, {"Value": "nameless"}]}),
    ),
    "amount-missing": Shape("There is no Amount.", _item("amount", lambda _: [])),
    "amount-no-value": Shape("Amount has no Value.", _item("amount", _without_value)),
    "amount-null": Shape("Amount is null.", _item("amount", _null)),
    "amount-text": Shape('Amount is a string: "1000.00".', _value("amount", lambda text: text)),
    "amount-whole": Shape("Amount is written without places: 1000.", _value("amount", lambda t: Raw(t.split(".")[0]))),
    "amount-twice": Shape(
        "Amount comes twice, with two values.", _item("amount", lambda item: [item, {**item, "Value": 1}])
    ),
    "receipt-missing": Shape("There is no MpesaReceiptNumber.", _item("receipt", lambda _: [])),
    "receipt-no-value": Shape("MpesaReceiptNumber has no Value.", _item("receipt", _without_value)),
    "receipt-null": Shape("MpesaReceiptNumber is null.", _item("receipt", _null)),
    "phone-missing": Shape("There is no PhoneNumber.", _item("phone", lambda _: [])),
    "phone-text": Shape("PhoneNumber is a string.", _value("phone", lambda text: text)),
    "date-missing": Shape("There is no TransactionDate.", _item("date", lambda _: [])),
    "date-text": Shape("TransactionDate is written with signs and a space.", _value("date", _written_date)),
    "code-text": Shape("ResultCode is a string.", _head("ResultCode", str)),
    "code-null": Shape("ResultCode is null.", _head("ResultCode", lambda _: None)),
    "ids-null": Shape("CheckoutRequestID is null.", _head("CheckoutRequestID", lambda _: None)),
    "body-null": Shape("Body is null.", lambda _: '{"Body":null}'),
    "body-list": Shape("Body is a list of one.", lambda message: write({"Body": [message["Body"]]})),
    "bare": Shape("What should stand in Body.stkCallback stands alone.", lambda message: write(_callback(message))),
    "list": Shape("A list for an object.", lambda message: write([message])),
    "quoted": Shape("The JSON is a string of JSON.", lambda message: json.dumps(write(message))),
    "cut-off": Shape("The JSON stops in the middle.", _text(lambda text: text[: len(text) // 2])),
    "form": Shape("A form instead of JSON.", _text(lambda _: "ResultCode=0&ResultDesc=Accepted")),
    "empty": Shape("No byte at all.", lambda _: ""),
}  # fmt: skip
