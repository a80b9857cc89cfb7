"""Bodies behind the right secret, from a believed source: each field in every type, every amount, every encoding.

Each is stored as it came and named. What is credited says the truth about its prompt in all that it does say.
"""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from hostile.street import CREDITED, REVIEWED, Make, Ringing, left, told
from rufaa.simulator.testing import RunningSimulator
from support import Running, Worker, World, rows, success_body

ABSENT: Final = object()
TYPES: Final[dict[str, object]] = {
    "absent": ABSENT,
    "null": None,
    "true": True,
    "false": False,
    "0": 0,
    "-1": -1,
    "1.5": 1.5,
    '"7"': "7",
    '"x"': "x",
    '""': "",
    "[]": [],
    "{}": {},
    "[[1]]": [[1]],
    '{"a": 1}': {"a": 1},
}
Path = tuple[str | int, ...]

NOT_AN_OBJECT = left("malformed: not a JSON object")
NO_CALLBACK = left("malformed: no Body.stkCallback")
NO_ID = left("malformed: no usable CheckoutRequestID")
NO_CODE = left("malformed: no usable ResultCode")
NO_RECEIPT = left("no-receipt")
OTHER = left("other-prompt")
NOT_JSON = left("malformed: not JSON")
ITEM: Path = ("Body", "stkCallback", "CallbackMetadata", "Item")
CALLBACK: Path = ("Body", "stkCallback")

# path: what becomes of it in any type, but for the types named
SHAPES: Final[dict[Path, tuple[str, dict[str, str]]]] = {
    (): (NOT_AN_OBJECT, {"{}": NO_CALLBACK, '{"a": 1}': NO_CALLBACK}),
    ("Body",): (NO_CALLBACK, {}),
    CALLBACK: (NO_CALLBACK, {"{}": NO_ID, '{"a": 1}': NO_ID}),
    # an id of the wrong type says nothing; one that can be an id is another push's
    (*CALLBACK, "MerchantRequestID"): (CREDITED, {'"7"': OTHER, '"x"': OTHER}),
    (*CALLBACK, "CheckoutRequestID"): (NO_ID, {'"7"': OTHER, '"x"': OTHER}),
    (*CALLBACK, "ResultCode"): (
        NO_CODE,
        {"0": CREDITED, "-1": left("no-news"), '"7"': left("no-news"), '"x"': left("no-news")},
    ),
    (*CALLBACK, "ResultDesc"): (CREDITED, {}),
    (*CALLBACK, "CallbackMetadata"): (NO_RECEIPT, {}),
    ITEM: (NO_RECEIPT, {}),
    (*ITEM, 0): (NO_RECEIPT, {}),
    (*ITEM, 0, "Name"): (NO_RECEIPT, {}),
    (*ITEM, 0, "Value"): (NO_RECEIPT, {"1.5": REVIEWED, '"7"': REVIEWED}),
    (*ITEM, 1): (NO_RECEIPT, {}),
    (*ITEM, 1, "Name"): (NO_RECEIPT, {}),
    (*ITEM, 1, "Value"): (NO_RECEIPT, {}),
    # the date, and a phone that shows no digits to compare, decide nothing
    (*ITEM, 2): (CREDITED, {}),
    (*ITEM, 2, "Name"): (CREDITED, {}),
    (*ITEM, 2, "Value"): (CREDITED, {}),
    (*ITEM, 3): (CREDITED, {}),
    (*ITEM, 3, "Name"): (CREDITED, {}),
    (*ITEM, 3, "Value"): (CREDITED, {}),
}


def paths(node: object, prefix: Path = ()) -> Iterator[Path]:
    yield prefix
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from paths(child, (*prefix, key))


def changed(document: Any, path: Path, to: object) -> object:
    """``document`` with another value at ``path``."""
    if not path:
        return None if to is ABSENT else to
    document = copy.deepcopy(document)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    if to is ABSENT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = to
    return document


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def with_value(path: Path, to: object) -> Make:
    return lambda prompt, number: encoded(changed(prompt.success(number), path, to))


