"""The virtual handset: safe pages, a form that needs no scripts, and fresh pictures."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from rufaa.money import Money
from rufaa.simulator import table

if TYPE_CHECKING:
    from conftest import Client

PHONE = "254708374149"
STREAM = f"/handset/stream?phone={PHONE}"


@contextmanager
def stream(client: Client, path: str) -> Iterator[Callable[[], Any]]:
    """Follow a stream of server-sent events; the yielded function waits for the next picture."""
    connection = http.client.HTTPConnection(urlsplit(client.sim.url).netloc, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "text/event-stream"

    def following() -> Any:
        while True:
            line = response.readline().decode()
            assert line, "the stream ended"
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))

    try:
        yield following
    finally:
        response.close()
        connection.close()


@pytest.mark.parametrize("path", ["/", f"/phone/{PHONE}", "/static/phone.js", "/static/handset.css"])
def test_pages_allow_nothing_from_elsewhere_and_nothing_inline(client: Client, path: str) -> None:
    got = client.get(path)
    assert got.status == 200
    assert got.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "http://" not in got.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in got.text
    assert "innerHTML" not in got.text
    assert " style=" not in got.text


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/phone?number=0708+374+149", "/phone/254708374149"),
        ("/phone?number=%2B254708374149", "/phone/254708374149"),
        ("/phone?number=0708007001&phone=254708374149", "/?phone=254708374149&phone=254708007001"),
        ("/phone?number=0708374149&phone=254708374149", "/?phone=254708374149"),
        ("/phone?number=%3Cscript%3E", "/?wrong=no-number"),
        ("/phone", "/?wrong=no-number"),
        ("/phone?number=0712345678", "/?wrong=no-test-phone"),
        ("/phone?number=07223&phone=254708374149", "/?phone=254708374149&wrong=no-number"),
        ("/phone/0708374149", "/phone/254708374149"),
    ],
)
def test_any_way_of_writing_a_number_opens_its_phone(client: Client, path: str, location: str) -> None:
    got = client.get(path)
    assert (got.status, got.headers["location"]) == (303, location)


def pay(client: Client, **changes: str) -> tuple[int, str]:
    """Send the form Lipa na M-PESA as a page without scripts does: the status, and where it leads."""
    fields = {"business": "174379", "account": "ACC 17", "amount": "1,250", "pin": "1234", **changes}
    got = client.ask(
        "/phone/254708374149",
        method="POST",
        body=urlencode(fields).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    return got.status, got.headers["location"]


def test_a_phone_pays_by_hand_without_scripts(client: Client) -> None:
    form = client.get("/phone/254708374149").text
    assert '<form method="post" action="/phone/254708374149">' in form
    assert 'value="174379"' in form
    status, location = pay(client)
    (movement,) = client.sim.movements()
    assert (status, location) == (303, f"/phone/254708374149?paid={movement.receipt}")
    assert (movement.reference, movement.amount) == ("ACC 17", Money(125_000))
    assert f"Paid: {movement.receipt}." in client.get(location).text
    with stream(client, STREAM) as picture:
        (shown,) = picture()["phones"]
    assert shown["balance"] == "Ksh68,750.00"
    (message,) = shown["messages"]
    assert message["text"] == (
        f"{movement.receipt} Confirmed. Ksh1,250.00 sent to RUFAA DEMO for account ACC 17 on 23/11/26 at 9:12 AM. "
        "New M-PESA balance is Ksh68,750.00. Transaction cost, Ksh0.00."
    )
    with stream(client, "/handset/stream") as picture:
        assert picture()["known"] == [{"phone": PHONE, "local": "0708 374 149", "balance": "Ksh68,750.00"}]


@pytest.mark.parametrize(
    ("changes", "why", "words"),
    [
        ({"business": "600000"}, "no-such-business", "No business has this number."),
        ({"account": " "}, "no-account", "A paybill wants an account number of 1 to 20 characters."),
        ({"amount": "ten"}, "wrong-amount", "Give whole shillings from 1 to 250,000."),
        ({"amount": "1.50"}, "wrong-amount", "Give whole shillings from 1 to 250,000."),
        ({"pin": "0000"}, "wrong-pin", "That is not the PIN."),
        ({"amount": "70001"}, "balance-low", "There is not enough money on the phone."),
    ],
)
def test_what_is_wrong_with_it_is_said(client: Client, changes: dict[str, str], why: str, words: str) -> None:
    assert pay(client, **changes) == (303, f"/phone/254708374149?refused={why}")
    assert f"Not paid. {words}" in client.get(f"/phone/254708374149?refused={why}").text
    assert client.sim.movements() == []


def test_the_form_is_for_its_own_page_and_an_address_puts_no_words_on_it(client: Client) -> None:
    got = client.ask(
        "/phone/254708374149",
        method="POST",
        body=b"business=174379&account=A&amount=1&pin=1234",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "cross-site"},
    )
    assert got.status == 403
    assert client.sim.movements() == []
    for said in ("paid=Gone", "refused=Gone", "paid=%3Cb%3E", "refused=%3Cb%3E"):
        page = client.get(f"/phone/254708374149?{said}").text
        assert "Gone" not in page
        assert "<b>" not in page.replace('<b id="pin"', "")


def test_messages_come_in_the_order_of_time(client: Client) -> None:
    client.pushed("254708000000")
    client.sim.advance(2)
    first = client.sim.pay("254708000000", "174379", "A", 1)
    client.sim.advance(10)
    client.pushed("254708000000")
    client.sim.advance(2)
    prompts = [each.receipt for each in client.sim.prompts()]
    with stream(client, "/handset/stream?phone=254708000000") as picture:
        told = [each["text"][:10] for each in picture()["phones"][0]["messages"]]
    assert told == [prompts[1], first, prompts[0]]


def test_what_is_no_number_is_no_phone(client: Client) -> None:
    for path in ("/phone/12", "/handset/stream?phone=12", "/?phone=12", "/phone?phone=12&number=0708374149"):
        got = client.get(path)
        assert (got.status, got.json["error"]) == (400, "invalid-phone"), path


def test_a_number_that_may_be_somebodys_is_not_put_on_the_table_until_it_was_asked(client: Client) -> None:
    page = client.get("/?wrong=no-test-phone").text
    assert "That may be somebody&#x27;s real phone." in page
    client.pushed("254712345678")
    assert client.get("/phone?number=0712345678").headers["location"] == "/phone/254712345678"


def test_a_table_is_full_in_the_end(client: Client) -> None:
    on_table = "&".join(f"phone=25470800{number}" for number in range(7001, 7009))
    full = client.get(f"/phone?number=0708374149&{on_table}").headers["location"]
    assert full == f"/?{on_table}&wrong=too-many"
    assert "it holds 8 phones" in client.get(full).text
    again = client.get(f"/phone?number=0708007008&{on_table}").headers["location"]
    assert again == f"/?{on_table}"
    assert client.get(f"/?{on_table}&phone=254708007009").text.count("<article") == 8


def test_an_address_puts_no_words_of_its_own_on_the_table(client: Client) -> None:
    page = client.get("/?wrong=%3Cb%3EGone").text
    assert "Gone" not in page
    assert "wrong-number" not in page


def test_a_table_without_phones_has_two_that_ring_and_proposes_one_more(client: Client) -> None:
    page = client.get("/").text
    assert page.count("<article") == 2
    assert 'data-stream="/handset/stream?phone=254708374149&amp;phone=254708007001"' in page
    assert 'value="0708 007 002"' in page
    assert client.get("/phone/254708007001").text.count("<article") == 1


def test_all_of_it_is_small(client: Client) -> None:
    files = [each for each in table.STATIC.iterdir() if each.suffix in {".css", ".js", ".svg"}]
    assert len(client.get("/").text.encode()) + sum(each.stat().st_size for each in files) <= 60_000


def test_a_phones_picture_follows_what_happens(client: Client) -> None:
    with stream(client, STREAM) as picture:
        (shown,) = picture()["phones"]
        assert shown == {
            "phone": PHONE,
            "local": "0708 374 149",
            "balance": "Ksh70,000.00",
            "manner": "by-number",
            "prompt": None,
            "unread": 0,
            "messages": [],
        }
        asked = client.pushed()
        begun = round(client.sim.now().timestamp() * 1000)
        after = picture()
        assert (after["at"], after["stands"]) == (begun, True)
        assert after["phones"][0]["prompt"] == {
            "id": asked,
            "text": "Do you want to pay KES 1,000.00 to RUFAA DEMO Account ABC123? Enter M-PESA PIN:",
            "beganAt": begun,
            "endsAt": begun + 60_000,
        }
        paid = client.sim.answer(PHONE)
        (shown,) = picture()["phones"]
        assert (shown["prompt"], shown["balance"], shown["unread"]) == (None, "Ksh69,000.00", 1)
        assert shown["messages"] == [
            {
                "id": asked,
                "from": "MPESA",
                "text": (
                    f"{paid.receipt} Confirmed. Ksh1,000.00 sent to RUFAA DEMO for account ABC123 on 23/11/26 at "
                    "9:12 AM. New M-PESA balance is Ksh69,000.00. Transaction cost, Ksh0.00."
                ),
                "when": "23/11/26 at 9:12 AM",
                "read": False,
            }
        ]


def test_the_table_tells_who_rings_elsewhere_and_a_late_reader_sees_the_same(client: Client) -> None:
    with stream(client, "/handset/stream") as picture:
        assert picture()["ringing"] == []
        client.pushed()
        seen = picture()
    assert [each["phone"] for each in seen["ringing"]] == [PHONE]
    assert seen["tills"] == [{"name": "RUFAA DEMO", "shortCode": "174379", "balance": "Ksh0.00"}]
    with stream(client, "/handset/stream") as picture:
        assert picture() == seen
    with stream(client, STREAM) as picture:
        assert picture()["ringing"] == []


def test_two_phones_on_one_table_have_each_their_own_state(client: Client) -> None:
    with stream(client, "/handset/stream?phone=254708374149&phone=254708007001") as picture:
        picture()
        client.pushed("254708007001")
        first, second = picture()["phones"]
    assert (first["prompt"], second["prompt"] is None) == (None, False)


def test_an_open_page_costs_no_thread(client: Client) -> None:
    with ExitStack() as pages:
        pages.enter_context(stream(client, STREAM))()
        before = set(threading.enumerate())
        for picture in [pages.enter_context(stream(client, STREAM)) for _ in range(20)]:
            picture()
        assert set(threading.enumerate()) <= before


def test_put_aside_it_rings_no_more(client: Client) -> None:
    client.pushed()
    client.sim.ignore(PHONE)
    with stream(client, STREAM) as picture:
        assert picture()["phones"][0]["prompt"] is None
