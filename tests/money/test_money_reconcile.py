"""``rufaa reconcile``: one pass asks about all that is open; a dry run asks nobody and changes nothing."""

from __future__ import annotations

import asyncio
import threading
import uuid
from dataclasses import replace

import pytest

from rufaa.cli.reconciling import Reconciled, reconcile
from rufaa.config import Config, load
from rufaa.daraja.client import Daraja, MemoryTokens, new_session
from rufaa.daraja.registration import Registered
from rufaa.db.atomic import unit
from rufaa.ingest.address import confirmation_url
from rufaa.payments import pulls, unsettled
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    CANCELS,
    KEYS,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    execute,
    give_operator,
    open_tasks,
    operated,
    post,
    push_beyond,
    pushes,
    receipts,
    requests_to,
    rows,
    snapshot,
    unchanged,
    value,
)

PAYER = "254708374149"
QUERY = "/mpesa/stkpushquery/v1/query"
STATUS = "/mpesa/transactionstatus/v1/query"
REVERSAL = "/mpesa/reversal/v1/request"


class Pass:
    """A pass over the town, as the command makes it, with its words."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.lines: list[str] = []
        self.done = Reconciled([], 0, 0)

    def __call__(self, *, dry_run: bool = False, wait_s: float = 0) -> str:
        self.done = reconcile(self.config, dry_run=dry_run, wait_s=wait_s)
        self.lines = list(self.done.lines)
        text = "\n".join(self.lines)
        for secret in (PAYER, PAYS, RINGS, CANCELS, "Wafula", "fracture"):
            assert secret not in text
        return text


@pytest.fixture
def one_pass(town: World, simulator: RunningSimulator, gateway: Running) -> Pass:
    """Of an account that has an initiator."""
    give_operator(town, simulator)
    return Pass(gateway.config)


def code_of(referral: str) -> str:
    return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))


def lost(world: World, simulator: RunningSimulator, worker: Worker, phone: str = PAYS) -> tuple[str, uuid.UUID]:
    """A prompt whose callback never came, and that nobody has asked about yet."""
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    asked = world.prompted(phone)
    worker.dispatch()
    simulator.advance(10)
    return asked


# --- nothing ---------------------------------------------------------------------------------------------------------


def test_where_nothing_is_open_it_says_so(one_pass: Pass) -> None:
    text = one_pass()

    assert one_pass.lines == ["mpesa:174379", "  open    nothing", "  asked   nothing"]
    assert (one_pass.done.tasks, one_pass.done.left_open) == (0, 0)
    assert "would" not in text


# --- prompts -------------------------------------------------------------------------------------------------------


def test_open_prompts_are_asked_about_before_their_time(
    town: World, simulator: RunningSimulator, worker: Worker, one_pass: Pass
) -> None:
    referral, prompt = lost(town, simulator, worker)
    cancelled, other = lost(town, simulator, worker, CANCELS)

    text = one_pass()

    assert town.status(referral) == "paid"
    assert f"  found   Prompt 1 of {code_of(referral)}: paid, receipt whose number is awaited." in one_pass.lines
    assert any(
        line.startswith(f"  waits   Prompt 1 of {code_of(cancelled)}: pending, asked 1 times; asked again at ")
        for line in one_pass.lines
    ), text
    assert "  open    2 prompts" in one_pass.lines
    assert "  asked   2 prompts" in one_pass.lines
    assert len(requests_to(simulator, QUERY)) == 2
    assert town.prompt(other)["unpaid_queries"] == 1
    assert town.prompt(prompt)["state"] == "paid"
    check_books(simulator)


def test_a_prompt_in_review_of_the_day_before_is_asked_about(
    town: World, simulator: RunningSimulator, worker: Worker, one_pass: Pass
) -> None:
    # given: nobody could be asked for a day, and a person has it
    referral, prompt = lost(town, simulator, worker)
    checkout = town.prompt(prompt)["checkout_request_id"]
    execute(
        "UPDATE prompt SET state = 'review', event = 'overdue', next_at = NULL, sent_at = sent_at - interval '2 days'"
    )

    one_pass()

    assert (town.status(referral), town.prompt(prompt)["checkout_request_id"]) == ("paid", checkout)


def test_each_prompt_is_asked_about_once_though_more_falls_due(
    town: World, simulator: RunningSimulator, worker: Worker, one_pass: Pass
) -> None:
    for number in range(7):
        lost(town, simulator, worker, f"25470800103{number}")

    one_pass()

    assert value("SELECT array_agg(DISTINCT queries) FROM prompt") == [1]


def test_a_prompt_without_an_id_waits_for_its_callback(
    town: World, simulator: RunningSimulator, worker: Worker, one_pass: Pass
) -> None:
    simulator.script(Fault(FaultKind.ANSWER_LOST))
    town.prompted(RINGS)
    worker.dispatch()

    one_pass()

    assert requests_to(simulator, QUERY) == []
    assert one_pass.done.left_open == 1
    assert "M-Pesa gave it no id to ask by, only its callback or the statement can tell." in one_pass.lines[-1]


def test_nothing_is_sent_to_a_phone(town: World, simulator: RunningSimulator, one_pass: Pass) -> None:
    _, prompt = town.prompted(RINGS)

    one_pass()

    assert (pushes(simulator), town.prompt(prompt)["state"]) == (0, "created")
    assert one_pass.lines[-1].endswith(": it is not sent yet.")


def test_the_rate_of_the_account_holds(
    town: World, simulator: RunningSimulator, worker: Worker, one_pass: Pass, capsys: pytest.CaptureFixture[str]
) -> None:
    execute("UPDATE mpesa_account SET queries_per_min = 120")
    for number in range(4):
        lost(town, simulator, worker, f"25470800103{number}")

    one_pass()

    assert value("SELECT sum(queries) FROM prompt") == 4
    assert "still to ask, as fast as the rate allows." in capsys.readouterr().err


def test_a_stored_report_that_waits_is_settled_first(
    town: World, simulator: RunningSimulator, worker: Worker, one_pass: Pass
) -> None:
    referral, _ = town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(10)
    assert "1 stored reports are not settled yet, and would be." in one_pass(dry_run=True)

    one_pass()

    assert town.status(referral) == "paid"
    assert requests_to(simulator, QUERY) == []  # its callback has told
    assert one_pass.done.left_open == 0


# --- money by its number -------------------------------------------------------------------------------------------


def claimed(world: World, simulator: RunningSimulator, gateway: Running) -> str:
    """A receipt number that somebody typed, and of which no notice ever comes."""
    referral = world.waiting()
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)
    gateway.do("mutation", "receipts:typeCode", {"referralId": referral, "code": number}, by=world.admin)
    return number


def test_a_claim_is_asked_about_and_its_answer_waited_for(
    town: World, simulator: RunningSimulator, gateway: Running, one_pass: Pass
) -> None:
    number = claimed(town, simulator, gateway)

    def answer() -> None:
        simulator.wait_until(lambda: len(requests_to(simulator, STATUS)) == 1)
        simulator.advance(30)

    answering = threading.Thread(target=answer)
    answering.start()
    one_pass(wait_s=30)
    answering.join()

    assert f"  found   The claim of receipt {number}: confirmed." in one_pass.lines
    assert f"  found   New money: receipt {number} of KES 1,000.00 waits in unapplied." in one_pass.lines
    assert (receipts(), open_tasks()) == ([(number, "unapplied")], ["unapplied"])
    assert (one_pass.done.tasks, one_pass.done.left_open) == (1, 0)
    assert one_pass.lines[-1].startswith("  for the finance people of Tumaini Referral Hospital: unapplied. ")
    assert one_pass.lines[-1].endswith(f" (rufaa explain {number})")


def test_an_answer_that_does_not_come_in_time_is_left_to_the_worker(
    town: World, simulator: RunningSimulator, gateway: Running, one_pass: Pass, worker: Worker
) -> None:
    number = claimed(town, simulator, gateway)

    one_pass()

    assert one_pass.done.left_open == 1
    assert one_pass.lines[-1].startswith(f"  waits   The claim of receipt {number}: asked 1 times; asked again at ")
    simulator.advance(30)
    worker.settle()
    assert receipts() == [(number, "unapplied")]


def test_a_claim_that_was_given_up_is_asked_about_again(
    town: World, simulator: RunningSimulator, gateway: Running, one_pass: Pass
) -> None:
    claimed(town, simulator, gateway)
    execute("UPDATE claim SET next_at = NULL")
    advance(26 * 3600, simulator)

    one_pass()

    assert rows("SELECT asked, next_at IS NULL AS never FROM claim") == [{"asked": 1, "never": False}]
    assert len(requests_to(simulator, STATUS)) == 1
    assert open_tasks() == ["claim"]
    simulator.advance(30)
    one_pass()
    assert value("SELECT ended_as FROM claim") == "confirmed"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"MPESA_CALLBACKS": "none", "MPESA_ENVIRONMENT": "simulator"}, "MPESA_CALLBACKS=none: no answer could come."),
        ({}, "the account has no initiator; only a notice (C2B) or Pull confirms it."),
    ],
)
def test_where_nobody_could_be_asked_no_claim_is(
    town: World,
    simulator: RunningSimulator,
    gateway: Running,
    worker: Worker,
    database: str,
    settings: dict[str, str],
    why: str,
) -> None:
    number = claimed(town, simulator, gateway)
    if settings:
        give_operator(town, simulator)
    given = {"RUFAA_MODE": "demo", "RUFAA_SECRET_KEYS": KEYS[0], "DATABASE_URL": database, **settings}
    one_pass = Pass(load(given))

    one_pass()

    assert requests_to(simulator, STATUS) == []
    assert one_pass.lines[-1] == f"  waits   The claim of receipt {number}: {why}"
    tell(town, gateway, worker, number)


def tell(world: World, gateway: Running, worker: Worker, number: str) -> None:
    """The notice of a payment comes after all, so that the books have what the till has."""
    post(confirmation_url(gateway.url, world.account.pk, keys=KEYS), notice(number))
    worker.settle()


def notice(number: str) -> dict[str, str]:
    return {
        "TransactionType": "Pay Bill",
        "TransID": number,
        "TransTime": "20261128120000",
        "TransAmount": "1000.00",
        "BusinessShortCode": DEMO_SHORT_CODE,
        "BillRefNumber": "RENT",
        "MSISDN": "2547 ***** 149",
    }


def test_a_payment_of_an_unknown_prompt_is_found(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, one_pass: Pass
) -> None:
    push_beyond(simulator, callback_url=gateway.callback_url(uuid.uuid4()))
    simulator.advance(10)
    worker.settle()
    execute("UPDATE stray SET next_at = NULL")  # nobody asks any more
    execute(
        "INSERT INTO task (id, kind, stray_id, why)"
        " SELECT gen_random_uuid(), 'stray', id, 'Nobody confirms it.' FROM stray"
    )

    text = one_pass()

    assert value("SELECT count(*) FROM stray WHERE receipt_id IS NOT NULL") == 1
    assert "reported for an unknown prompt: found." in text
    assert open_tasks() == ["unapplied"]
    check_books(simulator)


def test_a_refund_in_doubt_is_asked_about_and_none_is_ordered(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, one_pass: Pass
) -> None:
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)
    tell(town, gateway, worker, number)
    args = {"receiptId": value("SELECT id FROM receipt").hex, "reason": "paid twice"}
    gateway.do("mutation", "refunds:propose", args, by=town.finance)
    assert f"The refund of KES 1,000.00 of receipt {number}: a second person has to agree." in one_pass()

    execute(
        "UPDATE refund SET state = 'approved', event = 'approve', approved_by = gen_random_uuid(),"
        " next_at = rufaa_now()"
    )
    assert "it is to be ordered by a worker." in one_pass()
    assert requests_to(simulator, REVERSAL) == []

    simulator.script(Fault(FaultKind.RESULT_LOST))
    worker.order()
    assert "it is ordered, and its result is waited for." in one_pass()
    assert requests_to(simulator, STATUS) == []
    advance(200, simulator)  # no result comes, and nobody has asked yet
    one_pass()
    assert (len(requests_to(simulator, STATUS)), len(requests_to(simulator, REVERSAL))) == (1, 1)
    simulator.advance(30)
    assert f"  found   The refund of KES 1,000.00 of receipt {number}: done." in one_pass().splitlines()
    assert value("SELECT state FROM refund") == "done"


def pulled(world: World, simulator: RunningSimulator, gateway: Running) -> None:
    """The account is registered for Pull, and was asked a moment ago."""

    async def register() -> None:
        async with new_session() as session:
            daraja, keys = Daraja(session, now=simulator.now), operated(simulator)
            where = confirmation_url(gateway.url, world.account.pk, keys=KEYS)
            outcome = await daraja.pull_register(keys, MemoryTokens(daraja, keys), callback_url=where)
        assert isinstance(outcome, Registered), outcome

    asyncio.run(register())
    unit(lambda tx: pulls.start(tx, world.account.pk))
    execute("UPDATE mpesa_access SET pull_at = rufaa_now() + interval '14 minutes'")


def test_pull_is_asked_now_and_finds_what_nobody_told_of(
    town: World, simulator: RunningSimulator, gateway: Running, one_pass: Pass
) -> None:
    pulled(town, simulator, gateway)
    referral = town.waiting()
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(referral), 1000)  # nothing is registered: no notice comes
    advance(1800, simulator)

    one_pass()

    assert "  asked   nothing and Pull of 48 hours" in one_pass.lines
    assert (
        f"  found   New money: receipt {number} of KES 1,000.00 pays the fee of {code_of(referral)}." in one_pass.lines
    )
    assert town.status(referral) == "paid"
    assert (one_pass.done.tasks, one_pass.done.left_open) == (0, 0)
    again = unit(pulls.next_pull_s)
    assert again is not None
    assert again > 800  # and then as always


def test_a_receipt_that_awaits_its_number_gets_it_by_pull(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, one_pass: Pass
) -> None:
    pulled(town, simulator, gateway)
    referral, _ = lost(town, simulator, worker)
    advance(21, simulator)
    worker.query()
    advance(1800, simulator)
    assert one_pass(dry_run=True).count("its number comes with a notice (C2B), or by Pull within 48 hours.") == 1

    one_pass()

    number = simulator.prompts()[0].receipt
    assert any(
        line.startswith(
            f"  found   Receipt {number} of KES 1,000.00, of prompt 1 of {code_of(referral)}: its number came."
        )
        for line in one_pass.lines
    )
    assert (receipts(), one_pass.done.left_open) == ([(number, "applied")], 0)


def test_what_moved_on_meanwhile_keeps_its_time(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, one_pass: Pass
) -> None:
    """A worker was faster than the pass: an order that is to be given keeps its time, and so does a prompt's push."""
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)
    tell(town, gateway, worker, number)
    args = {"receiptId": value("SELECT id FROM receipt").hex, "reason": "paid twice"}
    gateway.do("mutation", "refunds:propose", args, by=town.finance)
    town.prompted(RINGS)
    execute("UPDATE refund SET next_at = rufaa_now() + interval '1 hour'")
    execute("UPDATE prompt SET next_at = rufaa_now() + interval '1 hour'")
    read = unit(unsettled.now)
    stale = [replace(item, state="unknown", known_there=True) for item in read.items]
    assert [(item.what, item.askable) for item in stale] == [("refund", True), ("prompt", True)]

    with unchanged():
        unit(lambda tx: unsettled.make_due(tx, stale))


