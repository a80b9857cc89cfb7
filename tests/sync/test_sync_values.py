"""Convex values and their two JSON forms (protocol §3)."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rufaa.sync import timestamps, values
from rufaa.sync.values import Int64, InvalidJson, InvalidValue, JsonValue, Value

int64s = st.integers(-(2**63), 2**63 - 1).map(Int64)
field_names = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).filter(
    lambda name: not name.startswith("$")
)
all_values: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.floats() | int64s | st.text(st.characters(codec="utf-8")) | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(field_names, inner, max_size=4),
    max_leaves=20,
)
any_json: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("$float"), inner, max_size=4),
    max_leaves=20,
)


def identical(left: object, right: object) -> bool:
    """Equal, of the same type, and the same bits of a float."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("<d", left) == struct.pack("<d", right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(identical, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(identical(left[name], right[name]) for name in left)
    return left == right


@given(all_values)
def test_a_value_survives_the_wire_with_its_type(value: Value) -> None:
    text = values.dumps(values.encode(value))
    assert identical(values.decode(values.loads(text.encode())), value)


@given(all_values)
def test_the_plain_form_is_json_that_a_browser_reads(value: Value) -> None:
    json.loads(values.dumps(values.encode_plain(value)), parse_constant=pytest.fail)


@given(any_json)
def test_whatever_json_comes_it_is_a_value_or_an_invalid_value(document: JsonValue) -> None:
    try:
        decoded = values.decode(document)
    except InvalidValue as error:
        str(error).encode()
    else:
        values.dumps(values.encode(decoded)).encode()


@given(st.binary(max_size=40))
def test_whatever_bytes_come_they_are_json_or_invalid_json(raw: bytes) -> None:
    try:
        values.loads(raw)
    except InvalidJson as error:
        str(error).encode()


@pytest.mark.parametrize(
    ("value", "wire", "plain"),
    [
        (None, "null", "null"),
        (True, "true", "true"),
        (1.0, "1.0", "1.0"),
        (1, "1.0", "1.0"),
        (1e22, "1e+22", "1e+22"),
        (-0.0, '{"$float":"AAAAAAAAAIA="}', "-0.0"),
        (math.nan, '{"$float":"AAAAAAAA+H8="}', '"NaN"'),
        (math.inf, '{"$float":"AAAAAAAA8H8="}', '"Infinity"'),
        (-math.inf, '{"$float":"AAAAAAAA8P8="}', '"-Infinity"'),
        (Int64(7), '{"$integer":"BwAAAAAAAAA="}', '"7"'),
        (Int64(-(2**63)), '{"$integer":"AAAAAAAAAIA="}', '"-9223372036854775808"'),
        (b"\x01\x02\x03", '{"$bytes":"AQID"}', '"AQID"'),
        ("é😀", '"é😀"', '"é😀"'),
        (("a", [2]), '["a",[2.0]]', '["a",[2.0]]'),
        ({"b": 1.5, "a": {"": None}}, '{"a":{"":null},"b":1.5}', '{"a":{"":null},"b":1.5}'),
    ],
)
def test_each_value_is_written_as_the_protocol_says(value: object, wire: str, plain: str) -> None:
    assert values.dumps(values.encode(value)) == wire
    assert values.dumps(values.encode_plain(value)) == plain


