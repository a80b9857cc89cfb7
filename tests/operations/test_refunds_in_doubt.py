"""What became of a refund, and who may say so: M-Pesa of its only order, a person of what stands in the statement."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any, Final

import pytest

from operations.law_ground import CENTS, Town
from operations.refund_ground import (
    A_DAY_S,
    NOTHING,
    PHONE,
    all_of_it,
    asked_by_its_id_to_the_end,
    committed,
    did_not_go,
    goes,
    posted,
    proposed,
    waits,
    whose_answers_are_all_lost,
)
from races.arranged import heard
from reports import NUMBER, result_body
from rufaa import clock
from rufaa.daraja.outcomes import NotSent, Unknown
from rufaa.daraja.outcomes_orders import Acknowledged, AlreadyTaken
from rufaa.db.aside import DatabaseSilent
from rufaa.db.atomic import unit
from rufaa.errors import InvalidArgument
from rufaa.ids import wire
from rufaa.ingest.address import Kind
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import orders, refunds, restored
from rufaa.payments.operations import SamePerson
from rufaa.payments.refund_refusals import RefundedMeanwhile, RefundNotOpen, RefundTooMuch, RefundUnderWay
from support import HANDLERS, World, advance, check_books, execute, inbox_outcomes, open_tasks, rows, unchanged, value


@pytest.fixture
def town(world: World, database: str) -> Iterator[Town]:
    with committed(world, database) as place:
        yield place


# --- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["proposed", "approved", "failed", "withdrawn"])
def test_what_was_given_back_in_the_portal_is_said_so_by_another_person(town: Town, state: str) -> None:
    receipt = waits(town)
    refund = all_of_it(town, receipt, "approved" if state == "withdrawn" else state)
    if state == "withdrawn":
        unit(lambda tx: refunds.withdraw(tx, refund, why="M-Pesa does not take it"))

    def conclude(by: uuid.UUID, *, went: bool = True) -> None:
        unit(lambda tx: refunds.conclude(tx, refund, went=went, number="UKS7PORTAL", why="in the portal", by=by))

    with pytest.raises(SamePerson):
        conclude(town.user)
    with pytest.raises(RefundNotOpen):
        conclude(town.second, went=False)
    conclude(town.second)

    assert (town.state("refund", refund), town.state("receipt", receipt)) == ("done", "refunded")
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert open_tasks() == []
    check_books()


def test_a_rest_that_mpesa_does_not_pay_out_is_given_by_hand_and_its_task_closes(town: Town) -> None:
    """KES 1,005 came by hand for a fee of 1,000."""
    receipt = waits(town)
    assert goes(all_of_it(town, receipt, "ordered", CENTS - 500), "UKS7BBBBB1") == "refunded"

    refund = unit(lambda tx: proposed(tx, receipt))
    with unchanged(), pytest.raises(RefundTooMuch, match="10 or more"):
        unit(lambda tx: refunds.approve(tx, refund, by=town.second))
    unit(lambda tx: refunds.conclude(tx, refund, went=True, number=None, why="in cash", by=town.second))

    assert (town.free(receipt), open_tasks()) == (0, [])
    check_books()


def test_what_nobody_agreed_to_and_was_withdrawn_cannot_be_said_to_have_gone(town: Town) -> None:
    refund = all_of_it(town, waits(town), "proposed")
    unit(lambda tx: refunds.withdraw(tx, refund, why="no"))

    with unchanged(), pytest.raises(RefundNotOpen):
        unit(lambda tx: refunds.conclude(tx, refund, went=True, number=None, why="x", by=town.second))


def test_what_a_person_said_to_have_gone_without_a_number_and_mpesa_tells_of_after_all_is_asked_about(
    town: Town,
) -> None:
    """The portal paid it out, and so did the order that had been called failed; or the two are one payment."""
    refund = all_of_it(town, waits(town), "failed")
    it_went(town, refund, None)
    assert open_tasks() == []

    assert goes(refund, "UKS7BBBBB1") == "contradicts"

    assert open_tasks() == ["contradiction"]
    assert "as UKS7BBBBB1" in value("SELECT why FROM task WHERE kind = 'contradiction'")
    assert goes(refund, "UKS7BBBBB1") == "known"
    assert goes(refund, "UKS7BBBBB2") == "contradicts"
    check_books()


def test_what_mpesa_told_without_a_number_gets_it_from_a_later_report(town: Town) -> None:
    refund = reversal(town, "ordered")
    town.do("UPDATE refund SET orders = 2 WHERE id = %(id)s", id=refund)
    assert posted(refund, "R000001", trusted=True) == "refunded"

    assert reversed_as(refund, "UKS7BBBBB1") == "known"

    assert value("SELECT number FROM refund WHERE id = %(id)s", id=refund) == "UKS7BBBBB1"
    assert open_tasks() == []


def test_that_it_was_reversed_before_is_no_question_once_it_is_done(town: Town) -> None:
    """A person had reversed it in the portal and said so; our own order came after."""
    refund = reversal(town, "unknown")
    it_went(town, refund, "UKS7CCCCC1")

    assert posted(refund, "R000001", trusted=True) == "known"

    assert open_tasks() == []


def test_one_payment_is_not_the_end_of_two_refunds(town: Town) -> None:
    first, second = (all_of_it(town, waits(town, f"UKS7AAAAA{which}"), "failed") for which in (1, 2))
    it_went(town, first, "UKS7CCCCC1")

    with unchanged(), pytest.raises(InvalidArgument, match="another refund"):
        it_went(town, second, "UKS7CCCCC1")
    with unchanged(), pytest.raises(InvalidArgument, match="another refund"):
        it_went(town, second, " uks7ccccc1")
    assert goes(second, "UKS7CCCCC1") == "number-taken"
    it_went(town, second, "")
    assert goes(second, "UKS7CCCCC1") == "number-taken"
    assert value("SELECT number FROM refund WHERE id = %(id)s", id=second) is None


def it_went(town: Town, refund: uuid.UUID, number: str | None) -> None:
    """A person says so, who looked in the portal."""
    unit(lambda tx: refunds.conclude(tx, refund, went=True, number=number, why="in the portal", by=town.second))


def reversal(town: Town, state: str, *, originator: str | None = "o-1") -> uuid.UUID:
    """Of all of a receipt that waits: ``ordered``, or its answer was lost."""
    receipt = waits(town)
    town.do("UPDATE receipt SET number = %(number)s WHERE id = %(id)s", id=receipt, number=NUMBER)
    refund = town.refund(receipt, amount_cents=CENTS, method="reversal", phone="")
    town.move("refund", refund, "approve", "approved", approved_by=town.second, next_at="2026-01-01")
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    lost = Unknown("timeout", "no answer", NOTHING)
    unit(lambda tx: orders.record(tx, order, Acknowledged("AG_1", originator, NOTHING) if state == "ordered" else lost))
    assert town.state("refund", refund) == state
    return refund


def reversed_as(refund: uuid.UUID, number: str) -> str:
    """M-Pesa's result of a reversal. What was made of it."""
    heard(Kind.RESULT, refund, result_body(TransactionID=number))
    settle_inbox(HANDLERS)
    return str(inbox_outcomes()[-1])