@pytest.mark.fault(22)
def test_every_field_in_every_type(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, books: None
) -> None:
    assert set(SHAPES) == set(paths(success_body("x")))
    cases = {(path, kind): with_value(path, value) for path in SHAPES for kind, value in TYPES.items()}
    names = {f"{'.'.join(map(str, path))} is {kind}": (path, kind) for path, kind in cases}

    found = told(town, simulator, gateway, worker, {what: cases[case] for what, case in names.items()})

    assert found == {what: SHAPES[path][1].get(kind, SHAPES[path][0]) for what, (path, kind) in names.items()}


# --- amounts -------------------------------------------------------------------------------------------------------

# the fee is 1,000 shillings; each as the letters that stand in the body
AMOUNTS: Final[dict[str, str]] = {
    **dict.fromkeys(["1000", "1000.0", "1000.00", "1000.000000", '"1000"', '"1000.00"'], CREDITED),
    **dict.fromkeys(["1", "999", "999.99", "1000.01", "1001", "10000", "100000", '"999"', "250000"], REVIEWED),
    **dict.fromkeys(
        (
            *("1000.004", "1000.001", "1000.0000000", "1e3", "1E3", "1000e0", "0.1e4", "1e308", "1e-308", "1e999"),
            *("0", "-0", "-1", "-1000", "0.00", "0.001", "NaN", "Infinity", "-Infinity", "true", "null", "[1000]"),
            *("1000000000000", "1000" + "0" * 30, "9" * 60_000, "1000." + "0" * 60_000),
            *('"01000"', '"+1000"', '"1 000"', '"1,000"', '"1000 "', '" 1000"', '"1000\\u0000"', '"0x3e8"', '"1_000"'),
            *('"KES 1000"', '"1000.00.00"', '"NaN"'),
            *('"\\uff11\\uff10\\uff10\\uff10"', '"\\u0661\\u0660\\u0660\\u0660"'),  # digits of other scripts
        ),
        NO_RECEIPT,
    ),
    **dict.fromkeys(["01000", "1000.", ".1e4", "+1000", "0x3e8", "1_000", "1,000", "'1000'", "1000f", ""], NOT_JSON),
}


@pytest.mark.fault(21)
def test_every_amount(town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, books: None) -> None:
    def written(text: str) -> Make:
        return lambda prompt, number: encoded(prompt.success(number, amount="@")).replace(b'"@"', text.encode())

    found = told(town, simulator, gateway, worker, {text: written(text) for text in AMOUNTS})

    assert found == AMOUNTS


# --- what else can be wrong with letters ---------------------------------------------------------------------------

STRINGS: Final[dict[str, Path]] = {
    "merchant id": (*CALLBACK, "MerchantRequestID"),
    "checkout id": (*CALLBACK, "CheckoutRequestID"),
    "prose": (*CALLBACK, "ResultDesc"),
    "name of the amount": (*ITEM, 0, "Name"),
    "name of the number": (*ITEM, 1, "Name"),
    "number": (*ITEM, 1, "Value"),
    "name of the phone": (*ITEM, 3, "Name"),
}
LETTERS: Final = {
    "NUL": "\x00",
    "a lone surrogate": "\ud800",
    "a lone low surrogate": "\udc00",
    "a turn of direction": "\u202e",
    "an isolate": "\u2066",
    "an escape": "\x1b[2J",
    "a line's end": "\u2028",
    "a byte order mark": "\ufeff",
    "a letter of another plane": "\U0001f4b0",
}
SPOILT: Final = {
    "merchant id": CREDITED,
    "checkout id": NO_ID,
    "prose": CREDITED,
    "name of the amount": NO_RECEIPT,
    "name of the number": NO_RECEIPT,
    "number": NO_RECEIPT,
    "name of the phone": CREDITED,
}


def test_every_string_with_what_cannot_be_stored_or_seen(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, books: None
) -> None:
    def spoilt(path: Path, letter: str) -> Make:
        def make(prompt: Ringing, number: str) -> bytes:
            document: Any = prompt.success(number)
            there = document
            for key in path:
                there = there[key]
            return encoded(changed(document, path, f"{there}{letter}"))

        return make

    cases = {
        f"{letter} in the {place}": spoilt(path, text)
        for place, path in STRINGS.items()
        for letter, text in LETTERS.items()
    }

    found = told(town, simulator, gateway, worker, cases)

    assert found == {f"{letter} in the {place}": SPOILT[place] for place in STRINGS for letter in LETTERS}
    # what people are shown turns nothing around and hides nothing
    shown = "".join(row["result_desc"] for row in rows("SELECT result_desc FROM evidence"))
    shown += "".join(row["message"] for row in rows("SELECT message FROM prompt"))
    assert [letter for letter in LETTERS.values() if letter in shown] == ["\U0001f4b0"]


