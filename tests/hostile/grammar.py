"""Callbacks made and unmade by a grammar, for Hypothesis; and an oracle that reads them without any code of Rufaa's."""

from __future__ import annotations

import copy
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from hypothesis import strategies as st

# --- documents that a dict cannot hold: keys in any order, twice, and numbers as they are written ------------------


@dataclass
class Obj:
    """A JSON object as its pairs."""

    pairs: list[tuple[str, Any]]


@dataclass(frozen=True)
class Raw:
    """Letters that stand in the text as they are."""

    text: str


def written(node: Any, *, ascii_only: bool, space: str) -> str:
    def write(each: Any) -> str:
        match each:
            case Obj(pairs):
                return "{" + f",{space}".join(f"{text(key)}:{space}{write(value)}" for key, value in pairs) + "}"
            case list():
                return "[" + f",{space}".join(write(value) for value in each) + "]"
            case Raw(letters):
                return letters
            case _:
                return text(each)

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    return write(node)


# --- one callback --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What a callback may say of a prompt, and what belongs to others."""

    checkout: str
    merchant: str
    phone: str
    number: str  # the receipt number that M-Pesa gave, where it was paid
    others_checkout: str
    others_number: str


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, -1, 1, 1.5, "", "0", "x", "\x00", "\ud800", "\u202e", [], {}, [[]], {"a": 1}, "9" * 500, 10**40, 10**400]
    ).map(lambda each: Obj(list(each.items())) if isinstance(each, dict) else copy.deepcopy(each)),  # lists are changed
    st.text(st.characters(exclude_categories=[]), max_size=12),
    st.integers(),
    st.sampled_from(["NaN", "Infinity", "-0", "1e308", "0.0", "1000.000", "00", "nul", "[" * 40 + "]" * 40]).map(Raw),
)
CODES: Final = ["0", 1032, "1032", 1037, 1, 17, 4999, "SFC_IC0003", 31337, True, Raw("-0"), Raw("0.0"), "00"]
AMOUNTS: Final = [
    *(Raw("1000.00"), Raw("1000"), Raw("1000.0"), "1000", "1000.00"),
    *(1, 999, 1001, 100000, Raw("999.99"), Raw("1000.004"), Raw("1000.5"), Raw("1e3"), Raw("-1000"), 0, "1,000", True),
]


@st.composite
def bodies(draw: st.DrawFn, facts: Facts) -> tuple[bytes, bool]:
    """A callback about the prompt of ``facts``, and whether it is true in every word: else up to three things are wrong
    with it, and then it is perhaps damaged."""
    lies = draw(st.just(set()) | st.sampled_from(FIELDS).map(lambda each: {each}) | st.sets(st.sampled_from(FIELDS)))
    mutations = draw(st.sampled_from([0] * 6 + [1, 1, 2, 3]))
    document = _document(draw, facts, lies=lies)
    for _ in range(mutations):
        draw(st.sampled_from(MUTATIONS))(draw, document)
    text = written(document, ascii_only=draw(st.booleans()), space=draw(st.sampled_from(["", " ", "\n\t"])))
    encoding = draw(st.sampled_from(["utf-8"] * 20 + ["utf-8-sig", "utf-16", "latin-1"]))
    raw = text.encode(encoding, "replace")
    damaged = draw(st.integers(0, 19)) == 7
    if damaged:
        raw = _damaged(draw, raw)
    return raw, not (lies or mutations or damaged or encoding == "utf-16")


FIELDS: Final = [*["code"] * 2, *["amount"] * 3, *["phone"] * 3, "number", "date", "merchant", "checkout", "prose"]