# --- what nobody answers ---------------------------------------------------------------------------------------------


def test_that_it_did_not_go_is_said_a_day_after_its_last_order(town: Town) -> None:
    """The statement may lag, and what is free is given back again: M-Pesa would pay twice."""
    receipt = waits(town)
    refund = whose_answers_are_all_lost(town, receipt)
    with unchanged(), pytest.raises(RefundUnderWay, match="still being asked"):
        did_not_go(town, refund)
    town.do("UPDATE refund SET next_at = NULL WHERE id = %(id)s", id=refund)  # M-Pesa has told nothing

    advance(A_DAY_S - orders.RESEND_AFTER_S - 60)
    with unchanged(), pytest.raises(RefundUnderWay, match="may lag"):
        did_not_go(town, refund)
    advance(120)
    did_not_go(town, refund)

    assert town.free(receipt) == CENTS


@pytest.mark.parametrize(
    "walk",
    [["accepted", "silent"], ["answer-lost"], ["lease-expired"], ["not-sent", "silent"], ["not-sent", "restored"]],
    ids=" then ".join,
)
def test_each_event_that_leaves_an_order_in_doubt_begins_the_day(town: Town, walk: list[str]) -> None:
    """The last two: what says that it was not sent may be wrong, and a lost server may have sent it."""
    receipt = waits(town)
    refund = all_of_it(town, receipt, "approved")
    unit(lambda tx: orders.claim_orders(tx, limit=5))
    for event in walk:
        state = {"accepted": "ordered", "not-sent": "approved"}.get(event, "unknown")
        town.move("refund", refund, event, state, next_at=None, lease_until=None)

    with unchanged(), pytest.raises(RefundUnderWay, match="may lag"):
        did_not_go(town, refund)
    advance(A_DAY_S + 60)
    did_not_go(town, refund)

    assert town.free(receipt) == CENTS