def latin(prompt: Ringing, number: str) -> bytes:
    return encoded(prompt.success(number, ResultDesc="@")).replace(b"@", b"pay\xe9")


def just(body: bytes) -> Make:
    return lambda *_: body


def in_(encoding: str) -> Make:
    return lambda prompt, number: json.dumps(prompt.success(number)).encode(encoding)


def edited(old: str, new: str) -> Make:
    """The true body with some letters replaced; it must hold them."""

    def make(prompt: Ringing, number: str) -> bytes:
        text = json.dumps(prompt.success(number))
        assert old in text
        return text.replace(old, new.replace("CHECKOUT", prompt.checkout).replace("NUMBER", number), 1).encode()

    return make


def around(before: bytes, behind: bytes = b"") -> Make:
    return lambda prompt, number: before + encoded(prompt.success(number)) + behind


def items(*, more: list[object]) -> Make:
    """The true items and ``more`` behind them."""

    def make(prompt: Ringing, number: str) -> bytes:
        document = prompt.success(number)
        document["Body"]["stkCallback"]["CallbackMetadata"]["Item"] += more
        return encoded(document)

    return make


OTHERS: Final[dict[str, tuple[Make, str]]] = {
    "UTF-8": (in_("utf-8"), CREDITED),
    "UTF-8 with a byte order mark": (in_("utf-8-sig"), CREDITED),
    "two byte order marks": (around(b"\xef\xbb\xbf\xef\xbb\xbf"), NOT_JSON),
    "UTF-16": (in_("utf-16"), NOT_JSON),
    "UTF-16 without a mark": (in_("utf-16-le"), NOT_JSON),
    "UTF-32": (in_("utf-32"), NOT_JSON),
    "EBCDIC": (in_("cp500"), NOT_JSON),
    "Latin-1 in the prose": (latin, CREDITED),
    "spaces around": (around(b" \r\n\t", b" \r\n\t"), CREDITED),
    "NUL behind": (around(b"", b"\x00"), NOT_JSON),
    "something behind": (around(b"", b"x"), NOT_JSON),
    "itself behind": (lambda prompt, number: encoded(prompt.success(number)) * 2, NOT_JSON),
    "in a list": (around(b"[", b"]"), NOT_AN_OBJECT),
    "in a string": (lambda prompt, number: encoded(json.dumps(prompt.success(number))), NOT_AN_OBJECT),
    "in a form": (around(b"payload="), NOT_JSON),
    "XML": (just(b"<Body><ResultCode>0</ResultCode></Body>"), NOT_JSON),
    "a comment": (edited('"ResultCode"', '/* 0 */ "ResultCode"'), NOT_JSON),
    "a comma too many": (edited("}}}", "},}}"), NOT_JSON),
    "an escape that is none": (edited("as the test", "\\q"), NOT_JSON),
    "a line's end in a string": (edited("as the test", "\n"), NOT_JSON),
    "keys in another case": (edited('"ResultCode"', '"resultCode"'), NO_CODE),
    "a key spelled by its numbers": (edited('"ResultCode"', '"\\u0052esultCode"'), CREDITED),
    "the code as a string": (edited('"ResultCode": 0', '"ResultCode": "0"'), CREDITED),
    "the code twice, the same": (edited('"ResultCode": 0', '"ResultCode": 0, "ResultCode": 0'), CREDITED),
    "the code twice, otherwise": (edited('"ResultCode": 0', '"ResultCode": 1032, "ResultCode": 0'), NO_CODE),
    "the code twice, as number and string": (edited('"ResultCode": 0', '"ResultCode": "0", "ResultCode": 0'), NO_CODE),
    "the code twice, once by its numbers": (
        edited('"ResultCode": 0', '"ResultCode": 1032, "\\u0052esultCode": 0'),
        NO_CODE,
    ),
    "the code -0": (edited('"ResultCode": 0', '"ResultCode": -0'), NO_CODE),
    "the code 00": (edited('"ResultCode": 0', '"ResultCode": "00"'), left("no-news")),
    "the code 0e0": (edited('"ResultCode": 0', '"ResultCode": 0e0'), NO_CODE),
    "a code of 60,000 digits": (edited('"ResultCode": 0', f'"ResultCode": {"9" * 60_000}'), NO_CODE),
    "the id twice, otherwise": (edited('"CheckoutRequestID"', '"CheckoutRequestID": "ws", "CheckoutRequestID"'), NO_ID),
    "two callbacks": (edited('"stkCallback"', '"stkCallback": {}, "stkCallback"'), NO_CALLBACK),
    "two metadata": (edited('"CallbackMetadata"', '"CallbackMetadata": {}, "CallbackMetadata"'), NO_RECEIPT),
    "two lists of items": (edited('"Item"', '"Item": [], "Item"'), NO_RECEIPT),
    "an item with two values": (edited('"Value": 1000.0', '"Value": 1, "Value": 1000.0'), NO_RECEIPT),
    "an item with two names": (edited('"Name": "Amount"', '"Name": "X", "Name": "Amount"'), NO_RECEIPT),
    "the amount twice, the same": (items(more=[{"Name": "Amount", "Value": 1000.0}]), CREDITED),
    "the amount twice, otherwise": (items(more=[{"Name": "Amount", "Value": 1}]), NO_RECEIPT),
    "the amount twice, once without": (items(more=[{"Name": "Amount"}]), NO_RECEIPT),
    "the number twice, otherwise": (items(more=[{"Name": "MpesaReceiptNumber", "Value": "RKN7A1B2C4"}]), NO_RECEIPT),
    "strangers among the items": (
        items(more=[None, 7, [], {}, {"Name": 5}, {"Name": "Amount "}, {"Name": "amount", "Value": 1}]),
        CREDITED,
    ),
    "a thousand strangers": (items(more=[{"Name": f"X{each}", "Value": each} for each in range(1000)]), CREDITED),
    "ten thousand nulls": (items(more=[None] * 10_000), CREDITED),
    "ten thousand keys": (
        edited('"ResultDesc"', ",".join(f'"{each}":0' for each in range(7_000)) + ', "ResultDesc"'),
        CREDITED,
    ),
    "prose of 60,000 letters": (edited("as the test", "x" * 60_000), CREDITED),
    "a date of 60,000 digits": (edited("20261123091545", "9" * 60_000), CREDITED),
    "a number that is no receipt's": (edited('"RKH', '"rkh'), NO_RECEIPT),
    "31 deep": (edited('"ResultDesc"', f'"X": {"[" * 29}{"]" * 29}, "ResultDesc"'), CREDITED),
    "33 deep": (
        edited('"ResultDesc"', f'"X": {"[" * 31}{"]" * 31}, "ResultDesc"'),
        left("malformed: nested deeper than 32"),
    ),
    "30,000 deep": (just(b'{"a":' * 10_000), left("malformed: nested deeper than 32")),
    "gzip": (lambda prompt, number: gzip.compress(encoded(prompt.success(number))), NOT_JSON),
    "50 MB of zeros in gzip": (just(gzip.compress(bytes(50_000_000))), NOT_JSON),
    "nothing": (just(b""), left("malformed: empty")),
    "a space": (just(b" "), left("malformed: empty")),
    "64 KiB of braces": (just(b"{}" * 32_768), NOT_JSON),
}


def test_every_other_way_to_write_it(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, books: None
) -> None:
    found = told(town, simulator, gateway, worker, {what: make for what, (make, _) in OTHERS.items()})

    assert found == {what: outcome for what, (_, outcome) in OTHERS.items()}


@pytest.mark.fault(20)
@pytest.mark.parametrize("kind", ["success", "failure"])
def test_a_replayed_body_credits_nobody_else(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, books: None, kind: str
) -> None:
    """One true body, byte by byte, to ten other prompts, and a thousand shillings stay a thousand."""
    first: list[bytes] = []

    def replayed(prompt: Ringing, number: str) -> bytes:
        if not first:
            body = prompt.success(number)
            if kind == "failure":
                body["Body"]["stkCallback"] |= {"ResultCode": 1032}
            first.append(encoded(body))
        return first[0]

    found = told(town, simulator, gateway, worker, dict.fromkeys(map(str, range(11)), replayed))

    true = CREDITED if kind == "success" else "fails / unpaid / due / no receipt"
    assert list(found.values()) == [true] + [OTHER] * 10