def nested(depth: int) -> list[object]:
    inner: list[object] = []
    for _ in range(depth - 1):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"a": [{"$integer": "AAAA"}]}, "$integer must hold 8 bytes (at a[0])"),
        ({"$integer": 7}, "$integer must hold base64 text"),
        ({"$bytes": "AQI"}, "$bytes must hold base64 text of the standard alphabet, padded"),
        ({"$bytes": "_-=="}, "$bytes must hold base64 text of the standard alphabet, padded"),
        ({"$bytes": "é"}, "$bytes must hold base64 text of the standard alphabet, padded"),
        ({"$float": "AAAA"}, "$float must hold 8 bytes"),
        (
            {"$float": "AAAAAAAA8D8="},
            "$float must hold NaN, an infinity or -0.0; write other numbers as numbers",
        ),
        ({"$commitTs": None}, "$commitTs is not a form of value that is taken here"),
        ({"$undefined": None}, "$undefined is not a form of value that is taken here"),
        ({"$set": []}, "$set is not a form of value that is taken here"),
        ({"$" + "x" * 50: 1}, f"${'x' * 39}… is not a form of value that is taken here"),
        (
            {"$integer": "BwAAAAAAAAA=", "b": 1},
            "The field name $integer begins with $, which is reserved",
        ),
        ({"é": 1}, "The field name ? has a character outside of printable ASCII"),
        ({"a\x7f": 1}, "The field name a? has a character outside of printable ASCII"),
        ({"x" * 1025: 1}, "A field name has 1025 characters (maximum 1024)"),
        ({"a": {"b": ["ok", "\ud800"]}}, "A string has an unpaired surrogate (at a.b[1])"),
        (["\udc00\ud800"], "A string has an unpaired surrogate (at [0])"),
        ([0] * 8193, "An array has 8193 entries (maximum 8192)"),
        ({str(number): 0 for number in range(1025)}, "An object has 1025 entries (maximum 1024)"),
        (nested(65), f"Value is too nested (maximum nesting 64) (at {'[0]' * 64})"),
    ],
)
def test_what_is_no_value_is_refused_with_its_place(document: JsonValue, message: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        values.decode(document)
    assert str(refused.value) == message


def test_the_limits_themselves_are_allowed() -> None:
    within: JsonValue = {"x" * 1024: [0] * 8192, "y": {str(number): 0 for number in range(1024)}, "z": "\U0001f600"}
    values.encode(values.decode(within))
    values.encode(values.decode(nested(64)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**53 + 1, "An integer does not fit a float; wrap it in Int64"),
        (10**400, "An integer does not fit a float; wrap it in Int64"),
        ({"at": [object()]}, "A object is not a Convex value (at at[0])"),
        ({1: 2}, "A field name must be a string"),
        ({"$x": 2}, "The field name $x begins with $, which is reserved"),
        ({"a": "\ud800"}, "A string has an unpaired surrogate (at a)"),
        ([0] * 8193, "An array has 8193 entries (maximum 8192)"),
        ({str(number): 0 for number in range(1025)}, "An object has 1025 entries (maximum 1024)"),
        (nested(65), f"Value is too nested (maximum nesting 64) (at {'[0]' * 64})"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_it_is(value: object, message: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        values.encode(value)
    assert str(refused.value) == message


def test_a_result_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InvalidValue, match="too nested"):
        values.encode(loop)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a":NaN}', "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"1e400", "A number is out of range"),
        (b"9" * 400, "A number is out of range"),
        (b"9" * 100_000, "A number is out of range"),
        (b'"\xff"', "The text is not UTF-8"),
        (b'"\xed\xa0\x80"', "The text is not UTF-8"),
        (b"\xef\xbb\xbf1", "Unexpected UTF-8 BOM (decode using utf-8-sig) (at character 0)"),
        ('"a"'.encode("utf-16"), "The text is not UTF-8"),
        (b"[" * 100_000, "The JSON is too nested"),
        (b'{"a":' * 100_000, "The JSON is too nested"),
        (b"[" + b"[]," * 130_000 + b"[]]", "The JSON has more than 250000 commas and brackets"),
        (b'"secret', "Unterminated string starting at (at character 0)"),
        (b"", "Expecting value (at character 0)"),
    ],
)
def test_what_is_no_json_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        values.loads(raw)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"1", 1.0),
        (b"-0", -0.0),
        (b"-0.0", -0.0),
        (b"123456789012345678901234567890", 123456789012345678901234567890.0),
        (b'{"a":1,"a":"last"}', {"a": "last"}),
        (b'"\\ud83d\\ude00"', "😀"),
    ],
)
def test_json_is_read_as_a_browser_reads_it(raw: bytes, value: Value) -> None:
    assert identical(values.decode(values.loads(raw)), value)


def test_an_int64_has_64_bits() -> None:
    assert repr(Int64(2**63 - 1)) == "Int64(9223372036854775807)"
    for outside in (2**63, -(2**63) - 1):
        with pytest.raises(OverflowError):
            Int64(outside)


def test_a_place_is_cut_where_it_gets_long() -> None:
    path = tuple("x" * 50 for _ in range(60))
    assert len(values.path_text(path)) == 201
    assert values.path_text(("a\n\ud800é", 3, "b")) == "a???[3].b"


@given(st.integers(0, 2**63 - 1))
def test_a_timestamp_survives_the_wire(nanoseconds: int) -> None:
    assert timestamps.decode(timestamps.encode(nanoseconds)) == nanoseconds


def test_a_timestamp_is_eight_bytes_little_endian() -> None:
    assert timestamps.encode(0) == "AAAAAAAAAAA="
    assert timestamps.encode(1) == "AQAAAAAAAAA="
    for bad in (None, 7, "", "AAAA", "é", "AAAAAAAAAIA=", "AAAAAAAAAAA"):
        with pytest.raises(timestamps.BadTimestamp):
            timestamps.decode(bad)
    for outside in (-1, 2**63):
        with pytest.raises(timestamps.BadTimestamp):
            timestamps.encode(outside)
