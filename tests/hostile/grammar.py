"""Reports made and unmade by a grammar, for Hypothesis; and an oracle that reads them without any code of Rufaa's."""

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
    return _made(draw, FIELDS, lambda lies: _document(draw, facts, lies=lies))


def _made(draw: st.DrawFn, fields: list[str], document_of: Callable[[set[str]], Obj]) -> tuple[bytes, bool]:
    lies = draw(st.just(set()) | st.sampled_from(fields).map(lambda each: {each}) | st.sets(st.sampled_from(fields)))
    mutations = draw(st.sampled_from([0] * 6 + [1, 1, 2, 3]))
    document = document_of(lies)
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


# --- one notice of C2B, one result of an order -----------------------------------------------------------------------


@dataclass(frozen=True)
class Payment:
    """What a notice or a result may say, and what belongs to others."""

    number: str
    others_number: str
    conversation: str
    reference: str = "TESTCODE"


NOTICE_FIELDS: Final = [
    *["number"] * 2,
    *["amount"] * 3,
    "date",
    "short code",
    "reference",
    "phone",
    "names",
    "left out",
]
OPTIONAL: Final = ("InvoiceNumber", "OrgAccountBalance", "ThirdPartyTransID", "MiddleName", "LastName", "TransTime")


@st.composite
def notices(draw: st.DrawFn, facts: Payment) -> tuple[bytes, bool]:
    """As ``bodies``, a C2B confirmation (daraja.md §6) of KES 1,000."""

    def document(lies: set[str]) -> Obj:
        def one_of(field: str, true: Any, *others: Any) -> Any:
            return draw(st.sampled_from(others)) if field in lies else true

        left_out = draw(st.sets(st.sampled_from(OPTIONAL))) if "left out" in lies else set()
        name = one_of("names", "JANE", "\u202e", "\ud800", "x" * 500, None, "", 7)
        pairs: list[tuple[str, Any]] = [
            ("TransactionType", one_of("names", "Pay Bill", "", None, "Buy Goods")),
            ("TransID", one_of("number", facts.number, facts.others_number, facts.number.lower(), "\x00", 7, "", None)),
            ("TransTime", one_of("date", "20261123091545", 20261123091545, "2026-11-23 09:15:45", "x", 0, "0" * 14)),
            ("TransAmount", one_of("amount", "1000.00", *AMOUNTS)),
            ("BusinessShortCode", one_of("short code", "174379", 174379, "0", "x", None, "9" * 40)),
            ("BillRefNumber", one_of("reference", facts.reference, "", None, "x" * 300, "\x00", 7, "';--")),
            ("InvoiceNumber", ""),
            ("OrgAccountBalance", one_of("amount", "", *AMOUNTS)),
            ("ThirdPartyTransID", ""),
            ("MSISDN", one_of("phone", "2547 ***** 149", "254708374149", 254708374149, "ab" * 32, "***", None, "")),
            ("FirstName", name),
            ("MiddleName", name),
            ("LastName", name),
        ]
        return Obj([pair for pair in pairs if pair[0] not in left_out])

    return _made(draw, NOTICE_FIELDS, document)


RESULT_FIELDS: Final = [*["code"] * 3, "number", "ids", "prose", *["parameters"] * 3]


@st.composite
def results(draw: st.DrawFn, facts: Payment) -> tuple[bytes, bool]:
    """As ``bodies``, the result of a reversal (daraja.md §8) of KES 1,000."""

    def document(lies: set[str]) -> Obj:
        def one_of(field: str, true: Any, *others: Any) -> Any:
            return draw(st.sampled_from(others)) if field in lies else true

        def parameter(key: str, *values: Any) -> Obj:
            return Obj([("Key", key), ("Value", one_of("parameters", *values))])

        listed = [
            parameter("Amount", Raw("1000.00"), *AMOUNTS),
            parameter("TransCompletedTime", 20261123091600, "20261123091600", "23.11.2026 09:16:00", "x"),
            parameter("OriginalTransactionID", facts.others_number, facts.number, None, 7),
            parameter("CreditPartyPublicName", "254708374149 - JANE", "", None, "\u202e"),
        ]
        parameters = one_of("parameters", listed, listed[0], [], None, "x")
        return Obj([
            ("Result", Obj([
                ("ResultType", 0),
                ("ResultCode", one_of("code", 0, *CODES, "R000001", "R000002", 2001, 21)),
                ("ResultDesc", one_of("prose", "The service request is processed successfully.", "", "\u202e\x00")),
                ("OriginatorConversationID", one_of("ids", "29115-34620561-1", None, "", "a b", 7)),
                ("ConversationID", one_of("ids", facts.conversation, None, "", "\x00", 7)),
                ("TransactionID", one_of("number", facts.number, facts.others_number, None, "x")),
                ("ResultParameters", Obj([("ResultParameter", parameters)])),
            ])),
        ])  # fmt: skip

    return _made(draw, RESULT_FIELDS, document)


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
        others = [key.lower(), key.upper(), f"{key} ", "", "Body", "Value", "Result", "TransID", "TransAmount"]
        there.pairs[at] = (draw(st.sampled_from(others)), value)


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
        label = draw(st.sampled_from(["Name", "Name", "Key"]))
        again = Obj([(label, name), ("Value", draw(st.sampled_from(AMOUNTS) | junk))])
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
        document = _document_in(raw)
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


def may_arrive(raw: bytes) -> tuple[str, Decimal | None] | None:
    """The receipt number that the notice in ``raw`` may be believed to report, and its amount in cents where it tells
    one that can be; None: it reports nothing. Strict and lenient as ``may_credit``."""
    document = _document_in(raw)
    try:
        number = _only(document, "TransID")
    except Doubtful:
        return None
    if not isinstance(number, str) or not re.fullmatch(r"[A-Z0-9]{6,20}", number):
        return None
    try:
        amount = Decimal(str(_only(document, "TransAmount")))
    except (Doubtful, InvalidOperation):
        return number, None
    return number, amount * 100 if amount.is_finite() and amount > 0 else None


def may_end(raw: bytes) -> tuple[str, str | None] | None:
    """The code with which the result in ``raw`` may be believed to end its order, and the number of what was done;
    None: it is no result."""
    try:
        result = _only(_document_in(raw), "Result")
        code = _only(result, "ResultCode")
    except Doubtful:
        return None
    if isinstance(code, bool) or not isinstance(code, str | Decimal):
        return None
    try:
        number = _only(result, "TransactionID")
    except Doubtful:
        number = None
    return str(code), number if isinstance(number, str) and re.fullmatch(r"[A-Z0-9]{6,20}", number) else None


def _document_in(raw: bytes) -> Any:
    try:
        return json.loads(
            raw.decode("utf-8-sig", "replace"), object_pairs_hook=Obj, parse_int=Decimal, parse_float=Decimal
        )
    except (ValueError, RecursionError, InvalidOperation):
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
