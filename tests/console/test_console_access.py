"""What whoever does not see a page needs of it: one heading, ids of their own, a name on every field and button."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from desks import Desk
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Status
from support import World, call_back, referral_in, rows, value

At = Callable[[Actor], Desk]


@dataclass
class Read(HTMLParser):
    """The parts of a page that have to fit together."""

    ids: list[str] = field(default_factory=list)
    pointed: list[str] = field(default_factory=list)
    fields: list[dict[str, str | None]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    labelled: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        for name in ("for", "aria-describedby", "aria-labelledby", "list"):
            self.pointed += str(given[name]).split() if given.get(name) else []
        if tag == "label":
            self.labelled += 1
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden":
            if self.labelled == 0 and not given.get("id"):
                self.faults.append(f"{tag} {given.get('name')} has no label")
            elif self.labelled == 0:
                self.fields.append(given)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self.labelled -= 1


def check(html: str) -> None:
    read = Read()
    read.feed(html)
    assert read.faults == []
    assert [each for each, count in Counter(read.ids).items() if count > 1] == []
    assert set(read.pointed) <= set(read.ids), set(read.pointed) - set(read.ids)
    labels = set(read.pointed)
    assert [each["name"] for each in read.fields if each.get("id") not in labels] == []
    assert read.headings[:1] == ["h1"]
    assert '<html lang="en">' in html
    assert html.count("<main ") == 1


@pytest.mark.parametrize("status", list(Status))
def test_a_referral_in_every_status(world: World, desk: At, status: Status) -> None:
    referral = referral_in(world, status)
    for who in (world.physician, world.admin, world.receiver, world.finance):
        page = desk(who).get(f"/referrals/{referral}/")
        check(page.content.decode())


def test_a_referral_whose_prompts_failed(world: World, desk: At) -> None:
    referral, prompt = world.prompted()
    call_back(prompt, code=1032)
    call_back(world.ask(referral, "254708001001"), code=1037)

    check(desk(world.admin).text(f"/referrals/{referral}/"))


def test_a_form_that_was_refused(world: World, desk: At) -> None:
    referral = referral_in(world, Status.AWAITING_BIODATA)

    check(desk(world.admin).post(f"/referrals/{referral}/particulars/", shown="awaiting-biodata").content.decode())


def test_the_other_pages(world: World, desk: At) -> None:
    for number in range(2):
        referral, prompt = world.prompted(f"25470800{1000 + number}")
        call_back(prompt)
        world.move(referral, Status.CANCELLED, reason="so")
    check(desk(world.admin).text("/work/"))
    check(desk(world.admin).text("/work/", q="jane", status="paid"))
    check(desk(world.physician).text("/referrals/new/"))
    check(desk(world.physician).post("/referrals/new/", receivingFacility="tumaini").content.decode())
    check(desk(world.admin).text("/settings/"))
    check(desk(world.operator).text("/settings/"))
    finance = desk(world.finance)
    for row in rows("SELECT receipt_id FROM task WHERE kind = 'refund' ORDER BY id LIMIT 1"):
        receipt = row["receipt_id"].hex
        finance.does(f"/money/{receipt}/propose/", reason="so", accountCode=code_of(receipt))
    check(finance.text("/money/"))
    check(desk(world.stranger).get(f"/referrals/{'0' * 32}/").content.decode())


def test_the_pages_of_a_facilitys_settings(world: World, desk: At) -> None:
    admin = desk(world.admin)
    here = f"/settings/{world.uhuru.pk.hex}"
    person = f"{here}/people/{world.physician.user.hex}/"
    price = value("SELECT id FROM price").hex
    world.move(world.referral(), Status.AWAITING_BIODATA)
    for page in (
        f"{here}/people/",
        person,
        f"{here}/people/{world.admin.user.hex}/",
        f"{here}/prices/",
        f"{here}/prices/?price={price}&shillings=1200",
        f"{here}/prices/?price={price}&to=Nowhere&shillings=x",
        f"{here}/account/",
        f"{here}/details/",
        "/settings/",
    ):
        check(admin.text(page))
    for form in (f"{here}/people/invite/", f"{person}roles/", f"{here}/details/save/", f"{here}/prices/set/"):
        answer = admin.post(form, name="", roles="king", price=price, shillings="1", was="")
        assert answer.status_code in {409, 422}, form
        check(answer.content.decode())
    theirs = desk(world.receiving_admin)
    account = f"/settings/{world.tumaini.pk.hex}/account/"
    theirs.does(f"{account}{world.account.pk.hex}/check/")
    check(theirs.text(account))
    check(theirs.post(f"{account}{world.account.pk.hex}/hold/", reason="").content.decode())
    theirs.does(f"{account}{world.account.pk.hex}/hold/", reason="so")
    check(theirs.text(account))


def code_of(receipt: str) -> str:
    paid = "SELECT account_code FROM fee JOIN application ON fee_id = fee.id WHERE receipt_id = %(id)s::uuid"
    return str(value(paid, id=receipt))
