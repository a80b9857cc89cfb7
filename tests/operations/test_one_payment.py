"""One payment by a prompt, told by its notice, a query and its callback in every order: one receipt and its number."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from races.arranged import (
    NUMBER,
    OTHER,
    UNREFERENCED,
    arrives,
    callback,
    code_of,
    fee_of,
    heard,
    notice,
    query,
    sends,
    sent,
    settles,
    takes_one,
    todays,
)
from rufaa import reads
from rufaa.daraja.credentials import AccountKind
from rufaa.daraja.pull import ZONE_DOUBT
from rufaa.db.atomic import Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.ingest.address import Kind
from rufaa.money import Money
from rufaa.payments import claims, finance, operations, orders, queries, refunds, unapplied
from rufaa.payments.machine import Channel, Report
from rufaa.payments.plan_rows import Item
from rufaa.phone import Phone
from rufaa.referrals.operations import fees_paid
from support import (
    FEE,
    KEYS,
    RINGS,
    World,
    advance,
    check_books,
    credentials,
    execute,
    inbox_outcomes,
    open_tasks,
    receipts,
    rows,
    unchanged,
    value,
)

ORDERS = list(permutations(("notice", "query", "callback")))
SOON = timedelta(seconds=100)
"""After the prompt's life, as clocks may differ."""
LATE = timedelta(minutes=11)
"""Long after it, as a success that follows a failure may come."""


def tells(
    world: World,
    referral: str,
    prompt: uuid.UUID,
    order: Sequence[str],
    *,
    after: timedelta,
    channel: Channel = Channel.C2B,
    by_till: bool = False,
) -> None:
    """Each report of a payment made ``after`` the prompt is settled before the next is heard."""
    advance(after.total_seconds())
    told = notice(world, reference=UNREFERENCED if by_till else code_of(referral), channel=channel)
    for each in order:
        match each:
            case "notice":
                arrives(told)
            case "query":
                settles(query(prompt))
            case "callback":
                settles(callback(prompt))


def is_one_payment(world: World, referral: str, prompt: uuid.UUID) -> None:
    assert receipts() == [(NUMBER, "applied")]
    assert rows("SELECT prompt_id FROM receipt") == [{"prompt_id": prompt}]
    assert world.status(referral) == "paid"
    assert open_tasks() == []
    check_books()


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("after", [SOON, LATE], ids=["soon", "late"])
@pytest.mark.parametrize("by_till", [False, True], ids=["paybill", "till"])
@pytest.mark.parametrize("channel", [Channel.C2B, Channel.PULL])
def test_one_payment_is_one_receipt_whoever_tells_it_first(
    world: World, order: Sequence[str], after: timedelta, by_till: bool, channel: Channel
) -> None:
    referral, prompt = sent(world)

    tells(world, referral, prompt, order, after=after, by_till=by_till, channel=channel)

    is_one_payment(world, referral, prompt)


@pytest.mark.parametrize("order", [order for order in ORDERS if order[-1] == "callback"], ids="-".join)
def test_a_payment_is_not_left_to_a_later_prompt_that_mpesa_refused(world: World, order: Sequence[str]) -> None:
    """In time it would be rather the later one's, which rang no phone."""
    referral, refused = world.prompted()
    sends(refused)
    execute("UPDATE prompt SET state = 'refused', event = 'declined', sent_at = sent_at + interval '1 minute'")
    prompt = world.ask(referral)
    sends(prompt)

    tells(world, referral, prompt, order[:2], after=SOON)

    is_one_payment(world, referral, prompt)


@pytest.mark.parametrize("first", [Channel.PULL, Channel.TYPED])
def test_what_pull_alone_tells_the_time_of_may_be_hours_off_although_a_clerk_typed_its_code(
    world: World, first: Channel
) -> None:
    """The zone of Pull's dates is not sure (``pull.ZONE_DOUBT``), and who types a code tells no time."""
    referral, prompt = sent(world)
    pulled = notice(world, channel=Channel.PULL)
    pulled = replace(pulled, paid_at=pulled.paid_at - timedelta(hours=3), doubt=ZONE_DOUBT)
    typed = replace(notice(world, channel=Channel.TYPED), paid_at=None, phone_shown=None, trusted=False)

    for each in (pulled, typed) if first is Channel.PULL else (typed, pulled):
        arrives(each)
    settles(query(prompt))

    is_one_payment(world, referral, prompt)


def applied(world: World, referral: str) -> None:
    """The one receipt that waits, by a person."""
    (row,) = rows("SELECT id FROM receipt WHERE state = 'unapplied'")
    unit(lambda tx: unapplied.apply(tx, fee_of(referral), [row["id"]], by=world.finance.user, hand_on=fees_paid))


