"""The page behind the real gateway: whose address is counted, and what it costs a proxy that is not named."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from rufaa import secret
from support import KEYS, Running, rows

NOBODYS = "0123456789abcdef0123456789abcdef"


def status(gateway: Running, path: str, **headers: str) -> int:
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    ask = urllib.request.Request(f"{gateway.url}{path}", headers=names)
    try:
        with urllib.request.urlopen(ask, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_stranger_is_counted_by_the_address_of_the_connection(gateway: Running) -> None:
    statuses = [status(gateway, f"/r/{NOBODYS}", X_Forwarded_For=f"192.0.2.{number}") for number in range(22)]

    assert statuses == [404] * 20 + [429] * 2
    (row,) = rows("SELECT * FROM paypage_allowance")
    assert row["key"] == secret.signature(KEYS, "paypage-allowance", "unknown-link:127.0.0.1")


def test_hostile_addresses_and_enormous_forms_end_in_words(gateway: Running) -> None:
    for path in ("/r/%00", "/r/%ff", "/r/..%2f..%2fx", "/r/" + "a" * 3000, "/r/?x=%00", "/r/x?lang=%00"):
        assert status(gateway, path) in {404, 429}
    ask = urllib.request.Request(f"{gateway.url}/r/{NOBODYS}/pay", b"phone=" + b"7" * 3_000_000)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(ask, timeout=30)
    with refused.value as answer:
        assert answer.code == 400
