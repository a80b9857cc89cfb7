"""The virtual handset and the front door in a real browser: what a person sees, types and clicks."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from browsing import FLAGS
from demo_process import RINGS, Demo, need_program
from support import post, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = need_program("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which nothing may go wrong: no error on the console, no request that fails, nothing from elsewhere."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    opened = context.new_page()
    troubles: list[str] = []
    opened.on(
        "console", lambda message: troubles.append(message.text) if message.type in {"error", "warning"} else None
    )
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on(
        "response", lambda answer: troubles.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
    )
    opened.on("request", lambda ask: None if "//127.0.0.1:" in ask.url else troubles.append(f"elsewhere: {ask.url}"))
    yield opened
    context.close()
    assert troubles == []


@pytest.fixture
def ringing(demo: Demo) -> Iterator[str]:
    """A referral whose prompt rings on RINGS, which is left silent whatever the test did. Its id."""
    referral = demo.waiting()
    demo.ring(referral, RINGS)
    yield referral
    post(f"{demo.handset}/control/phones/{RINGS}/answer", {"action": "cancel"})
    wait_until(lambda: demo.payments(referral)[0]["status"] in {"completed", "failed"}, what="the end of the prompt")


def test_the_prompt_rings_and_the_pin_pays(demo: Demo, ringing: str, page: Page) -> None:
    code = demo.referral(ringing)["accountCode"]
    page.goto(f"{demo.handset}/phone/{RINGS}")
    prompt = page.get_by_role("dialog")
    expect(prompt).to_contain_text(f"Do you want to pay KES 1,000.00 to RUFAA DEMO Account {code}? Enter M-PESA PIN:")
    balance = page.locator(".balance").inner_text()
    assert "Wafula" not in prompt.inner_text()
    assert "fracture" not in prompt.inner_text()
    for digit in "1234":
        prompt.get_by_role("button", name=f"Digit {digit}").click()
    prompt.get_by_role("button", name="Send").click()

    expect(prompt).to_be_hidden()
    demo.wait_for_status(ringing, "paid")
    receipt = demo.referral(ringing)["payment"]["receipt"]
    message = page.locator(".thread li", has_text=f"{receipt} Confirmed")
    expect(message).to_contain_text("Ksh1,000.00")
    assert cents(balance) - cents(page.locator(".balance").inner_text()) == 100_000
    (payment,) = demo.payments(ringing)
    assert (payment["status"], payment["mpesaTransactionId"]) == ("completed", receipt)


def test_an_open_handset_rings_without_a_reload(demo: Demo, page: Page) -> None:
    referral = demo.waiting()
    page.goto(f"{demo.handset}/phone/{RINGS}")
    expect(page.locator(".link")).to_have_text("Safaricom")
    expect(page.get_by_role("dialog")).to_be_hidden()

    demo.ring(referral, RINGS)

    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_label("M-PESA PIN, four digits")).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    wait_until(lambda: demo.payments(referral)[0]["status"] == "failed", what="the cancelled prompt")


def test_cancel_leaves_it_unpaid(demo: Demo, ringing: str, page: Page) -> None:
    page.goto(f"{demo.handset}/phone/{RINGS}")
    expect(page.get_by_role("dialog")).to_be_visible()
    balance = page.locator(".balance").inner_text()

    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("dialog")).to_be_hidden()
    wait_until(lambda: demo.payments(ringing)[0]["status"] == "failed", what="the cancelled prompt")
    document = demo.referral(ringing)
    assert (document["status"], document["payment"]["status"]) == ("pending-payment", "due")
    assert (document["payment"]["prompt"]["status"], document["payment"].get("receipt")) == ("unpaid", None)
    assert "retrySTKPush" in document["allowedActions"]
    assert page.locator(".balance").inner_text() == balance


def test_a_wrong_pin_is_told_and_does_not_pay(demo: Demo, ringing: str, page: Page) -> None:
    page.goto(f"{demo.handset}/phone/{RINGS}")
    prompt = page.get_by_role("dialog")

    prompt.get_by_label("M-PESA PIN, four digits").fill("12")
    prompt.get_by_role("button", name="Send").click()
    expect(prompt.get_by_role("alert")).to_have_text("A PIN has four digits.")
    prompt.get_by_label("M-PESA PIN, four digits").fill("4321")
    page.keyboard.press("Enter")

    wait_until(lambda: demo.payments(ringing)[0]["status"] == "failed", what="the end of the prompt")
    (payment,) = demo.payments(ringing)
    assert payment["errorCode"] == "2001"
    assert demo.referral(ringing)["status"] == "pending-payment"


def test_a_forger_who_is_switched_on_is_not_believed_and_the_pin_is(demo: Demo, page: Page) -> None:
    referral = demo.waiting()
    page.goto(f"{demo.handset}/phone/{RINGS}")
    expect(page.locator(".clock")).not_to_be_empty()  # its first picture has come
    forger = page.get_by_role("radiogroup", name="Somebody reports a payment that was never made.")
    forger.get_by_label("Once").check()
    expect(page.locator("#on-now")).to_have_text("On now: forged callback (once).")
    balance = page.locator(".balance").inner_text()

    demo.ring(referral, RINGS)
    expect(forger.get_by_label("Off")).to_be_checked()  # it was used
    doubted = "it is believed only after a query"
    wait_until(lambda: doubted in demo.rufaa("explain", referral).stdout, what="the doubt about the forgery")
    assert demo.referral(referral)["status"] == "pending-payment"
    assert page.locator(".balance").inner_text() == balance

    page.get_by_label("M-PESA PIN, four digits").fill("1234")
    page.keyboard.press("Enter")
    demo.wait_for_status(referral, "paid")
    receipt = demo.referral(referral)["payment"]["receipt"]
    expect(page.locator(".thread li", has_text=f"{receipt} Confirmed.")).to_be_visible()
    assert cents(balance) - cents(page.locator(".balance").inner_text()) == 100_000


def test_the_table_of_phones_shows_who_rings(demo: Demo, ringing: str, page: Page) -> None:
    page.goto(f"{demo.url}/")
    page.get_by_role("link", name="virtual handset").click()
    expect(page).to_have_url(f"{demo.handset}/")

    expect(page).to_have_title("● Virtual handset")
    phone = page.get_by_role("article", name="0708 374 149")
    expect(phone.get_by_label("M-PESA PIN, four digits")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    wait_until(lambda: demo.payments(ringing)[0]["status"] == "failed", what="the cancelled prompt")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_front_door_is_whole_and_its_links_answer(demo: Demo, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})

    page.goto(f"{demo.url}/")

    expect(page.get_by_role("heading", name="Rufaa")).to_be_visible()
    for function in ("referrals:createReferral", "mpesa:initiateSTKPush", "payments:getByReferral"):
        expect(page.get_by_text(function, exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    links = {urljoin(demo.url, str(each.get_attribute("href"))) for each in page.locator("a[href], link[href]").all()}
    assert {f"{demo.handset}/", f"{demo.url}/healthz"} <= links
    for link in sorted(links):
        with urllib.request.urlopen(link, timeout=30) as response:
            assert response.status == 200, link


def test_the_curl_line_of_the_front_door_works(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/")
    shown = page.locator("pre").inner_text()

    body = re.search(r"-d '(\{.*\})'", shown)
    assert body is not None
    address = shown.split()[1]
    request = urllib.request.Request(address, body[1].encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert b'"status":"success"' in response.read()


def test_a_page_that_is_not_there_is_404(demo: Demo) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{demo.url}/nowhere", timeout=30)
    with refused.value as answer:
        assert answer.code == 404


def cents(balance: str) -> int:
    """``Ksh69,000.00`` in cents."""
    return int(re.sub(r"[^0-9]", "", balance))
