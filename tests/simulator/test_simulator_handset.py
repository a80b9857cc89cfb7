"""The virtual handset: safe pages, fresh pictures, and a person who pays with mouse and keyboard."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from rufaa.money import Money
from rufaa.simulator.config import Merchant

if TYPE_CHECKING:
    from conftest import Client

NASTY = Merchant("174379", "demo-key", "demo-secret", "demo-passkey", "<img src=x onerror=alert(1)>")


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


@pytest.mark.parametrize("path", ["/", "/phone/254708374149", "/static/phone.js", "/static/handset.css"])
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
        ("/phone?number=%3Cscript%3E", "/?wrong-number=1"),
        ("/phone", "/?wrong-number=1"),
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
    with stream(client, "/handset/phones/254708374149") as picture:
        shown = picture()
    assert shown["balance"] == "Ksh68,750.00"
    (message,) = shown["messages"]
    assert message["text"] == (
        f"{movement.receipt} Confirmed. Ksh1,250.00 sent to RUFAA DEMO for account ACC 17 on 23/11/26 at 9:12 AM. "
        "New M-PESA balance is Ksh68,750.00. Transaction cost, Ksh0.00."
    )
    with stream(client, "/handset/phones") as picture:
        assert picture()["phones"] == [{"phone": "254708374149", "balance": "Ksh68,750.00"}]


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
    with stream(client, "/handset/phones/254708000000") as picture:
        told = [each["text"][:10] for each in picture()["messages"]]
    assert told == [prompts[1], first, prompts[0]]


def test_what_is_no_number_is_no_phone(client: Client) -> None:
    assert client.get("/phone/12").status == 400
    assert client.get("/handset/phones/12").status == 400


def test_a_phones_picture_follows_what_happens(client: Client) -> None:
    with stream(client, "/handset/phones/254708374149") as picture:
        assert picture() == {
            "phone": "254708374149",
            "balance": "Ksh70,000.00",
            "pin": "1234",
            "prompt": None,
            "messages": [],
        }
        asked = client.pushed()
        assert picture()["prompt"] == {
            "id": asked,
            "text": "Do you want to pay KES 1,000.00 to RUFAA DEMO Account ABC123? Enter M-PESA PIN:",
        }
        paid = client.sim.answer("254708374149")
        after = picture()
        assert (after["prompt"], after["balance"]) == (None, "Ksh69,000.00")
        (message,) = after["messages"]
        assert message["text"] == (
            f"{paid.receipt} Confirmed. Ksh1,000.00 sent to RUFAA DEMO for account ABC123 on 23/11/26 at 9:12 AM. "
            "New M-PESA balance is Ksh69,000.00. Transaction cost, Ksh0.00."
        )


def test_the_list_shows_who_rings_and_a_late_reader_sees_the_same(client: Client) -> None:
    with stream(client, "/handset/phones") as picture:
        assert picture()["ringing"] == []
        client.pushed()
        seen = picture()
    assert [each["phone"] for each in seen["ringing"]] == ["254708374149"]
    assert seen["tills"] == [{"name": "RUFAA DEMO", "shortCode": "174379", "balance": "Ksh0.00"}]
    with stream(client, "/handset/phones") as picture:
        assert picture() == seen


def test_put_aside_it_rings_no_more(client: Client) -> None:
    client.pushed()
    client.sim.ignore("254708374149")
    with stream(client, "/handset/phones/254708374149") as picture:
        assert picture()["prompt"] is None


@pytest.fixture
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    switches += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=switches)
        yield browser
        browser.close()


@pytest.mark.browser
def test_a_person_pays_with_mouse_and_keyboard(simulate: Callable[..., Client], browser: Any) -> None:
    client = simulate(merchants=(NASTY,), manual_clock=False)
    page = browser.new_page(viewport={"width": 360, "height": 700})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(client.sim.url + "/")
    page.fill("input[name=number]", "0708 374 149")
    page.keyboard.press("Enter")
    page.wait_for_url("**/phone/254708374149")

    client.pushed(AccountReference="<b>bold</b>")
    page.wait_for_selector("#prompt-text:has-text('<b>bold</b>')")
    page.keyboard.type("12")
    page.click("button[aria-label='Digit 9']")
    page.click("button[aria-label='Delete the last digit']")
    page.click("button[aria-label='Digit 3']")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem:has-text('A PIN has four digits.')")
    page.click("button[aria-label='Digit 4']")
    page.keyboard.press("Enter")
    page.wait_for_selector(".bubble:has-text('Confirmed. Ksh1,000.00 sent to <img src=x')")
    page.wait_for_selector("#veil", state="hidden")
    assert page.inner_text("#balance") == "Ksh69,000.00"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    client.pushed()
    page.wait_for_selector("#veil", state="visible")
    page.keyboard.press("Escape")
    page.wait_for_selector("#veil", state="hidden")
    client.pushed()
    page.wait_for_selector("#veil", state="visible")
    page.click("text=Ignore")
    page.wait_for_selector("#veil", state="hidden")

    assert [each.result_code for each in client.sim.prompts()] == ["0", "1032", None]
    assert complaints == []
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False])
def test_a_person_pays_a_paybill_by_hand(simulate: Callable[..., Client], browser: Any, scripts: bool) -> None:
    client = simulate(merchants=(NASTY,), manual_clock=False)
    page = browser.new_context(java_script_enabled=scripts, viewport={"width": 360, "height": 700}).new_page()
    page.goto(client.sim.url + "/phone/254708374149")
    for pin, said in (("0000", "Not paid. That is not the PIN."), ("1234", "Paid: ")):
        if not page.is_visible("text=M-PESA PIN >> nth=-1"):
            page.click("summary")
        page.fill("input[name=account]", "<i>17</i>")
        page.fill("input[name=amount]", "250")
        page.fill("input[name=pin]", pin)
        page.click("button:has-text('Pay')")
        assert page.inner_text(".said").startswith(said)
    (movement,) = client.sim.movements()
    assert (movement.reference, movement.amount) == ("<i>17</i>", Money(25_000))
    if scripts:
        page.wait_for_selector(f".bubble:has-text('{movement.receipt} Confirmed. Ksh250.00 sent to <img src=x')")
    page.context.close()
