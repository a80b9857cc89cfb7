"""``rufaa explain`` of money by its receipt number: what came, what it pays, what waits and why, and with whom."""

from __future__ import annotations

import re
import uuid

import pytest

from rufaa.cli.story import NothingFound, tell
from rufaa.db.atomic import unit
from rufaa.ingest.address import confirmation_url
from rufaa.payments import hold
from rufaa.referrals.machine import Status
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    execute,
    post,
    register_c2b,
    running_gateway,
    snapshot,
    value,
)

PAYER = "254708374149"
NAME = "JANE WAFULA"


class Counter:
    """A town with its paybill registered; people pay, type and ask what became of it."""

    def __init__(self, world: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> None:
        self.world, self.simulator, self.gateway, self.worker = world, simulator, gateway, worker

    def code(self, referral: str) -> str:
        return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))

    def pays(self, shillings: int, reference: str) -> str:
        """By hand; the receipt's number."""
        number = self.simulator.pay(PAYER, DEMO_SHORT_CODE, reference, shillings)
        advance(3, self.simulator)
        self.worker.settle()
        return number

    def receipt(self, number: str) -> str:
        return uuid.UUID(str(value("SELECT id FROM receipt WHERE number = %(n)s", n=number))).hex

    def told(self, what: str) -> str:
        before = snapshot()
        story = "\n".join(unit(lambda tx: list(tell(tx, what))))
        assert snapshot() == before
        for secret in (PAYER, PAYS, RINGS, "Wafula", NAME, "fracture"):
            assert secret not in story, story
        return story


@pytest.fixture
def counter(town: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> Counter:
    register_c2b(town, simulator, gateway)
    return Counter(town, simulator, gateway, worker)


def untimed(story: str) -> list[str]:
    """Its lines without the instants, which a run chooses."""
    return [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "(time)", line) for line in story.splitlines()]


# --- by hand -------------------------------------------------------------------------------------------------------


def test_money_by_hand_is_told_from_the_referral_and_by_its_number(counter: Counter) -> None:
    referral = counter.world.waiting()
    code = counter.code(referral)
    number = counter.pays(1000, code)

    story = untimed(counter.told(referral))

    assert f"  (time)  Receipt {number} is in the books with KES 1,000.00.  [receipt unapplied]" in story
    assert (
        f"  (time)  Receipt {number} came with {code} as reference, from 2547***149. M-Pesa says that it was paid at"
        " (time)." in story
    )
    assert f"  (time)  KES 1,000.00 of receipt {number} pays the fee of {code}." in story
    assert (
        f"  (time)  A notice of C2B tells of KES 1,000.00 with receipt {number}: it is new money, and pays the fee."
        in story
    )
    assert story[-1] == f"  Receipt {number} of KES 1,000.00 paid the fee."
    for clue in (
        number,
        number.lower(),
        code,
        f"{code[:4]} {code[4:].lower()}",
        counter.receipt(number),
        "0708374149",
        "1",
    ):
        assert counter.told(referral) in counter.told(clue), clue


def test_what_a_payer_typed_is_told_only_where_it_is_an_account_code(counter: Counter) -> None:
    number = counter.pays(700, NAME)

    story = untimed(counter.told(number))

    assert story[0] == f"Receipt {number} of KES 700.00 on mpesa:174379"
    assert story[1] == "  It was paid for no fee that is known here."
    assert any("came with a reference that is no account code, from 2547***149." in line for line in story)
    assert f"  Receipt {number} of KES 700.00 waits in unapplied for a person." in story
    assert story[-1] == (
        "  For a person: unapplied. KES 700.00 arrived without an account code as reference."
        " It is with the finance people of Tumaini Referral Hospital, since (time)."
    )


def test_who_asks_with_a_phone_finds_money_that_names_nothing(counter: Counter) -> None:
    number = counter.pays(700, "RENT")

    assert f"Receipt {number} of KES 700.00" in counter.told("0708 374 149")
    with pytest.raises(NothingFound):
        counter.told("0708 374 150")