def test_what_a_callback_names_after_another_payment_was_taken_for_it_pays_the_fee(world: World) -> None:
    """A mother pays for one child by hand and for the next by a prompt, with as much, in one minute."""
    referral, prompt = sent(world)
    by_hand = world.waiting()
    arrives(notice(world))
    applied(world, by_hand)
    settles(query(prompt))
    assert (world.fee_state(referral), open_tasks()) == ("due", ["contradiction"])

    settles(callback(prompt, OTHER))

    assert sorted(receipts()) == sorted([(NUMBER, "applied"), (OTHER, "applied")])
    assert (world.status(referral), world.status(by_hand)) == ("paid", "paid")
    assert open_tasks() == ["contradiction", "contradiction"]  # how they lie is a person's to look at
    check_books()


def test_money_that_pays_a_fee_which_had_a_prompt_then_is_taken_for_no_other_prompts(world: World) -> None:
    """Two fees of one phone: the first's failure was believed, and its payment is told late."""
    first, failed = sent(world)
    settles(Item(failed, Report(channel=Channel.CALLBACK, result_code="1037", trusted=True)))
    second, prompt = sent(world)
    arrives(notice(world))
    applied(world, first)

    for told in (query(prompt), query(failed), callback(prompt, OTHER), callback(failed)):
        settles(told)

    assert sorted(receipts()) == sorted([(NUMBER, "applied"), (OTHER, "applied")])
    assert (world.status(first), world.status(second)) == ("paid", "paid")
    assert open_tasks() == []
    check_books()


def test_what_somebody_named_by_a_prompt_is_not_the_number_of_its_own_callback(world: World) -> None:
    """Who knows the prompt's address names money that came by hand, and the query says only that it is paid."""
    referral, prompt = sent(world)
    arrives(notice(world))
    forged = callback(prompt)
    settles(replace(forged, report=replace(forged.report, trusted=False)))
    settles(query(prompt))
    assert (receipts(), world.status(referral)) == ([(NUMBER, "applied")], "paid")

    settles(callback(prompt, OTHER))

    assert sorted(receipts()) == sorted([(NUMBER, "applied"), (OTHER, "unapplied")])
    assert open_tasks() == ["contradiction", "unapplied"]
    check_books()


@pytest.mark.parametrize("later", ["failed", "of other money"])
def test_a_report_that_answers_what_is_asked_about_used_money_is_seen(world: World, later: str) -> None:
    """Else finance would decide whether it was one payment or two without it."""
    _referral, prompt = sent(world)
    by_hand = world.waiting()
    arrives(notice(world))
    applied(world, by_hand)
    settles(query(prompt))
    assert open_tasks() == ["contradiction"]
    arrives(notice(world, OTHER, "RENT"))

    settles(
        Item(prompt, Report(channel=Channel.CALLBACK, result_code="1032", trusted=True))
        if later == "failed"
        else callback(prompt, OTHER)
    )

    assert open_tasks() == ["contradiction", "contradiction", "unapplied"]
    check_books()


def test_a_part_of_what_a_notice_told_goes_to_the_prompts_phone_once_its_callback_names_it(world: World) -> None:
    """A notice shows hardly any of a phone: somebody else's may agree with it."""
    referral, prompt = sent(world)
    world.move(referral, "cancelled", reason="went elsewhere")
    arrives(notice(world))
    settles(query(prompt))
    receipt = value("SELECT id FROM receipt WHERE prompt_id = %(prompt)s", prompt=prompt)

    def part(tx: Tx) -> uuid.UUID:
        half = Money.from_shillings(500)
        return refunds.propose(tx, receipt, fee=None, amount=half, phone=None, why="not ours", by=world.finance.user)

    with pytest.raises(refunds.RefundNeedsPhone):
        unit(part)
    settles(callback(prompt))
    refund = unit(part)

    assert rows("SELECT method, phone FROM refund WHERE id = %(id)s", id=refund) == [{"method": "b2c", "phone": RINGS}]
    check_books()


@pytest.mark.parametrize("read", [queries.attempts, lambda tx, fee: queries.summaries(tx, [fee])])
@pytest.mark.parametrize("asked", [True, False])
def test_whoever_reads_of_money_in_dispute_hears_when_a_person_is_asked_and_when_it_is_answered(
    world: World, asked: bool, read: Callable[[Tx, uuid.UUID], object]
) -> None:
    """Neither changes anything of the fee, and a patient may pay again between the two."""
    referral, prompt = sent(world)
    by_hand = world.waiting()
    arrives(notice(world))
    applied(world, by_hand)
    settles(query(prompt))
    if not asked:
        execute("UPDATE task SET closed_at = rufaa_now(), closed_as = 'hers' WHERE kind = 'contradiction'")
    sends(world.ask(referral, reason="she says that she has not paid"))  # the last is another one

    with reads.recording() as noted:
        unit(lambda tx: read(tx, fee_of(referral)))

    assert reads.topic("tasks", world.tumaini.pk) in noted.topics


