"""C2B: addresses are registered; payments by hand are made, asked about and confirmed, and so are prompts."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from by_hand import PAYER, register_c2b
from rufaa import clock
from rufaa.money import Money
from rufaa.simulator.config import DEMO_MERCHANT, C2bVersion, SimulatorSettings
from rufaa.simulator.engine import NotRinging
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.movements import Way
from rufaa.simulator.paybill import NotPaid
from rufaa.simulator.plans import C2bPhone
from rufaa.simulator.testing import RunningSimulator, running_simulator
from support import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Client, Listener, Open

PAYS = "254708000000"
TILL = replace(DEMO_MERCHANT, short_code="600001", till_number="700001", name="RUFAA TILL")


def confirmations(listener: Listener) -> list[dict[str, Any]]:
    return [json.loads(body) for path, body in zip(listener.paths, listener.bodies, strict=True) if path == "/c/1"]


@pytest.fixture
def registered(client: Client, listener: Listener) -> Client:
    assert register_c2b(client, listener).status == 200
    return client


# ---------------------------------------------------------------- registering


def test_addresses_are_registered_and_kept(client: Client, listener: Listener) -> None:
    got = register_c2b(client, listener)
    assert got.status == 200
    assert got.json == {
        "OriginatorCoversationID": got.json["OriginatorCoversationID"],
        "ResponseCode": "0",
        "ResponseDescription": "Success",
    }
    urls = client.sim.registered("174379")
    assert urls is not None
    assert (urls.version, urls.response_type) == ("v2", "Completed")
    assert urls.confirmation_url.endswith("/c/1")
    assert client.get("/control/c2b").json["c2b"]["174379"]["validation_url"].endswith("/v/1")


@pytest.mark.parametrize("path", ["registerurl", "simulate"])
def test_the_other_version_is_no_product_of_the_app(client: Client, path: str) -> None:
    got = client.post(f"/mpesa/c2b/v1/{path}", {})
    assert (got.status, got.json["errorCode"]) == (401, "401.003.01")
    assert "no apiproduct match" in got.json["errorMessage"]
    assert client.sim.registered("174379") is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ShortCode": "600000"}, "ShortCode"),
        ({"ShortCode": ...}, "ShortCode"),
        ({"ResponseType": "completed"}, "ResponseType"),
        ({"ResponseType": ...}, "ResponseType"),
        ({"ConfirmationURL": "ftp://x/"}, "ConfirmationURL"),
        ({"ConfirmationURL": "http://127.0.0.1/mpesa"}, "ConfirmationURL"),
        ({"ValidationURL": ...}, "ValidationURL"),
    ],
)
def test_a_wrong_registration_is_refused_by_its_field(
    client: Client, listener: Listener, changes: dict[str, object], field: str
) -> None:
    got = register_c2b(client, listener, **changes)
    assert (got.status, got.json["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
    assert client.sim.registered("174379") is None


def test_another_apps_short_code_is_invalid(simulate: Open, listener: Listener) -> None:
    other = replace(DEMO_MERCHANT, short_code="600001", consumer_key="other-key")
    client = simulate(merchants=(DEMO_MERCHANT, other))
    got = register_c2b(client, listener, ShortCode="600001")
    assert (got.status, got.json["errorMessage"]) == (400, "Bad Request - Invalid ShortCode")
    assert client.sim.registered("600001") is None


def test_in_production_it_is_done_once_and_the_portal_undoes_it(simulate: Open, listener: Listener) -> None:
    client = simulate(production=True)
    assert register_c2b(client, listener).status == 200
    again = register_c2b(client, listener, ResponseType="Cancelled")
    assert (again.status, again.json["errorCode"]) == (500, "500.003.1001")
    assert again.json["errorMessage"] == "Urls are already registered"
    assert client.get("/control/c2b").json["c2b"]["174379"]["response_type"] == "Completed"

    assert client.ask("/control/c2b/174379", method="DELETE").json == {"c2b": {}}
    assert client.ask("/control/c2b/174379", method="DELETE").status == 404
    assert register_c2b(client, listener).status == 200
    assert client.post("/mpesa/c2b/v2/simulate", {}).status == 404, "nothing is simulated in production"


def test_elsewhere_a_second_one_takes_its_place(registered: Client, listener: Listener) -> None:
    assert register_c2b(registered, listener, ResponseType="Cancelled").status == 200
    urls = registered.sim.registered("174379")
    assert urls is not None
    assert urls.response_type == "Cancelled"


# ---------------------------------------------------------------- a payment by hand


def test_it_is_confirmed_once_with_strings_alone(registered: Client, listener: Listener) -> None:
    receipt = registered.sim.pay(PAYER, "174379", "ACC 17", 250)
    paid_at = registered.sim.now()
    assert listener.bodies == []
    registered.sim.advance(1)
    assert confirmations(listener) == [
        {
            "TransactionType": "Pay Bill",
            "TransID": receipt,
            "TransTime": clock.daraja_timestamp(paid_at),
            "TransAmount": "250.00",
            "BusinessShortCode": "174379",
            "BillRefNumber": "ACC 17",
            "InvoiceNumber": "",
            "OrgAccountBalance": "250.00",
            "ThirdPartyTransID": "",
            "MSISDN": "2547 ***** 149",
            "FirstName": "BRIAN",
        }
    ]
    registered.sim.advance(100_000)
    assert len(listener.bodies) == 1
    assert (registered.sim.till("174379"), registered.sim.wallet(PAYER)) == (Money(25_000), Money(6_975_000))
    (movement,) = registered.sim.movements()
    assert (movement.receipt, movement.way, movement.amount) == (receipt, Way.BY_HAND, Money(25_000))
    assert (movement.wallet_after, movement.till_after) == (Money(6_975_000), Money(25_000))
    assert [notice.sent for notice in registered.sim.notices()] == [True]


def test_a_refused_delivery_is_not_repeated(registered: Client, listener: Listener) -> None:
    listener.status = 500
    registered.sim.pay(PAYER, "174379", "A", 1)
    registered.sim.advance(100_000)
    assert len(listener.bodies) == 1
    (sent,) = [entry.data for entry in registered.sim.journal() if entry.kind == "notice-sent"]
    assert (sent["outcome"], sent["status"], sent["tells"]) == ("answered", 500, "confirmation")


def test_v1_shows_a_hash_and_all_names(simulate: Open, listener: Listener) -> None:
    client = simulate(merchants=(replace(DEMO_MERCHANT, c2b_version=C2bVersion.V1),))
    assert register_c2b(client, listener, version="v1").status == 200
    client.sim.pay(PAYER, "174379", "A", 1)
    client.sim.advance(1)
    (told,) = confirmations(listener)
    assert told["MSISDN"] == hashlib.sha256(PAYER.encode()).hexdigest()
    assert (told["FirstName"], told["MiddleName"], told["LastName"]) == ("BRIAN", "", "ODHIAMBO")


def test_a_till_is_paid_by_its_own_number_without_a_reference(simulate: Open, listener: Listener) -> None:
    client = simulate(merchants=(DEMO_MERCHANT, TILL))
    assert register_c2b(client, listener, ShortCode="600001").status == 200
    client.sim.pay(PAYER, "700001", shillings=30)
    client.sim.advance(1)
    (told,) = confirmations(listener)
    assert (told["TransactionType"], told["BusinessShortCode"], told["BillRefNumber"]) == ("Buy Goods", "600001", "")
    assert client.sim.till("600001") == Money(3_000)


def test_without_addresses_nothing_is_told(client: Client, listener: Listener) -> None:
    client.sim.pay(PAYER, "174379", "A", 1)
    client.sim.advance(1_000)
    assert (listener.bodies, client.sim.notices(), client.sim.till("174379")) == ([], [], Money(100))


@pytest.mark.parametrize(
    ("paid", "why"),
    [
        ({"short_code": "600000"}, "no-such-business"),
        ({"short_code": "600001"}, "no-such-business"),  # the store's number is not the till's
        ({"short_code": "700001", "reference": "A"}, "till-account"),
        ({"reference": ""}, "no-account"),
        ({"reference": "A" * 21}, "no-account"),
        ({"reference": "A\nB"}, "no-account"),
        ({"shillings": 0}, "wrong-amount"),
        ({"shillings": 250_001}, "wrong-amount"),
        ({"shillings": "10"}, "wrong-amount"),
        ({"pin": "4321"}, "wrong-pin"),
        ({"shillings": 70_001}, "balance-low"),
    ],
)
def test_what_is_wrong_is_said_and_moves_nothing(
    simulate: Open, listener: Listener, paid: dict[str, Any], why: str
) -> None:
    client = simulate(merchants=(DEMO_MERCHANT, TILL))
    register_c2b(client, listener)
    with pytest.raises(NotPaid) as refused:
        client.sim.pay(PAYER, **{"short_code": "174379", "reference": "A", "shillings": 10, **paid})
    assert refused.value.why == why
    client.sim.advance(100)
    assert (client.sim.movements(), listener.bodies, client.sim.wallet(PAYER)) == ([], [], Money(7_000_000))


def test_it_is_made_over_http(registered: Client) -> None:
    said = {"to": "174379", "reference": "A", "shillings": 10}
    got = registered.control(f"/control/phones/{PAYER}/pay", said)
    assert got.status == 200
    assert got.json == {"receipt": registered.sim.movements()[0].receipt}
    assert registered.get("/control/movements").json["movements"][0]["amount_cents"] == 1_000
    assert registered.get("/control/notices").json["notices"][0]["about"] == got.json["receipt"]
    wrong = registered.control(f"/control/phones/{PAYER}/pay", {**said, "pin": "9999"})
    assert (wrong.status, wrong.json["error"], wrong.json["why"]) == (409, "payment-not-made", "wrong-pin")
    assert registered.control(f"/control/phones/{PAYER}/pay", {"shillings": 10}).status == 400
    assert registered.control(f"/control/phones/{PAYER}/pay", {**said, "fast": True}).status == 400
    assert registered.sim.till("174379") == Money(1_000)


# ---------------------------------------------------------------- simulated


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_simulated_payment_is_made_a_moment_later(simulate: Open, listener: Listener, version: str) -> None:
    client = simulate(merchants=(replace(DEMO_MERCHANT, c2b_version=C2bVersion(version)),))
    register_c2b(client, listener, version=version)
    body = {"ShortCode": "174379", "CommandID": "CustomerPayBillOnline", "Amount": "5", "Msisdn": PAYER}
    got = client.post(f"/mpesa/c2b/{version}/simulate", {**body, "BillRefNumber": "INV 1"})
    assert got.status == 200
    assert ("ResponseCode" in got.json) is (version == "v2"), "v1 says none"
    client.sim.advance(2)
    (told,) = confirmations(listener)
    assert (told["TransactionType"], told["TransAmount"], told["BillRefNumber"]) == ("", "5.00", "INV 1")
    assert client.sim.till("174379") == Money(500)

    client.sim.set_wallet(PAYER, Money(0))
    assert client.post(f"/mpesa/c2b/{version}/simulate", {**body, "BillRefNumber": "INV 1"}).status == 200
    client.sim.advance(100)
    assert (client.sim.till("174379"), len(listener.bodies)) == (Money(500), 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"CommandID": "CustomerBuyGoodsOnline"}, "CommandID"),
        ({"Amount": "0"}, "Amount"),
        ({"Msisdn": "0708374149"}, "Msisdn"),
        ({"BillRefNumber": ""}, "BillRefNumber"),
        ({"ShortCode": "600000"}, "ShortCode"),
    ],
)
def test_a_wrong_simulation_is_refused_by_its_field(client: Client, changes: dict[str, object], field: str) -> None:
    body = {"ShortCode": "174379", "CommandID": "CustomerPayBillOnline", "Amount": "5", "Msisdn": PAYER}
    got = client.post("/mpesa/c2b/v2/simulate", {**body, "BillRefNumber": "A", **changes})
    assert (got.status, got.json["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


# ---------------------------------------------------------------- a prompt


def test_a_paid_prompt_is_confirmed_too_with_the_same_receipt(registered: Client, listener: Listener) -> None:
    registered.pushed(PAYS, AccountReference="ABC123")
    registered.pushed("254708001032")
    registered.sim.advance(10)
    (prompt,) = [each for each in registered.sim.prompts() if each.receipt is not None]
    (told,) = confirmations(listener)
    assert (told["TransID"], told["BillRefNumber"], told["TransAmount"]) == (prompt.receipt, "ABC123", "1000.00")
    assert told["OrgAccountBalance"] == "1000.00"
    assert prompt.ended_at is not None
    before = prompt.ended_at - clock.from_daraja_timestamp(told["TransTime"])
    assert timedelta(seconds=1) <= before < timedelta(seconds=3)
    assert listener.paths.index("/c/1") > listener.paths.index("/h/0123abcd"), "the result first"
    (movement,) = registered.sim.movements()
    assert (movement.way, movement.originator_id) == (Way.STK, prompt.merchant_request_id)


# ---------------------------------------------------------------- validation


@pytest.fixture
def validator() -> Iterator[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    """An address, what was asked there, and its ``answer``: a body, or None to be silent until ``late`` is set."""
    asked: list[dict[str, Any]] = []
    says: dict[str, Any] = {"answer": b"", "status": 200, "late": threading.Event()}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if says["answer"] is None:
                says["late"].wait(20)
                return
            self.send_response(says["status"])
            self.send_header("Content-Length", str(len(says["answer"])))
            self.end_headers()
            self.wfile.write(says["answer"])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v/1", asked, says
        says["late"].set()
        server.shutdown()
        thread.join()


@pytest.fixture
def asking(simulate: Open, listener: Listener, validator: tuple[str, Any, Any]) -> Callable[..., Client]:
    def made(response_type: str = "Completed", *, patience_s: float = 20) -> Client:
        client = simulate(merchants=(replace(DEMO_MERCHANT, c2b_validation=True),), validation_timeout_s=patience_s)
        assert register_c2b(client, listener, ValidationURL=validator[0], ResponseType=response_type).status == 200
        return client

    return made


def test_validation_is_asked_first_and_its_id_comes_back(
    asking: Callable[..., Client], listener: Listener, validator: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    _, asked, says = validator
    says["answer"] = b'{"ResultCode":"0","ResultDesc":"Accepted","ThirdPartyTransID":"F-17"}'
    client = asking()
    receipt = client.sim.pay(PAYER, "174379", "A", 10)
    client.sim.advance(1)
    (told,) = confirmations(listener)
    assert told["ThirdPartyTransID"] == "F-17"
    assert asked == [{**told, "OrgAccountBalance": "", "ThirdPartyTransID": ""}]
    assert told["TransID"] == receipt


@pytest.mark.parametrize("default", ["Completed", "Cancelled"])
def test_a_rejection_vetoes_a_payment_and_a_prompt(
    asking: Callable[..., Client],
    listener: Listener,
    validator: tuple[str, list[dict[str, Any]], dict[str, Any]],
    default: str,
) -> None:
    _, asked, says = validator
    says["answer"] = b'{"ResultCode":"C2B00012","ResultDesc":"Rejected"}'
    client = asking(default)
    with pytest.raises(NotPaid) as refused:
        client.sim.pay(PAYER, "174379", "A", 10)
    assert (refused.value.why, refused.value.data["code"]) == ("rejected", "C2B00012")
    client.pushed(PAYS)
    client.pushed(PAYER)
    client.sim.answer(PAYER)
    client.sim.advance(10)
    assert [each.result_code for each in client.sim.prompts()] == ["C2B00012", "C2B00012"]
    assert [each["ResultCode"] for each in listener.callbacks] == ["C2B00012"] * 2
    assert len(asked) == 3
    assert (client.sim.movements(), client.sim.till("174379")) == ([], Money(0))


@pytest.mark.parametrize(("default", "paid"), [("Completed", 2), ("Cancelled", 0)])
@pytest.mark.parametrize("answer", [None, b"", b"<html>", b"{}", b'{"ResultCode":null}', b"[]"])
def test_silence_and_nonsense_count_as_registered(
    asking: Callable[..., Client],
    validator: tuple[str, list[dict[str, Any]], dict[str, Any]],
    default: str,
    paid: int,
    answer: bytes | None,
) -> None:
    validator[2]["answer"] = answer
    client = asking(default, patience_s=0.3 if answer is None else 20)
    if paid:
        client.sim.pay(PAYER, "174379", "A", 10)
    else:
        with pytest.raises(NotPaid):
            client.sim.pay(PAYER, "174379", "A", 10)
    client.pushed(PAYS)
    client.sim.advance(10)
    assert len(client.sim.movements()) == paid


def test_an_answer_that_is_no_success_counts_as_silence(
    asking: Callable[..., Client], validator: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    validator[2].update(answer=b'{"ResultCode":"C2B00011"}', status=500)
    client = asking()
    assert client.sim.pay(PAYER, "174379", "A", 10) == client.sim.movements()[0].receipt


def test_money_that_went_elsewhere_while_the_merchant_was_asked_is_not_paid_twice(
    asking: Callable[..., Client], validator: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    validator[2]["answer"] = None  # silent until it is late
    client = asking()
    said = {"to": "174379", "reference": "A", "shillings": 10}
    paying = threading.Thread(target=client.control, args=(f"/control/phones/{PAYER}/pay", said))
    paying.start()
    wait_until(lambda: validator[1] != [], what="the question")
    client.sim.set_wallet(PAYER, Money(0))
    validator[2]["late"].set()
    paying.join()
    assert (client.sim.movements(), client.sim.wallet(PAYER)) == ([], Money(0))


def test_while_the_merchant_is_asked_the_phone_rings_no_more_and_the_first_answer_counts(
    asking: Callable[..., Client], validator: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    validator[2]["answer"] = None
    client = asking()
    client.pushed(PAYER)
    answering = threading.Thread(target=client.sim.answer, args=(PAYER,))
    answering.start()
    wait_until(lambda: validator[1] != [], what="the question")
    with pytest.raises(NotRinging):
        client.sim.cancel(PAYER)
    client.sim.advance(100)  # the session runs out meanwhile
    validator[2]["late"].set()
    answering.join()
    (prompt,) = client.sim.prompts()
    assert (prompt.result_code, len(client.sim.movements())) == ("0", 1)


def test_what_the_phone_itself_refuses_is_asked_of_nobody(
    asking: Callable[..., Client], validator: tuple[str, list[dict[str, Any]], dict[str, Any]]
) -> None:
    client = asking()
    client.pushed(PAYER)
    client.sim.answer(PAYER, pin="0000")
    with pytest.raises(NotPaid):
        client.sim.pay(PAYER, "174379", "A", 10, pin="0000")
    client.sim.set_wallet(PAYER, Money(0))
    with pytest.raises(NotPaid):
        client.sim.pay(PAYER, "174379", "A", 10)
    assert validator[1] == []


def test_without_validation_the_address_is_never_asked(registered: Client, listener: Listener) -> None:
    registered.sim.pay(PAYER, "174379", "A", 10)
    registered.sim.advance(10)
    assert listener.paths == ["/c/1"]


# ---------------------------------------------------------------- faults


def test_lost_delayed_and_doubled(registered: Client, listener: Listener) -> None:
    registered.sim.script(
        Fault(FaultKind.CONFIRMATION_LOST),
        Fault(FaultKind.CONFIRMATION_DELAYED, delay_s=600),
        Fault(FaultKind.CONFIRMATION_DUPLICATED, copies=3, spacing_s=10),
    )
    lost, late, thrice = (registered.sim.pay(PAYER, "174379", "A", 10) for _ in range(3))
    registered.sim.advance(30)
    assert [each["TransID"] for each in confirmations(listener)] == [thrice] * 3
    registered.sim.advance(600)
    assert [each["TransID"] for each in confirmations(listener)] == [thrice] * 3 + [late]
    assert registered.sim.till("174379") == Money(3_000)
    assert lost not in str(listener.bodies)


def test_reordered(registered: Client, listener: Listener) -> None:
    registered.sim.script(Fault(FaultKind.CONFIRMATION_REORDERED, count=2, delay_s=60))
    first = registered.sim.pay(PAYER, "174379", "A", 10)
    second = registered.sim.pay(PAYER, "174379", "B", 10)
    third = registered.sim.pay(PAYER, "174379", "C", 10)
    registered.sim.advance(100)
    assert [each["TransID"] for each in confirmations(listener)] == [third, second, first]


@pytest.mark.parametrize(
    ("form", "shown"),
    [("starred", "2******9"), ("whole", PAYER), ("empty", ""), ("masked", "2547 ***** 149")],
)
def test_the_payer_is_shown_otherwise(registered: Client, listener: Listener, form: str, shown: str) -> None:
    registered.sim.script(Fault(FaultKind.CONFIRMATION_MASKED, phone_as=C2bPhone(form)))
    registered.sim.pay(PAYER, "174379", "A", 10)
    registered.sim.advance(1)
    assert [each["MSISDN"] for each in confirmations(listener)] == [shown]


def test_every_field_is_null(registered: Client, listener: Listener) -> None:
    registered.sim.script(Fault(FaultKind.CONFIRMATION_NULL))
    registered.sim.pay(PAYER, "174379", "A", 10)
    registered.sim.advance(1)
    (told,) = confirmations(listener)
    assert len(told) == 11
    assert set(told.values()) == {None}


def test_a_forger_tells_of_money_that_never_came(registered: Client, listener: Listener) -> None:
    registered.sim.script(Fault(FaultKind.CONFIRMATION_FORGED, delay_s=5), Fault(FaultKind.CONFIRMATION_FORGED))
    registered.pushed(PAYER, AccountReference="ABC123")
    registered.sim.advance(5)
    (forged,) = confirmations(listener)
    assert (forged["BillRefNumber"], forged["TransAmount"], forged["MSISDN"]) == ("ABC123", "1000.00", "2547 ***** 149")
    assert listener.senders == ["127.0.0.2"]
    assert (registered.sim.movements(), registered.sim.till("174379")) == ([], Money(0))

    receipt = registered.sim.pay(PAYER, "174379", "A", 10)
    registered.sim.advance(1)
    told = [each["TransID"] for each in confirmations(listener)]
    assert (len(set(told)), told[-1]) == (3, receipt)
    assert listener.senders == ["127.0.0.2", "127.0.0.2", "127.0.0.1"]
    assert [each.receipt for each in registered.sim.movements()] == [receipt]


def test_faults_of_confirmations_wait_where_nothing_is_confirmed(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CONFIRMATION_LOST), Fault(FaultKind.CONFIRMATION_FORGED))
    client.sim.pay(PAYER, "174379", "A", 10)
    client.sim.advance(100)
    assert listener.bodies == []
    assert len(client.get("/control/faults").json["faults"]) == 2


# ---------------------------------------------------------------- restarts


def test_a_restarted_simulator_goes_on_with_addresses_payments_and_confirmations(
    meet: Callable[[RunningSimulator], Client], listener: Listener, tmp_path: Path
) -> None:
    settings = SimulatorSettings(manual_clock=True, journal=tmp_path / "journal.jsonl")
    with running_simulator(settings) as first:
        client = meet(first)
        register_c2b(client, listener)
        by_hand = first.pay(PAYER, "174379", "A", 10)
        client.pushed(PAYS)
        first.advance(1)
        before = (first.registered("174379"), first.movements(), first.prompts())
        planned = len(first.notices())
        assert [each["TransID"] for each in confirmations(listener)] == [by_hand]

    with running_simulator(settings) as second:
        assert (second.registered("174379"), second.movements(), second.prompts()) == before
        assert len(second.notices()) == planned
        assert second.till("174379") == Money(101_000)
        second.advance(10)
        assert len(confirmations(listener)) == 2, "what was confirmed is not confirmed again"
        later = second.pay(PAYER, "174379", "B", 10)
        assert later not in {each.receipt for each in before[1]}


def test_an_old_journal_shows_what_its_prompts_moved(
    meet: Callable[[RunningSimulator], Client], tmp_path: Path
) -> None:
    file = tmp_path / "journal.jsonl"
    settings = SimulatorSettings(manual_clock=True, journal=file)
    with running_simulator(settings) as first:
        meet(first).pushed(PAYS)
        first.advance(2)
        before = first.movements()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line.get("prompt", {}).pop("notice_plan", None)
        for later in ("notices", "third_party_id"):
            line.pop(later, None)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with running_simulator(settings) as second:
        assert second.movements() == before
        assert [each.way for each in before] == [Way.STK]