def test_a_proposed_fee_is_told_on_both_sides(counter: Counter) -> None:
    referral = counter.world.waiting()
    code = counter.code(referral)
    number = counter.pays(400, code[:-1] + ("A" if code[-1] != "A" else "C"))

    money, fee = counter.told(number), counter.told(referral)

    assert f"Likely for {code}: a person confirms." in money
    assert "came with a reference that may be an account code with a slip in it, from 2547***149." in money
    assert f"  Receipt {number} waits with KES 400.00, and this fee is proposed for it: a person confirms." in fee
    assert fee.endswith("  No money has been seen.")


def test_how_much_of_a_receipt_pays_which_fee_is_told_with_who_said_so(counter: Counter) -> None:
    first, second = counter.world.waiting(), counter.world.waiting()
    number = counter.pays(2500, "RENT")
    for referral in (first, second):
        args = {"receiptIds": [counter.receipt(number)], "accountCode": counter.code(referral)}
        counter.gateway.do("mutation", "receipts:apply", args, by=counter.world.finance)

    for referral in (first, second):
        story = counter.told(referral)
        assert f"KES 1,000.00 of receipt {number} pays the fee of {counter.code(referral)}. By finance." in story
        assert (
            f"  Receipt {number} of KES 2,500.00: KES 1,000.00 paid the fee of {counter.code(first)}, KES 1,000.00 paid"
            f" the fee of {counter.code(second)}, KES 500.00 waits in unapplied for a person." in story
        )


# --- claims --------------------------------------------------------------------------------------------------------


def test_a_forged_notice_is_told_as_a_claim(counter: Counter, database: str) -> None:
    body = {
        "TransactionType": "Pay Bill",
        "TransID": "UKS6UBBB8A",
        "TransTime": "20261128120000",
        "TransAmount": "1000.00",
        "BusinessShortCode": DEMO_SHORT_CODE,
        "BillRefNumber": NAME,
        "FirstName": NAME,
        "MSISDN": "2547 ***** 149",
    }
    with running_gateway(database, RUFAA_CALLBACK_ADDRESSES="196.201.214.200") as strict:
        assert post(confirmation_url(strict.url, counter.world.account.pk, keys=KEYS), body).status == 200
    counter.worker.settle()

    story = untimed(counter.told("uks6ubbb8a"))

    assert story[:2] == ["Receipt UKS6UBBB8A, which is claimed", "  No receipt of this number is in the books."]
    assert (
        "  (time)  A notice told of receipt UKS6UBBB8A with KES 1,000.00, and cannot be believed alone."
        " It is money only when M-Pesa says so." in story
    )
    assert story[-1].startswith(
        "  Receipt UKS6UBBB8A is claimed, and nobody who may say so has confirmed it. M-Pesa was asked 0 times; next"
    )
    report = untimed(counter.told("1"))
    assert report[:2] == [
        "Stored report 1: a notice of a payment (C2B)",
        "  (time)  It came from 127.0.0.1, which may not speak for Safaricom.",
    ]
    assert story[0] in report


def test_a_typed_code_is_told_with_who_typed_it_and_what_was_asked(counter: Counter) -> None:
    referral = counter.world.waiting()
    number = str(counter.simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000))  # its notice has not come yet
    args = {"referralId": referral, "code": number}
    counter.gateway.do("mutation", "receipts:typeCode", args, by=counter.world.admin)
    counter.worker.order()

    story = counter.told(referral)

    assert f"Receipt {number} was typed in for the fee of {counter.code(referral)}. By admin." in story
    assert f"M-Pesa was asked what became of receipt {number}." in story
    assert (
        f"  Receipt {number} is claimed, and nobody who may say so has confirmed it. M-Pesa was asked 1 times" in story
    )

    advance(3, counter.simulator)  # the notice comes
    counter.worker.settle()
    story = counter.told(referral)
    assert f"The claim of receipt {number} was confirmed." in story
    assert "is claimed, and nobody" not in story
    assert "For a person: unapplied. KES 1,000.00 arrived without an account code as reference. Likely for" in story


# --- giving back ---------------------------------------------------------------------------------------------------