def test_a_fee_that_another_fees_prompt_paid_is_not_said_to_be_paid_by_that_prompt(world: World) -> None:
    """It is another patient's, and shows their phone."""
    gone, prompt = sent(world)
    world.move(gone, "cancelled", reason="went elsewhere")
    settles(callback(prompt))
    referral = world.waiting()
    applied(world, referral)

    told = unit(lambda tx: operations.request_prompt(tx, fee_of(referral), phone=Phone(RINGS), amount=None))

    assert told == operations.PaidAlready(FEE, None)


def test_money_that_came_to_another_account_pays_nothing_on_this_one(world: World) -> None:
    """Not by its code, and not though the same finance office works both: the books of each are its own."""
    other = replace(credentials("http://127.0.0.1:1"), short_code="600000")
    account = unit(lambda tx: facilities.keep_account(tx, other, keys=KEYS, pushes_per_s=5, queries_per_min=5))
    unit(lambda tx: facilities.set_price(tx, world.elsewhere, amount=FEE, payee=world.tumaini, account=account))
    arrives(replace(notice(world, todays()), account=account.pk))
    (receipt,) = [row["id"] for row in rows("SELECT id FROM receipt")]
    fee = fee_of(world.waiting())

    with unchanged(), pytest.raises(claims.ReceiptUsed):
        unit(lambda tx: claims.type_code(tx, fee, todays(), by=world.admin.user, hand_on=fees_paid))
    with unchanged(), pytest.raises(unapplied.OtherAccount):
        unit(lambda tx: unapplied.apply(tx, fee, [receipt], by=world.finance.user, hand_on=fees_paid))


def test_a_code_that_was_typed_for_the_wrong_referral_can_be_typed_for_the_right_one_once_finance_has_looked(
    world: World,
) -> None:
    code = todays()
    wrong, right = fee_of(world.waiting()), fee_of(world.waiting())

    def types(fee: uuid.UUID) -> str:
        return unit(lambda tx: claims.type_code(tx, fee, code, by=world.admin.user, hand_on=fees_paid)).typed

    assert types(wrong) == claims.Typed.ASKED
    advance(31 * 60)
    unit(claims.hand_over)
    with unchanged(), pytest.raises(claims.ReceiptUsed):
        types(right)
    (task,) = rows("SELECT id FROM task WHERE kind = 'claim'")
    assert unit(lambda tx: finance.close_task(tx, world.finance, task["id"].hex, outcome="not in the statement"))

    assert value("SELECT count(*) FROM claim WHERE next_at IS NOT NULL") == 1  # M-Pesa is asked on, for the day
    assert types(right) == claims.Typed.ASKED
    assert rows("SELECT fee_id, ended_as, next_at IS NULL AS quiet FROM claim ORDER BY created_at") == [
        {"fee_id": wrong, "ended_as": "given-up", "quiet": True},
        {"fee_id": right, "ended_as": "", "quiet": False},
    ]
    arrives(notice(world, code))
    assert receipts() == [(code, "unapplied")]  # what M-Pesa tells after all is money all the same
    assert rows("SELECT proposed_fee_id FROM task WHERE kind = 'unapplied'") == [{"proposed_fee_id": right}]


@pytest.mark.parametrize("shared", [False, True])
def test_a_status_that_does_not_name_whom_it_paid_ends_no_claim_and_a_person_looks(world: World, shared: bool) -> None:
    """Safaricom's sample names the payer twice, and not the account that was paid (daraja.md §7); of two tills with one
    short code this does not tell which."""
    if shared:
        other = replace(credentials("http://127.0.0.1:1"), till_number="5500123", kind=AccountKind.TILL)
        unit(lambda tx: facilities.keep_account(tx, other, keys=KEYS, pushes_per_s=5, queries_per_min=5))
    fee = fee_of(world.waiting())
    unit(lambda tx: claims.type_code(tx, fee, todays(), by=world.admin.user, hand_on=fees_paid))
    (inquiry,) = unit(lambda tx: orders.claim_inquiries(tx, limit=5))
    told = {"TransactionStatus": "Completed", "ReceiptNo": todays(), "Amount": 1000, "DebitPartyName": "600984 - STORE"}
    told |= {"CreditPartyName": "174379 - RUFAA"} if shared else {}
    body = {
        "ResultCode": 0,
        "ConversationID": "AG_9",
        "ResultParameters": {"ResultParameter": [{"Key": key, "Value": each} for key, each in told.items()]},
    }

    heard(Kind.RESULT, inquiry.id, {"Result": body})
    takes_one()

    assert (inbox_outcomes(), receipts()) == (["no-money"], [])
    assert rows("SELECT ended_as FROM claim") == [{"ended_as": ""}]  # it is asked about again
    advance(31 * 60)
    unit(claims.hand_over)
    assert open_tasks() == ["claim"]