def test_a_payout_whose_answers_were_all_lost_is_asked_about_by_its_id(town: Town) -> None:
    refund = whose_answers_are_all_lost(town, waits(town))

    assert asked_by_its_id_to_the_end(refund) == len(orders._ASK_AFTER_S)

    assert open_tasks() == ["refund", "unapplied"]
    did_not_go(town, refund)  # the questions alone have taken more than a day


# --- who is believed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("times", "word", "state"), [(1, "not-refunded", "failed"), (2, "no-news", "unknown")])
def test_that_a_payout_failed_is_believed_of_the_only_order_that_there_was(
    town: Town, times: int, word: str, state: str
) -> None:
    """The second may have been refused for a wrong credential after the first was carried out."""
    refund = all_of_it(town, waits(town), "ordered")
    town.do("UPDATE refund SET orders = %(times)s WHERE id = %(id)s", id=refund, times=times)

    assert posted(refund, "2001", trusted=True) == word

    assert town.state("refund", refund) == state
    if times > 1:
        advance(orders.RESEND_AFTER_S)
        (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))  # under the one id, which M-Pesa knows
        unit(lambda tx: orders.record(tx, order, AlreadyTaken("500.002.1001", "duplicate", NOTHING)))
        advance(orders.RESULT_WAIT_S)
        unit(orders.tidy)
        assert asked_by_its_id_to_the_end(refund) == len(orders._ASK_AFTER_S)
        assert "refund" in open_tasks()