def test_a_refund_is_told_with_both_people_and_no_reason(counter: Counter) -> None:
    number = counter.pays(700, "RENT")
    office = counter.gateway
    refund = office.do(
        "mutation",
        "refunds:propose",
        {"receiptId": counter.receipt(number), "reason": f"{NAME} paid twice"},
        by=counter.world.finance,
    )["refundId"]
    assert f"  Receipt {number} of KES 700.00: KES 700.00 is promised to be given back." in counter.told(number)

    story = untimed(counter.told(refund))

    assert (
        f"  (time)  To give KES 700.00 of receipt {number} back was proposed. By finance.  [refund proposed]" in story
    )
    assert (
        f"  The refund of KES 700.00 of receipt {number}, from what waited, by reversal: proposed. Proposed by finance."
        in story
    )


def test_why_a_paid_referral_was_cancelled_is_not_told(counter: Counter) -> None:
    referral = counter.world.waiting()
    counter.pays(1000, counter.code(referral))
    counter.world.move(referral, Status.CANCELLED, reason=f"{NAME} went elsewhere")

    assert "For a person: refund. The referral was cancelled after it was paid. It is with" in counter.told(referral)


# --- tasks, holds, what could not be taken in -----------------------------------------------------------------------


def test_a_closed_task_is_told_with_who_closed_it(counter: Counter) -> None:
    referral = counter.world.waiting()
    number = counter.pays(1000, "RENT")
    args = {"receiptIds": [counter.receipt(number)], "accountCode": counter.code(referral)}
    counter.gateway.do("mutation", "receipts:apply", args, by=counter.world.finance)

    story = untimed(counter.told(referral))

    assert (
        "  (time)  A person was asked: unapplied. KES 1,000.00 arrived without an account code as reference." in story
    )
    assert "  (time)  The task unapplied was closed: the money was applied. By finance." in story


def test_what_a_person_wrote_of_a_task_is_not_told(counter: Counter) -> None:
    counter.pays(700, "RENT")
    execute("UPDATE task SET closed_at = rufaa_now(), closed_as = %(name)s", name=NAME)

    assert "The task unapplied was closed: what was done is written down." in counter.told("1")


def test_the_hold_of_the_account_is_told(counter: Counter) -> None:
    referral, _ = counter.world.prompted(RINGS)
    unit(lambda tx: hold.hold(tx, counter.world.account.pk, reason="M-Pesa is down", by="amina"))

    assert "  Prompts of the account are on hold since " in counter.told(referral)
    assert ", by amina: M-Pesa is down" in counter.told(referral)

    unit(lambda tx: hold.release(tx, counter.world.account.pk, by="baraka"))
    counter.worker.dispatch()
    story = counter.told(referral)
    assert "Prompts of the account were put on hold, by amina: M-Pesa is down" in story
    assert "The hold was ended, by baraka." in story
    assert "are on hold since" not in story
    counter.pays(1000, counter.code(referral))
    advance(5)
    unit(lambda tx: hold.hold(tx, counter.world.account.pk, reason="again", by="amina"))
    assert "by amina: again" not in "\n".join(counter.told(referral).splitlines()[2:-2])  # it was paid before


def test_a_receipt_whose_number_is_awaited_is_told(counter: Counter) -> None:
    counter.simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, _ = counter.world.prompted(PAYS)
    counter.worker.dispatch()
    advance(21, counter.simulator)
    counter.worker.query()

    assert "  The receipt whose number is awaited of KES 1,000.00 paid the fee." in counter.told(referral)


def test_what_could_not_be_read_is_told_by_its_number(counter: Counter) -> None:
    post(confirmation_url(counter.gateway.url, counter.world.account.pk, keys=KEYS), b"{}")
    counter.worker.settle()

    story = untimed(counter.told("1"))

    assert story[0] == "Stored report 1: a notice of a payment (C2B)"
    assert story[2].startswith("  (time)  It was settled: it could not be read (malformed: ")


@pytest.mark.parametrize("what", ["99", "UKN0000000", "0" * 32, "", "9" * 40, "254708374149"])
def test_what_leads_nowhere_is_one_sentence(counter: Counter, what: str) -> None:
    with pytest.raises(NothingFound, match="Nothing is known by"):
        counter.told(what)
