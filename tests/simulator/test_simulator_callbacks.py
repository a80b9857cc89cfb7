"""Callbacks: sent once, with the true headers, whatever becomes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from rufaa.money import Money

if TYPE_CHECKING:
    from conftest import Client, Listener


def sent(client: Client) -> list[tuple[str, int | None]]:
    return [(e.data["outcome"], e.data["status"]) for e in client.sim.journal() if e.kind == "callback-sent"]


def test_a_payment_is_called_back_once_with_safaricoms_headers(client: Client, listener: Listener) -> None:
    asked = client.pushed()
    paid = client.sim.answer("254708374149")
    assert listener.bodies == []

    client.sim.advance(0.5)
    client.sim.advance(100_000)

    (callback,) = listener.callbacks
    items = {each["Name"]: each.get("Value") for each in callback["CallbackMetadata"]["Item"]}
    items.pop("Balance", None)
    assert (callback["CheckoutRequestID"], callback["ResultCode"]) == (asked, 0)
    assert items == {
        "Amount": 1000.0,
        "MpesaReceiptNumber": paid.receipt,
        "TransactionDate": 20261123091200,
        "PhoneNumber": 254708374149,
    }
    assert '"Value":1000.00}' in listener.bodies[0]
    assert listener.paths == ["/h/0123abcd"]
    assert listener.headers[0]["content-type"] == "application/json;charset=UTF-8"
    assert listener.headers[0]["businessshortcode"] == "174379"
    assert sent(client) == [("answered", 200)]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda sim: sim.answer("254708374149", pin="0000"), 2001),
        (lambda sim: sim.cancel("254708374149"), 1032),
        (lambda sim: sim.ignore("254708374149"), 1037),
        (lambda _: None, 1037),
    ],
)
def test_what_the_person_does_is_the_code(
    client: Client, listener: Listener, act: Callable[[Any], object], code: int
) -> None:
    client.pushed()
    act(client.sim)
    client.sim.advance(61)
    (callback,) = listener.callbacks
    assert callback["ResultCode"] == code
    assert "CallbackMetadata" not in callback
    assert client.sim.till("174379") == Money(0)
    assert client.sim.wallet("254708374149") == Money(7_000_000)


def test_an_empty_wallet_is_code_1(client: Client, listener: Listener) -> None:
    client.sim.set_wallet("254708374149", Money(99_999))
    client.pushed()
    client.sim.answer("254708374149")
    client.sim.advance(1)
    assert listener.callbacks[0]["ResultCode"] == 1
    assert client.sim.wallet("254708374149") == Money(99_999)


@pytest.mark.parametrize("code", [0, 1, 17, 1001, 1019, 1025, 1032, 1037, 2001, 2026, 8006])
def test_a_phone_of_code_answers_by_itself_after_a_second(client: Client, listener: Listener, code: int) -> None:
    client.pushed(f"25470800{code:04}")
    client.sim.advance(0.999)
    assert client.sim.prompts()[0].live
    client.sim.advance(0.001)
    assert not client.sim.prompts()[0].live
    client.sim.advance(0.5)
    assert [each["ResultCode"] for each in listener.callbacks] == [code]
    assert client.sim.till("174379") == Money(100_000 if code == 0 else 0)


def test_a_seeded_share_of_callbacks_has_a_balance_without_value(client: Client, listener: Listener) -> None:
    for n in range(40):
        client.pushed(f"2547{n:02}000000", Amount=1)
    client.sim.advance(2)
    forms = [{"Name": "Balance"} in each["CallbackMetadata"]["Item"] for each in listener.callbacks]
    assert len(forms) == 40
    assert 15 <= sum(forms) <= 38  # about 26


def test_a_callback_that_is_answered_badly_is_not_sent_again(client: Client, listener: Listener) -> None:
    listener.status = 500
    client.pushed("254708000000")
    client.sim.advance(5_000)
    assert len(listener.bodies) == 1
    assert sent(client) == [("answered", 500)]


def test_nobody_at_home_is_journalled_and_the_money_has_moved(client: Client) -> None:
    client.pushed("254708000000", CallBackURL="http://127.0.0.1:9/h/0123")
    client.sim.advance(5_000)
    assert sent(client) == [("refused", None)]
    assert client.sim.till("174379") == Money(100_000)


def test_a_slow_listener_is_given_up_on(simulate: Callable[..., Client], listener: Listener) -> None:
    client = simulate(callback_timeout_s=0.2)
    listener.hold = threading.Event()
    client.pushed("254708000000")
    client.sim.advance(5_000)
    assert sent(client) == [("timeout", None)]


def test_redirects_are_not_followed(client: Client, listener: Listener) -> None:
    listener.status = 307
    client.pushed("254708000000")
    client.sim.advance(5)
    assert sent(client) == [("answered", 307)]
    assert listener.paths == ["/h/0123abcd"]
