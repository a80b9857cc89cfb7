"""How a function is called on the wire (protocol §4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rufaa.sync import names
from rufaa.sync.names import BadName


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("referrals:getReferral", "referrals:getReferral"),
        ("referrals.js:getReferral", "referrals:getReferral"),
        ("defaultmod", "defaultmod:default"),
        ("defaultmod.js", "defaultmod:default"),
        ("mod:default", "mod:default"),
        ("dir/sub:count", "dir/sub:count"),
        ("dir/sub.js:count", "dir/sub:count"),
        ("v1.2/sub:_count2", "v1.2/sub:_count2"),
        ("_1:f", "_1:f"),
        ("m" * 64 + ":" + "f" * 64, "m" * 64 + ":" + "f" * 64),
    ],
)
def test_every_spelling_comes_to_one(written: str, canonical: str) -> None:
    assert names.canonical(written) == canonical
    assert names.canonical(names.as_file(canonical)) == canonical


@pytest.mark.parametrize(
    "written",
    [
        "",
        ":f",
        "m:",
        "m:1f",
        "m:f-g",
        "m:é",
        "m:" + "f" * 65,
        "m" * 65 + ":f",
        "/m:f",
        "a//b:f",
        "a/../b:f",
        "../b:f",
        ".:f",
        "..:f",
        "___:f",
        ".js:f",
        "m.ts:f",
        "m.:f",
        "a:b:f",
        "a b:f",
        "m\n:f",
        "m:f\n",
        "m\ud800:f",
        "function://abc;m:f",
        "a/" * 600 + "m:f",
    ],
)
def test_what_cannot_be_a_name_is_refused(written: str) -> None:
    with pytest.raises(BadName) as refused:
        names.canonical(written)
    message = str(refused.value)
    message.encode()
    assert len(message) < 250


@given(st.text())
def test_whatever_is_written_it_is_a_name_or_refused(written: str) -> None:
    try:
        canonical = names.canonical(written)
    except BadName:
        return
    assert canonical.count(":") == 1
    assert canonical.isascii()