def _document(draw: st.DrawFn, facts: Facts, *, lies: set[str]) -> Obj:
    def one_of(field: str, true: Any, *others: Any) -> Any:
        return draw(st.sampled_from(others)) if field in lies else true

    code = one_of("code", 0, *CODES)
    phone = one_of(
        "phone",
        int(facts.phone),
        facts.phone,
        f"0{facts.phone[3:7]}***{facts.phone[-2:]}",
        f"{facts.phone[:6]}***999",
        "254708***430",
        254708374149,
        "***",
    )
    items = [
        Obj([("Name", "Amount"), ("Value", one_of("amount", Raw("1000.00"), *AMOUNTS))]),
        Obj([
            ("Name", "MpesaReceiptNumber"),
            ("Value", one_of("number", facts.number, *[facts.others_number] * 3, facts.number.lower(), "\x00", 7)),
        ]),
        Obj([("Name", "Balance")]),
        Obj([("Name", "TransactionDate"), ("Value", one_of("date", 20261123091545, "2026-11-23 09:15:45", 0, "x"))]),
        Obj([("Name", "PhoneNumber"), ("Value", phone)]),
    ]  # fmt: skip
    told: list[tuple[str, Any]] = [
        ("MerchantRequestID", one_of("merchant", facts.merchant, "m-2", None)),
        ("CheckoutRequestID", one_of("checkout", facts.checkout, facts.others_checkout, "ws_CO_0", None)),
        ("ResultCode", code),
        ("ResultDesc", one_of("prose", "The service request is processed successfully.", "", "\u202e\x00")),
    ]
    if code in (0, "0") or draw(st.booleans()):
        told.append(("CallbackMetadata", Obj([("Item", items)])))
    return Obj([("Body", Obj([("stkCallback", Obj(told))]))])


# --- what can be wrong with it -------------------------------------------------------------------------------------


def _objects(node: Any) -> list[Obj]:
    match node:
        case Obj(pairs):
            return [node, *(each for _, value in pairs for each in _objects(value))]
        case list():
            return [each for value in node for each in _objects(value)]
    return []


def _lists(node: Any) -> list[list[Any]]:
    match node:
        case Obj(pairs):
            return [each for _, value in pairs for each in _lists(value)]
        case list():
            return [node, *(each for value in node for each in _lists(value))]
    return []


def _pick(draw: st.DrawFn, document: Obj) -> tuple[Obj, int] | None:
    full = [each for each in _objects(document) if each.pairs]
    if not full:
        return None
    there = draw(st.sampled_from(full))
    return there, draw(st.integers(0, len(there.pairs) - 1))


def _replace(draw: st.DrawFn, document: Obj) -> None:
    if (place := _pick(draw, document)) is not None:
        place[0].pairs[place[1]] = (place[0].pairs[place[1]][0], draw(junk))


def _drop(draw: st.DrawFn, document: Obj) -> None:
    if (place := _pick(draw, document)) is not None:
        del place[0].pairs[place[1]]


def _repeat(draw: st.DrawFn, document: Obj) -> None:
    """A key twice: the same again, or otherwise, before or behind."""
    if (place := _pick(draw, document)) is not None:
        there, at = place
        key, value = there.pairs[at]
        there.pairs.insert(draw(st.integers(0, len(there.pairs))), (key, draw(st.just(copy.deepcopy(value)) | junk)))


def _rename(draw: st.DrawFn, document: Obj) -> None:
    if (place := _pick(draw, document)) is not None:
        there, at = place
        key, value = there.pairs[at]
        there.pairs[at] = (draw(st.sampled_from([key.lower(), key.upper(), f"{key} ", "", "Body", "Value"])), value)


def _reorder(draw: st.DrawFn, document: Obj) -> None:
    for there in _objects(document):
        there.pairs[:] = draw(st.permutations(there.pairs))
    for listed in _lists(document):
        listed[:] = draw(st.permutations(listed))


def _wrap(draw: st.DrawFn, document: Obj) -> None:
    if (place := _pick(draw, document)) is not None:
        there, at = place
        key, value = there.pairs[at]
        there.pairs[at] = (key, draw(st.sampled_from([[value], Obj([(key, value)]), [[value]], Obj([])])))


def _insert(draw: st.DrawFn, document: Obj) -> None:
    """A stranger among the items, or one of them again, perhaps with another value."""
    listed = _lists(document)
    if listed:
        there = draw(st.sampled_from(listed))
        name = draw(st.sampled_from(["Amount", "Amount", "MpesaReceiptNumber", "PhoneNumber"]))
        again = Obj([("Name", name), ("Value", draw(st.sampled_from(AMOUNTS) | junk))])
        there.insert(draw(st.sampled_from([0, len(there)])), draw(st.just(again) | junk))