# --- a dry run -----------------------------------------------------------------------------------------------------


def everything(town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, database: str) -> None:
    """One of each that can be open."""
    lost(town, simulator, worker)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    town.prompted("254708001030")
    worker.dispatch()
    advance(25, simulator)
    worker.query()  # one is paid without a number, one is asked about again
    referral = town.waiting()
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 700)
    gateway.do("mutation", "receipts:typeCode", {"referralId": referral, "code": number}, by=town.admin)
    push_beyond(simulator, callback_url=gateway.callback_url(uuid.uuid4()), phone="254709000000")
    simulator.advance(10)
    worker.settle()
    lost(town, simulator, worker, "254708001031")
    unit(lambda tx: pulls.start(tx, town.account.pk))


def test_a_dry_run_asks_nobody_and_changes_nothing(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, one_pass: Pass, database: str
) -> None:
    everything(town, simulator, gateway, worker, database)
    post(confirmation_url(gateway.url, town.account.pk, keys=KEYS), b"{}")  # and a report that nobody settled
    before, journal = snapshot(), simulator.journal()
    access = rows("SELECT * FROM mpesa_access")

    text = one_pass(dry_run=True)

    assert (snapshot(), simulator.journal(), rows("SELECT * FROM mpesa_access")) == (before, journal, access)
    for line in (
        "  would ask  Prompt 1 of ",
        "  would ask  The claim of receipt ",
        "  would ask  Pull of the last 48 hours; else asked at ",
        "  cannot ask Receipt without a number of KES 1,000.00, of prompt 1 of ",
        "1 stored reports are not settled yet, and would be.",
    ):
        assert line in text, text
    assert "of no known account\n  open       1 payment of an unknown prompt\n  would ask  Receipt " in text
    assert one_pass.done.left_open == 6
    one_pass()  # and then it is asked
    assert len(requests_to(simulator, STATUS)) == 1
    simulator.advance(30)
    one_pass()


# --- beside a worker -------------------------------------------------------------------------------------------------


def test_two_passes_at_once_do_no_harm(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, one_pass: Pass
) -> None:
    prompts = [lost(town, simulator, worker, f"25470800100{number}")[1] for number in (0, 2, 4)]
    passes = [Pass(gateway.config) for _ in range(3)]
    threads = [threading.Thread(target=each) for each in passes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(each.lines for each in passes)
    assert value("SELECT max(count) FROM (SELECT count(*) FROM receipt GROUP BY prompt_id) AS each (count)") in (
        None,
        1,
    )
    assert {town.prompt(prompt)["state"] for prompt in prompts} <= {"paid", "pending", "unpaid"}
    check_books(simulator)
