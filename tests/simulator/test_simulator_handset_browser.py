"""Two phones on one table, in Debian's Chromium: who pays, who errs, who pays by hand, and what is made to go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from browsing import FLAGS
from demo_process import need_program
from rufaa.money import Money
from rufaa.simulator.config import Merchant

if TYPE_CHECKING:
    from conftest import Client, Listener

pytestmark = pytest.mark.browser
NASTY = Merchant("174379", "demo-key", "demo-secret", "demo-passkey", "<img src=x onerror=alert(1)>")
FIRST, SECOND = "254708374149", "254708007001"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = need_program("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page on which nothing may go wrong; a refusal that the page shows is none."""
    complaints: list[str] = []
    opened: list[Page] = []

    def open_page(*, width: int = 1280, height: int = 860, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", lambda said: None if "status of 4" in said.text else complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        page.context.close()
    assert complaints == []


def phone(page: Page, number: str) -> Locator:
    return page.locator(f"#phone-{number}")


def no_wider_than_the_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_two_phones_at_once_one_pays_and_the_other_types_a_wrong_pin(
    client: Client, window: Callable[..., Page]
) -> None:
    page = window()
    page.goto(client.sim.url + "/")
    one, two = phone(page, FIRST), phone(page, SECOND)
    expect(one.locator(".link")).to_have_text("Safaricom")
    expect(two.get_by_text("No messages yet.")).to_be_visible()

    # both are asked, and both ring, each with its own words; the first keeps the cursor
    client.pushed(FIRST, AccountReference="RFA4K2")
    expect(one.get_by_role("dialog")).to_contain_text("pay KES 1,000.00 to RUFAA DEMO Account RFA4K2?")
    client.pushed(SECOND, AccountReference="RFB7T9", Amount="2500")
    expect(two.get_by_role("dialog")).to_contain_text("pay KES 2,500.00 to RUFAA DEMO Account RFB7T9?")
    expect(one.get_by_label("M-PESA PIN, four digits")).to_be_focused()
    expect(page).to_have_title("● Virtual handset")

    # the one pays with its keypad, the other types on the keyboard, and errs
    for digit in "1234":
        one.get_by_role("button", name=f"Digit {digit}").click()
    two.get_by_label("M-PESA PIN, four digits").press_sequentially("9a9-999")
    expect(two.get_by_label("M-PESA PIN, four digits")).to_have_value("9999")
    one.get_by_role("button", name="Send").click()
    expect(one.get_by_role("dialog")).to_be_hidden()
    expect(two.get_by_role("dialog")).to_be_visible()
    two.get_by_role("button", name="Send").click()
    expect(two.get_by_role("dialog")).to_be_hidden()

    paid, failed = client.sim.prompts()
    assert (paid.result_code, failed.result_code) == ("0", "2001")
    expect(one.locator(".balance")).to_have_text("Ksh69,000.00")
    expect(two.locator(".balance")).to_have_text("Ksh70,000.00")
    expect(one.locator(".bubble")).to_have_text(
        f"{paid.receipt} Confirmed. Ksh1,000.00 sent to RUFAA DEMO for account RFA4K2 on 23/11/26 at 9:12 AM. "
        "New M-PESA balance is Ksh69,000.00. Transaction cost, Ksh0.00."
    )
    expect(two.locator(".bubble")).to_have_text("Failed. You have entered a wrong PIN. Please try again.")

    # what others write comes on top; what was read is no longer new
    client.control(f"/control/phones/{FIRST}/messages", {"from": "RUFAA", "text": "<b>Asante</b>\nKaribu tena"})
    expect(one.locator(".bubble")).to_have_count(2)
    expect(one.locator(".bubble").first).to_have_text("<b>Asante</b>\nKaribu tena")
    expect(one.locator(".badge")).to_have_text("2 new")
    one.get_by_role("button", name="Mark as read").click()
    expect(one.locator(".badge")).to_be_hidden()
    expect(two.locator(".badge")).to_have_text("1 new")

    # the books say the same, to the shilling
    assert client.sim.wallet(FIRST) == Money(6_900_000)
    assert client.sim.wallet(SECOND) == Money(7_000_000)
    assert client.sim.till("174379") == Money(100_000)
    expect(page.locator("#tills")).to_contain_text("Ksh1,000.00")


def test_the_ring_runs_out_and_the_phone_is_quiet(client: Client, window: Callable[..., Page]) -> None:
    page = window()
    client.pushed(FIRST)
    client.sim.advance(20)
    page.goto(f"{client.sim.url}/phone/{FIRST}")
    prompt = page.get_by_role("dialog")
    expect(prompt.get_by_role("timer")).to_have_text("40")
    left = prompt.locator("circle.left")
    assert 33 < float(left.get_attribute("stroke-dashoffset") or "0") < 34
    client.sim.advance(41)
    expect(prompt).to_be_hidden()
    assert client.sim.prompts()[0].result_code == "1037"


def test_a_wallet_is_filled_and_emptied_and_then_too_low(client: Client, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(f"{client.sim.url}/phone/{FIRST}")
    page.get_by_text("Add money").first.click()
    page.get_by_label("Shillings, paid in").fill("2,500")
    page.get_by_role("button", name="Add money").click()
    expect(page.locator(".balance")).to_have_text("Ksh72,500.00")
    page.get_by_label("Shillings, paid in").fill("lots")
    page.get_by_role("button", name="Add money").click()
    expect(page.locator(".cash .said")).to_have_text("shillings is a whole number from 1 to 250,000.")
    page.get_by_role("button", name="Empty the wallet").click()
    expect(page.locator(".balance")).to_have_text("Ksh0.00")
    client.pushed(FIRST)
    expect(page.get_by_label("M-PESA PIN, four digits")).to_be_focused()
    page.keyboard.type("1234")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble").first).to_contain_text("You do not have enough money in your M-PESA account")
    assert client.sim.prompts()[0].result_code == "1"


def test_a_phone_is_switched_off_and_on(client: Client, window: Callable[..., Page]) -> None:
    page = window()
    page.goto(f"{client.sim.url}/phone/{FIRST}")
    page.get_by_label("When it is asked for money, it").select_option("is switched off")
    expect(page.get_by_text("Switched off", exact=True)).to_be_visible()
    client.pushed(FIRST)
    client.sim.advance(2)
    assert client.sim.prompts()[0].result_code == "1037"
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("Switched off", exact=True)).to_be_hidden()
    client.pushed(FIRST)
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_switches_do_what_they_say_and_show_what_is_on(
    client: Client, listener: Listener, window: Callable[..., Page]
) -> None:
    page = window()
    page.goto(client.sim.url + "/")
    expect(page.locator("#on-now")).to_have_text("Nothing goes wrong on purpose.")
    twice = page.get_by_role("radiogroup", name="The callback comes twice.")
    down = page.get_by_role("radiogroup", name="M-Pesa is down: a page with 503, and no phone rings.")
    late = page.locator("[data-switch=callback-late]")

    # once: used up by the next prompt, and off by itself
    twice.get_by_label("Once").check()
    expect(page.locator("#on-now")).to_have_text("On now: callback twice (once).")
    client.pushed(FIRST)
    phone(page, FIRST).get_by_label("M-PESA PIN, four digits").fill("1234")
    page.keyboard.press("Enter")
    expect(phone(page, FIRST).locator(".bubble")).to_have_count(1)
    expect(twice.get_by_label("Off")).to_be_checked()
    client.sim.advance(3)
    assert [each["ResultCode"] for each in listener.callbacks] == [0, 0]
    assert client.sim.wallet(FIRST) == Money(6_900_000)

    # always: until it is switched off
    down.get_by_label("Always").check()
    expect(page.locator("#on-now")).to_have_text("On now: M-Pesa down (until switched off).")
    assert [client.push(FIRST).status for _ in range(3)] == [503, 503, 503]
    down.get_by_label("Off").check()
    expect(page.locator("#on-now")).to_have_text("Nothing goes wrong on purpose.")
    assert client.push(SECOND).status == 200

    # with seconds, which are refused in words where they make no sense
    late.get_by_label("Seconds").fill("9999")
    late.get_by_label("Once").click()
    expect(page.locator("#trouble")).to_have_text("seconds is a whole number from 1 to 3,600.")
    expect(late.get_by_label("Off")).to_be_checked()
    late.get_by_label("Seconds").fill("30")
    late.get_by_label("Once").check()
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#on-now")).to_have_text("On now: callback late (once).")
    (fault,) = client.get("/control/faults").json["faults"]
    assert (fault["kind"], fault["delay_s"], fault["count"]) == ("callback-delayed", 30, 1)
    page.get_by_role("button", name="All off").click()
    expect(page.locator("#on-now")).to_have_text("Nothing goes wrong on purpose.")
    assert client.get("/control/faults").json == {"faults": []}


def test_a_phone_is_put_on_the_table_and_taken_away_at_360_pixels(client: Client, window: Callable[..., Page]) -> None:
    page = window(width=360, height=740)
    page.goto(f"{client.sim.url}/phone/{FIRST}")
    assert no_wider_than_the_window(page)
    page.get_by_label("Phone number").fill("0712 345 678")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("somebody's real phone")
    page.get_by_label("Phone number").fill("0708 007 002")
    page.keyboard.press("Enter")
    expect(page.locator("article")).to_have_count(2)
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(["0708 374 149", "0708 007 002"])
    assert no_wider_than_the_window(page)

    # one phone fills the window; the other is a tap away, and its tab tells that it rings
    client.pushed("254708007002")
    expect(page.locator("nav .rings")).to_have_text("0708 007 002")
    page.get_by_role("link", name="0708 007 002").click()
    expect(phone(page, "254708007002").get_by_label("M-PESA PIN, four digits")).to_be_in_viewport()
    phone(page, FIRST).get_by_role("link", name="Take it away").click()
    expect(page.locator("article")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_person_pays_with_mouse_and_keyboard(simulate: Callable[..., Client], window: Callable[..., Page]) -> None:
    client = simulate(merchants=(NASTY,), manual_clock=False)
    page = window(width=360, height=700)
    page.goto(f"{client.sim.url}/phone/{FIRST}")

    client.pushed(AccountReference="<b>bold</b>")
    expect(page.locator(".asked")).to_contain_text("<b>bold</b>")
    expect(page.get_by_label("M-PESA PIN, four digits")).to_be_focused()
    page.keyboard.type("12")
    page.click("button[aria-label='Digit 9']")
    page.click("button[aria-label='Delete the last digit']")
    page.click("button[aria-label='Digit 3']")
    page.keyboard.press("Enter")
    expect(page.locator(".problem")).to_have_text("A PIN has four digits.")
    page.click("button[aria-label='Digit 4']")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble")).to_contain_text("Confirmed. Ksh1,000.00 sent to <img src=x")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".balance")).to_have_text("Ksh69,000.00")
    assert no_wider_than_the_window(page)

    client.pushed()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    client.pushed()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.click("text=Ignore it")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert [each.result_code for each in client.sim.prompts()] == ["0", "1032", None]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_person_pays_a_paybill_by_hand(
    simulate: Callable[..., Client], window: Callable[..., Page], scripts: bool
) -> None:
    client = simulate(merchants=(NASTY,), manual_clock=False)
    page = window(width=360, height=700, java_script_enabled=scripts)
    page.goto(f"{client.sim.url}/phone/{FIRST}")
    form = page.locator(".lipa form")
    for pin, said in (("0000", "Not paid. That is not the PIN."), ("1234", "Paid: ")):
        if not form.is_visible():
            page.get_by_text("Lipa na M-PESA", exact=True).click()
        form.get_by_label("Account number").fill("<i>17</i>")
        form.get_by_label("Amount in shillings").fill("250")
        form.get_by_label("M-PESA PIN").fill(pin)
        form.get_by_role("button", name="Pay").click()
        expect(form.locator(".said")).to_contain_text(said)
    (movement,) = client.sim.movements()
    assert (movement.reference, movement.amount) == ("<i>17</i>", Money(25_000))
    if scripts:
        text = f"{movement.receipt} Confirmed. Ksh250.00 sent to <img src=x"
        expect(page.locator(".bubble")).to_contain_text(text)
