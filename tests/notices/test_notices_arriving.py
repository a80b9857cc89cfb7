"""What comes from the SMS gateway: deliveries, STOP, and what only pretends to come from it."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from notices.ground import PHONE, africas_talking, goes_wrong, known_phone, notices, send, states, tells, told
from rufaa.db.atomic import unit
from rufaa.notices import arriving
from rufaa.notices.arriving import Addresses, addresses
from rufaa.simulator.testing import RunningSimulator
from support import KEYS, Running, World, execute, rows, snapshot, value, wait_until


def ours(gateway: Running) -> Addresses:
    return addresses(gateway.url, KEYS)


def post_form(url: str, **form: str) -> tuple[int, str]:
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def sent(world: World, simulator: RunningSimulator, *faults: str, phone: str = PHONE) -> str:
    tells(world)
    referral = world.approved()
    known_phone(referral, phone)
    goes_wrong(simulator, *(faults or ("no-report",)))
    send(africas_talking(simulator))
    return referral


def everything() -> object:
    return snapshot(), rows("SELECT * FROM notice ORDER BY id"), rows("SELECT * FROM notice_wish ORDER BY id")


def test_the_gateway_reports_what_arrived_and_what_did_not(
    world: World, simulator: RunningSimulator, gateway: Running
) -> None:
    goes_wrong(simulator, reports_url=ours(gateway).reports, incoming_url=ours(gateway).incoming)

    arrived = sent(world, simulator, "report-twice")
    wait_until(lambda: states(arrived) == {"received": "delivered"}, what="the report")
    failed = sent(world, simulator, "undelivered", phone="254708000322")
    wait_until(lambda: states(failed) == {"received": "undelivered"}, what="the report")

    assert notices(failed)[0]["reason"] == "UserIsInactive"


def test_a_report_may_come_before_the_answer(world: World, simulator: RunningSimulator, gateway: Running) -> None:
    goes_wrong(simulator, reports_url=ours(gateway).reports)

    referral = sent(world, simulator, "report-first")

    (row,) = notices(referral)
    assert row["state"] == "delivered"
    assert row["gateway_id"].startswith("ATXid_")
    assert row["cost"] == "KES 0.8000"


def test_a_report_that_comes_while_the_answer_is_being_committed_is_not_lost(
    world: World, simulator: RunningSimulator, database_url: str
) -> None:
    """It finds neither the id, which is not committed yet, nor, once it has waited, a message without one."""
    referral = sent(world, simulator)
    execute("SET LOCAL session_replication_role = replica; UPDATE notice SET gateway_id = NULL, state = 'sending'")
    told = {"id": "ATXid_9", "status": "Success", "phoneNumber": f"+{PHONE}"}
    with psycopg.connect(database_url) as worker, ThreadPoolExecutor(1) as thread:
        worker.execute("UPDATE notice SET gateway_id = 'ATXid_9', state = 'sent', event = 'taken'")
        (pid,) = worker.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        reported = thread.submit(lambda: unit(lambda tx: arriving.report(tx, told)))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE %(pid)s = ANY(pg_blocking_pids(pid))"
        wait_until(lambda: value(waits, pid=pid) == 1, what="the report's wait")
        worker.commit()
        assert reported.result(30) is True

    assert states(referral) == {"received": "delivered"}


def test_a_report_says_that_a_message_whose_answer_was_lost_went_out(
    world: World, simulator: RunningSimulator, gateway: Running
) -> None:
    referral = sent(world, simulator, "lost-answer")
    assert states(referral) == {"received": "unknown"}

    assert post_form(ours(gateway).reports, id="ATXid_9", status="Success", phoneNumber=f"+{PHONE}") == (200, "")

    assert states(referral) == {"received": "delivered"}
    assert notices(referral)[0]["gateway_id"] == "ATXid_9"
    assert len(told(simulator)) == 1


def test_of_two_that_were_lost_nobody_can_tell_which(
    world: World, simulator: RunningSimulator, gateway: Running
) -> None:
    referrals = [sent(world, simulator, "lost-answer") for _ in range(2)]
    before = everything()

    assert post_form(ours(gateway).reports, id="ATXid_9", status="Success", phoneNumber=f"+{PHONE}")[0] == 200

    assert everything() == before
    assert [states(each) for each in referrals] == [{"received": "unknown"}] * 2


def test_a_report_of_another_phones_message_is_not_of_the_lost_one(
    world: World, simulator: RunningSimulator, gateway: Running
) -> None:
    sent(world, simulator, "lost-answer")
    other = sent(world, simulator, phone="254708000322")
    before = everything()

    answer = post_form(
        ours(gateway).reports, id=notices(other)[0]["gateway_id"], status="Success", phoneNumber=f"+{PHONE}"
    )

    assert answer == (200, "")
    assert everything() == before


def test_a_later_report_only_adds(world: World, simulator: RunningSimulator, gateway: Running) -> None:
    referral = sent(world, simulator)
    (row,) = notices(referral)
    given = {"id": row["gateway_id"], "phoneNumber": f"+{PHONE}"}

    for status, state in (
        ("Buffered", "sent"),
        ("Failed", "undelivered"),
        ("Success", "delivered"),
        ("Failed", "delivered"),
    ):
        assert post_form(ours(gateway).reports, status=status, **given)[0] == 200
        assert states(referral) == {"received": state}


@pytest.mark.parametrize(
    "form",
    [
        {"id": "", "status": "Success", "phoneNumber": f"+{PHONE}"},
        {"id": "ATXid_1", "status": "Delighted", "phoneNumber": f"+{PHONE}"},
        {"id": "ATXid_1", "status": "Success", "phoneNumber": "nobody"},
        {"id": "x" * 121, "status": "Success", "phoneNumber": f"+{PHONE}"},
        {},
    ],
)
def test_what_is_no_report_is_told_why_and_changes_nothing(
    world: World, simulator: RunningSimulator, gateway: Running, form: dict[str, str]
) -> None:
    sent(world, simulator)
    before = everything()

    status, words = post_form(ours(gateway).reports, **form)

    assert status == 400
    assert words.split()[0] in {"id", "status", "phoneNumber"}
    assert everything() == before


def test_a_forged_report_changes_nothing(world: World, simulator: RunningSimulator, gateway: Running) -> None:
    """Of a stranger, who has no address; of who has one, for a message of another phone, or that is not ours."""
    referral = sent(world, simulator)
    (row,) = notices(referral)
    true = {"id": row["gateway_id"], "status": "Success", "phoneNumber": f"+{PHONE}"}
    before = everything()
    wrong = f"{gateway.url}/sms/{'0' * 32}"

    assert post_form(f"{wrong}/reports", **true)[0] == 404
    assert post_form(f"{wrong}/incoming", **{"from": f"+{PHONE}", "text": "STOP"})[0] == 404
    assert post_form(ours(gateway).reports.replace("/reports", "/anything"), **true)[0] == 404
    assert post_form(ours(gateway).reports, **(true | {"phoneNumber": "+254708000999"}))[0] == 200
    assert post_form(ours(gateway).reports, **(true | {"id": "ATXid_of_others"}))[0] == 200
    assert post_form(ours(gateway).reports, **(true | {"id": "ATXid_of_others", "status": "Failed"}))[0] == 200
    assert post_form(ours(gateway).reports, **(true | {"more": "x" * 20_000}))[0] == 413

    assert everything() == before


@pytest.mark.parametrize("word", ["STOP", "stop please", " Acha", "Stop."])
def test_stop_ends_all_messages_and_start_begins_them(
    world: World, simulator: RunningSimulator, gateway: Running, word: str
) -> None:
    tells(world)
    referral, later = world.approved(), world.approved()
    for each in (referral, later):
        known_phone(each)
    execute("UPDATE notice SET next_at = NULL WHERE referral_id = %(id)s", id=uuid.UUID(later))

    assert post_form(ours(gateway).incoming, **{"from": f"+{PHONE}", "text": word, "to": "22384"})[0] == 200
    send(africas_talking(simulator))
    assert told(simulator) == []
    assert (states(referral), notices(referral)[0]["reason"]) == ({"received": "dropped"}, "unwanted")

    assert post_form(ours(gateway).incoming, **{"from": f"+{PHONE}", "text": "START"})[0] == 200
    execute("UPDATE notice SET next_at = rufaa_now() WHERE state = 'due'")
    send(africas_talking(simulator))
    assert states(later) == {"received": "sent"}


def test_the_phone_writes_stop_on_the_handset(world: World, simulator: RunningSimulator, gateway: Running) -> None:
    goes_wrong(simulator, incoming_url=ours(gateway).incoming)
    body = b'{"text": "STOP"}'
    request = urllib.request.Request(
        f"{simulator.url}/control/phones/{PHONE}/replies", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.read() == b'{"status": 200}'

    assert rows("SELECT phone, wants, said FROM notice_wish") == [{"phone": PHONE, "wants": False, "said": "sms"}]


def test_other_words_of_a_phone_are_no_wish(world: World, gateway: Running) -> None:
    for text in ("Thank you", "when is it?", "", "stopwatch"):
        assert post_form(ours(gateway).incoming, **{"from": f"+{PHONE}", "text": text})[0] == 200
    assert post_form(ours(gateway).incoming, **{"from": "me", "text": "STOP"})[0] == 400

    assert rows("SELECT * FROM notice_wish") == []


def test_who_opts_out_with_the_operator_is_left_alone_and_said_once(world: World, gateway: Running) -> None:
    for _ in range(2):
        assert post_form(ours(gateway).opt_out, senderId="RUFAA", phoneNumber=f"+{PHONE}")[0] == 200

    assert rows("SELECT wants, said FROM notice_wish") == [{"wants": False, "said": "gateway"}]