MUTATIONS: Final[list[Callable[[st.DrawFn, Obj], None]]] = [
    *(_replace, _replace, _drop, _repeat, _rename, _reorder, _wrap, _insert, _insert, _insert)
]


def _damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    at = draw(st.integers(0, len(raw)))
    match draw(st.sampled_from(["cut", "flip", "insert", "double", "gzip", "long", "nothing"])):
        case "cut":
            return raw[:at]
        case "flip":
            return raw[:at] + bytes([draw(st.integers(0, 255))]) + raw[at + 1 :]
        case "insert":
            return raw[:at] + draw(st.binary(min_size=1, max_size=6)) + raw[at:]
        case "double":
            return raw + raw
        case "gzip":
            return gzip.compress(raw)
        case "long":
            return raw + b" " * draw(st.sampled_from([60_000, 70_000]))
        case _:
            return b""


# --- the oracle ----------------------------------------------------------------------------------------------------


class Doubtful(Exception):
    """It says no, or not one thing."""


def may_credit(raw: bytes, facts: Facts, *, cents: int) -> str | None:
    """The receipt number with which ``raw`` may be believed to say that the prompt was paid; None: never.

    Read by the standard library, each key at most in one meaning. It is strict where money could be made of nothing,
    and lenient where Rufaa may be stricter.
    """
    try:
        document = json.loads(
            raw.decode("utf-8-sig", "replace"),
            object_pairs_hook=Obj,
            parse_int=Decimal,
            parse_float=Decimal,
        )
        callback = _only(_only(document, "Body"), "stkCallback")
        if _only(callback, "CheckoutRequestID") != facts.checkout:
            return None
        if not _is_zero(_only(callback, "ResultCode")):
            return None
        if _names_another(callback, facts.merchant):
            return None
        items = _only(_only(callback, "CallbackMetadata"), "Item")
        if not _is_amount(_item(items, "Amount"), cents):
            return None
        if _shows_another(items, facts.phone):
            return None
        number = _item(items, "MpesaReceiptNumber")
        return number if isinstance(number, str) and re.fullmatch(r"[A-Z0-9]{6,20}", number) else None
    except (ValueError, RecursionError, Doubtful, InvalidOperation):
        return None


def _only(node: Any, key: str) -> Any:
    values = [value for name, value in node.pairs if name == key] if isinstance(node, Obj) else []
    if not values or any(value != values[0] or type(value) is not type(values[0]) for value in values):
        raise Doubtful
    return values[0]


def _item(items: Any, name: str) -> Any:
    if not isinstance(items, list):
        raise Doubtful
    found = []
    for item in items:
        try:
            if _only(item, "Name") == name:
                found.append(_only(item, "Value"))
        except Doubtful:
            if isinstance(item, Obj) and ("Name", name) in item.pairs:
                raise
    if not found or any(value != found[0] or type(value) is not type(found[0]) for value in found):
        raise Doubtful
    return found[0]


def _is_zero(code: Any) -> bool:
    return code == "0" or (isinstance(code, Decimal) and str(code) == "0")


def _is_amount(value: Any, cents: int) -> bool:
    if not isinstance(value, str | Decimal):
        return False
    return Decimal(value).is_finite() and Decimal(value) * 100 == cents


def _names_another(callback: Any, merchant: str) -> bool:
    try:
        told = _only(callback, "MerchantRequestID")
    except Doubtful:
        return False
    return isinstance(told, str) and re.fullmatch(r"[!-~]{1,100}", told) is not None and told != merchant


def _shows_another(items: Any, phone: str) -> bool:
    try:
        told = _item(items, "PhoneNumber")
    except Doubtful:
        return False
    if isinstance(told, Decimal):  # only a whole number can be one
        told = str(told) if re.fullmatch("[0-9]+", str(told)) else ""
    text = told if isinstance(told, str) else ""
    if not re.fullmatch(r"\+?[0-9* -]{4,40}", text, re.ASCII) or len(re.sub(r"[^0-9]", "", text)) < 3:
        return False
    shown = re.sub(r"^0", "254", re.sub(r"[ +-]", "", text))
    pattern = re.sub(r"\*[*0-9]*\*|\*", ".*", shown)
    return re.fullmatch(pattern, phone) is None