def test_an_order_that_mpesa_has_already_is_no_second_one(town: Town) -> None:
    """Of one whose answer was lost: what M-Pesa says of it then is certain."""
    refund = all_of_it(town, waits(town), "approved")
    for outcome in (Unknown("timeout", "no answer", NOTHING), AlreadyTaken("500.002.1001", "duplicate", NOTHING)):
        (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
        unit(lambda tx, it=order, came=outcome: orders.record(tx, it, came))
        advance(orders.RESEND_AFTER_S)

    assert posted(refund, "2001", trusted=True) == "not-refunded"

    assert town.state("refund", refund) == "failed"


@pytest.mark.parametrize("times", [1, 2])
def test_an_order_that_was_called_not_sent_and_was_sent_is_counted(town: Town, times: int) -> None:
    """Its time-out says so. A failure after the next one may be of either; of two it may be the other's at once."""
    refund = all_of_it(town, waits(town), "approved")
    for _ in range(times):
        (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
        unit(lambda tx, it=order: orders.record(tx, it, NotSent("http-503", "busy", 1.0, NOTHING)))
        advance(2)
    town.do("UPDATE refund SET approved_at = rufaa_now() WHERE id = %(id)s", id=refund)
    heard(Kind.TIMEOUT, refund, {"Result": {"OriginatorConversationID": wire(refund)}})
    settle_inbox(HANDLERS)
    assert town.state("refund", refund) == "unknown"
    if times == 1:
        assert len(unit(lambda tx: orders.claim_orders(tx, limit=5))) == 1

    assert posted(refund, "2001", trusted=True) == "no-news"


def test_an_order_of_which_mpesa_names_only_its_own_id_is_never_given_again(town: Town) -> None:
    refund = all_of_it(town, waits(town), "approved")
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    unit(lambda tx: orders.record(tx, order, Acknowledged("AG_1", None, NOTHING)))

    assert posted(refund) == "ask"  # somebody has found its address
    unit(orders.tidy)

    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    (inquiry,) = unit(lambda tx: orders.claim_inquiries(tx, limit=5))
    assert inquiry.original_conversation_id == wire(refund)


@pytest.mark.parametrize(("times", "state"), [(1, "failed"), (2, "unknown")])
def test_a_status_that_it_failed_is_believed_of_the_only_order_that_there_was(
    town: Town, times: int, state: str
) -> None:
    refund = all_of_it(town, waits(town), "unknown")
    town.do(
        "UPDATE refund SET orders = %(times)s, originator_conversation_id = %(wire)s, next_at = rufaa_now()"
        " WHERE id = %(id)s",
        id=refund, times=times, wire=wire(refund),
    )  # fmt: skip
    (inquiry,) = unit(lambda tx: orders.claim_inquiries(tx, limit=5))

    told = {"Key": "TransactionStatus", "Value": "Declined"}
    result = {"ResultCode": 0, "ConversationID": "AG_9", "ResultParameters": {"ResultParameter": [told]}}
    heard(Kind.RESULT, inquiry.id, {"Result": result})
    settle_inbox(HANDLERS)

    assert town.state("refund", refund) == state


def test_whoever_posts_to_a_refunds_address_has_it_asked_about_once_and_never_ordered(town: Town) -> None:
    in_doubt = all_of_it(town, waits(town), "approved")
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    unit(lambda tx: orders.record(tx, order, Unknown("http-504", "busy", NOTHING)))
    before = rows("SELECT next_at FROM refund")
    assert posted(in_doubt) == "ask"
    assert rows("SELECT next_at FROM refund") == before  # it is ordered again at its own time
    execute("UPDATE refund SET state = 'failed', event = 'rejected', next_at = NULL")

    assert posted(in_doubt, id_of=uuid.uuid4()) == "ask"

    assert "contradiction" not in open_tasks()  # which would hold up what is proposed anew


def test_what_was_reversed_before_is_not_ordered_again_which_would_look_like_ours(town: Town) -> None:
    """The order's answer was lost, and its result was faster than the next order."""
    refund = reversal(town, "unknown")

    assert posted(refund, "R000001", trusted=True) == "reversed-before"

    advance(orders.RESEND_AFTER_S)
    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert unit(orders.next_order_s) is None
    assert open_tasks() == ["refund", "unapplied"]


class Silent:
    """Accounts that the database does not tell."""

    async def get(self, account: uuid.UUID) -> Any:
        raise DatabaseSilent(f"account {account.hex}")


def test_what_the_database_kept_waiting_is_ordered_later_and_not_called_failed(town: Town) -> None:
    refund = all_of_it(town, waits(town), "approved")
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    worker = orders.Orders(None, Silent(), None, addresses=lambda _: None)  # type: ignore[arg-type]

    outcome = asyncio.run(worker._send(order, claimed_at=clock.uptime_s()))
    unit(lambda tx: orders.record(tx, order, outcome))

    assert town.state("refund", refund) == "approved"
    advance(orders.RESEND_AFTER_S)
    assert [each.refund for each in unit(lambda tx: orders.claim_orders(tx, limit=5))] == [refund]


# --- after a restore -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["proposed", "approved"])
def test_a_refund_of_before_a_restore_is_ordered_by_nobody_until_it_was_compared(town: Town, state: str) -> None:
    """It may have been withdrawn, or done otherwise, in the time that is lost."""
    receipt = waits(town)
    refund = all_of_it(town, receipt, state)
    unit(lambda tx: restored.note(tx, restoration=uuid.uuid4(), backup_at=clock.now()))
    if state == "proposed":
        with pytest.raises(RefundedMeanwhile):
            unit(lambda tx: refunds.approve(tx, refund, by=town.second))
        unit(lambda tx: restored.compared(tx, "all is here"))
        unit(lambda tx: refunds.approve(tx, refund, by=town.second))
        assert len(unit(lambda tx: orders.claim_orders(tx, limit=5))) == 1
        return
    town.move("refund", refund, "restored", "unknown", next_at="2026-01-01", sent_at=clock.now())

    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert asked_by_its_id_to_the_end(refund) == len(orders._ASK_AFTER_S)
    assert open_tasks() == ["refund", "unapplied"]
    did_not_go(town, refund)
    assert town.free(receipt) == CENTS


@pytest.mark.parametrize("method", ["b2c", "reversal"])
def test_what_was_agreed_to_before_a_restore_is_not_ordered_though_it_is_compared_at_once(
    town: Town, method: str
) -> None:
    """No worker has come by yet."""
    receipt = waits(town)
    town.do("UPDATE receipt SET number = 'UKS7AAAAA1' WHERE id = %(id)s", id=receipt)
    refund = town.refund(receipt, amount_cents=CENTS, method=method, phone=PHONE if method == "b2c" else "")
    town.move("refund", refund, "approve", "approved", approved_by=town.second, next_at="2026-01-01")
    unit(lambda tx: restored.note(tx, restoration=uuid.uuid4(), backup_at=clock.now()))
    town.move("refund", refund, "restored", "unknown", next_at="2026-01-01", orders=1, sent_at=clock.now())

    unit(lambda tx: restored.compared(tx, "all is here"))

    assert asked_by_its_id_to_the_end(refund) == (len(orders._ASK_AFTER_S) if method == "b2c" else 0)
    assert "refund" in open_tasks()


@pytest.mark.parametrize("state", ["approved", "sending", "unknown"])
def test_that_it_failed_is_no_certainty_after_a_restore(town: Town, state: str) -> None:
    """The lost server may have ordered it twice, and M-Pesa speak of the second."""
    refund = all_of_it(town, waits(town), "approved" if state == "unknown" else state)
    if state == "unknown":
        (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
        unit(lambda tx: orders.record(tx, order, Unknown("timeout", "no answer", NOTHING)))
    restores()

    assert posted(refund, "2001", trusted=True) == "no-news"

    assert town.state("refund", refund) == "unknown"


def test_a_reversal_that_cannot_be_asked_about_is_not_ordered_again_after_a_restore(town: Town) -> None:
    """Its result may have come to the lost server, and the money have been given back otherwise."""
    refund = reversal(town, "ordered", originator=None)
    restores()
    unit(lambda tx: restored.compared(tx, "all is here"))

    advance(orders.RESULT_WAIT_S)
    unit(orders.tidy)

    assert unit(lambda tx: orders.claim_orders(tx, limit=5)) == []
    assert (town.state("refund", refund), open_tasks()) == ("unknown", ["refund", "unapplied"])


def test_after_a_restore_a_day_goes_by_before_it_is_said_that_it_did_not_go(town: Town) -> None:
    """Of a reversal that was in doubt before, and that the lost server may have ordered once more."""
    refund = reversal(town, "unknown")
    advance(A_DAY_S + 60)
    restores()
    unit(lambda tx: restored.compared(tx, "all is here"))

    with unchanged(), pytest.raises(RefundUnderWay, match="may lag"):
        did_not_go(town, refund)
    advance(A_DAY_S + 60)
    did_not_go(town, refund)


def restores() -> None:
    """The database is the one of a backup made now."""
    execute(restored.make_safe(restoration=uuid.uuid4(), backup_at=clock.now()))


# --- a clock that was set back ---------------------------------------------------------------------------------------

AHEAD_S: Final = 30 * 24 * 3600.0


@pytest.mark.fault(51)
@pytest.mark.parametrize("state", ["approved", "sending", "ordered", "unknown"])
@pytest.mark.parametrize("ahead_s", [25 * 3600.0, AHEAD_S])
def test_what_was_put_off_while_the_clock_was_ahead_goes_on_at_once(town: Town, state: str, ahead_s: float) -> None:
    advance(ahead_s)
    refund = all_of_it(town, waits(town), state)
    if state != "sending":
        execute("UPDATE refund SET next_at = rufaa_now() + interval '2 minutes'")
    advance(-ahead_s)

    unit(orders.tidy)
    assert town.state("refund", refund) == ("unknown" if state in {"sending", "ordered"} else state)
    advance(orders.RESEND_AFTER_S)

    ordered, asked = unit(lambda tx: (orders.claim_orders(tx, limit=5), orders.claim_inquiries(tx, limit=5)))
    # how long ago an order was given is not known: it is not given again
    assert (len(ordered), len(asked)) == ((1, 0) if state == "approved" else (0, 1))


def test_of_an_order_of_while_the_clock_was_ahead_the_day_begins_where_it_was_set_back(town: Town) -> None:
    advance(AHEAD_S)
    refund = whose_answers_are_all_lost(town, waits(town))
    advance(-AHEAD_S)
    town.do("UPDATE refund SET next_at = NULL WHERE id = %(id)s", id=refund)
    with unchanged(), pytest.raises(RefundUnderWay, match="may lag"):
        did_not_go(town, refund)
    waits(town, "UKS7AAAAA2")  # the first that is written since

    advance(A_DAY_S - 60)
    with unchanged(), pytest.raises(RefundUnderWay, match="may lag"):
        did_not_go(town, refund)
    advance(120)
    did_not_go(town, refund)


def test_a_restore_of_while_the_clock_was_ahead_forbids_nothing_for_as_long(town: Town) -> None:
    refund = reversal(town, "unknown")
    advance(A_DAY_S + AHEAD_S)
    restores()
    unit(lambda tx: restored.compared(tx, "all is here"))
    waits(town, "UKS7AAAAA2")  # written while it was ahead
    advance(-AHEAD_S)
    waits(town, "UKS7AAAAA3")  # the first that was not

    advance(3600)
    with unchanged(), pytest.raises(RefundUnderWay, match="may lag"):  # the lost server may have ordered it until then
        did_not_go(town, refund)
    advance(A_DAY_S - 3600 + 60)
    did_not_go(town, refund)


def test_what_mpesa_does_not_take_is_told_of_though_the_clock_was_ahead(town: Town) -> None:
    advance(AHEAD_S)
    all_of_it(town, waits(town), "approved")
    execute("UPDATE refund SET approved_at = rufaa_now()")
    (order,) = unit(lambda tx: orders.claim_orders(tx, limit=5))
    unit(lambda tx: orders.record(tx, order, NotSent("http-503", "busy", 1.0, NOTHING)))
    advance(-AHEAD_S)

    unit(orders.tidy)

    assert open_tasks() == ["refund", "unapplied"]
