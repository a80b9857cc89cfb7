"""The seed document's calls from the Python client's HTTP class, and as raw JSON."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import convex
import pytest
from convex.http_client import ConvexHttpClient

from demo_process import CANCELS, PAYS, ROOT, Demo, environment
from support import post, wait_until

NEW = {
    "patientName": "Jane Wafula",
    "medicalHistory": "No known allergies.",
    "labResults": "Hb 11.2 g/dl",
    "diagnosis": "Closed fracture",
    "receivingFacility": "Tumaini Referral Hospital",
    "priority": "Routine",
}


@pytest.fixture
def client(demo: Demo) -> ConvexHttpClient:
    """The administrator, by token. Calls that name a demoUserId are that person's."""
    made = ConvexHttpClient(demo.url)
    made.set_auth(demo.tokens["admin"])
    return made


def payments_of(client: ConvexHttpClient, referral: str) -> Any:
    return client.query("payments:getByReferral", {"referralId": referral})


def test_the_document_by_the_python_client(client: ConvexHttpClient) -> None:
    referral = client.mutation("referrals:createReferral", {**NEW, "demoUserId": "physician"})
    move = {"referralId": referral}
    client.mutation("referrals:updateReferralStatus", {**move, "status": "awaiting-biodata"})

    # Step 1
    changed = client.mutation(
        "referrals:updateReferralStatus", {**move, "status": "pending-payment", "stkPhoneNumber": CANCELS}
    )
    assert (changed["status"], changed["promptNotice"]["code"]) == ("pending-payment", "sent")

    # a prompt that is cancelled, and what the document says to do then
    wait_until(lambda: payments_of(client, referral)[0]["status"] == "failed", what="the cancelled prompt")
    with pytest.raises(convex.ConvexError) as refused:
        client.mutation("referrals:updateReferralStatus", {**move, "status": "paid"})
    assert refused.value.data["code"] == "not-paid"
    client.mutation("referrals:updatePhoneNumbers", {**move, "patientPhone": CANCELS, "stkPhoneNumber": PAYS})
    retried = client.mutation("referralPayments:retrySTKPush", move)
    assert (retried["success"], retried["phoneNumber"], retried["attemptNumber"]) == (True, PAYS, 2.0)

    # Step 2, and the direct push: joined or paid, never a second prompt
    for name, args in (
        ("referralPayments:triggerReferralPayment", {**move, "phoneNumber": PAYS, "amount": 1000}),
        ("mpesa:initiateSTKPush", {**move, "phoneNumber": PAYS, "amount": 1000.0, "patientName": "Jane Wafula"}),
    ):
        assert client.mutation(name, args)["success"] is True
    assert client.action("mpesa:initiateSTKPush", {**move, "phoneNumber": PAYS})["success"] is True

    wait_until(lambda: client.query("referrals:getReferral", move)["status"] == "paid", what="the payment")
    completed, failed = payments_of(client, referral)
    assert (completed["status"], completed["amount"], completed["phoneNumber"]) == ("completed", 1000.0, PAYS)
    assert (failed["status"], failed["errorMessage"]) == ("failed", "The request was cancelled on the phone.")
    # Step 3
    client.mutation("referrals:updateReferralStatus", {**move, "status": "paid"})
    client.mutation("referrals:updateReferralStatus", {**move, "status": "confirmed"})
    document = client.query("referrals:getReferral", move)
    assert (document["status"], document["payment"]["receipt"]) == ("confirmed", completed["mpesaTransactionId"])


def test_a_stranger_is_refused(demo: Demo) -> None:
    client = ConvexHttpClient(demo.url)
    with pytest.raises(convex.ConvexError) as refused:
        client.query("referrals:getReferral", {"referralId": "0" * 32})
    assert refused.value.data["code"] == "not-signed-in"
    client.set_auth("not a token")
    with pytest.raises(Exception, match=r"^401 Unauthenticated: This is not a token that this server takes\.$"):
        client.query("referrals:getReferral", {"referralId": "0" * 32})


def test_the_document_as_raw_json(demo: Demo) -> None:
    def call(kind: str, path: str, args: dict[str, Any]) -> Any:
        answer = post(f"{demo.url}/api/{kind}", {"path": path, "args": args}, Authorization=f"Bearer {token}")
        assert answer.status == 200
        assert answer.json["status"] == "success", answer.json
        return answer.json["value"]

    token = demo.tokens["admin"]
    referral = call("mutation", "referrals:createReferral", {**NEW, "referringHospital": "Uhuru Health Centre"})
    move = {"referralId": referral}
    call("mutation", "referrals:updateReferralStatus", {**move, "status": "awaiting-biodata"})
    call(
        "mutation",
        "referrals:saveBiodata",
        {**move, "patientPhone": "0708 000 000", "stkPhoneNumber": "+254 708 000000", "bookedDate": "2031-03-04"},
    )
    pushed = call("action", "mpesa:initiateSTKPush", {**move, "phoneNumber": "0708000000", "amount": 1000})
    assert (pushed["success"], pushed["amount"]) == (True, 1000)
    wait_until(lambda: call("query", "referrals:getReferral", move)["status"] == "paid", what="the payment")
    assert len(call("query", "payments:getByReferral", move)) == 1

    # the same by /api/run, where the name is in the address
    by_name = post(f"{demo.url}/api/run/referrals/getReferral", {"args": {**move, "demoUserId": "admin"}}).json
    assert (by_name["status"], by_name["value"]["status"]) == ("success", "paid")
    assert by_name["value"]["stkPhoneNumber"] == PAYS


@pytest.mark.parametrize(
    ("phone", "status", "said"),
    [(PAYS, 0, "paid, KES 1,000.00, receipt "), (CANCELS, 1, "Not paid: The request was cancelled on the phone.\n")],
)
def test_the_python_example(demo: Demo, phone: str, status: int, said: str) -> None:
    told = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "python" / "refer.py"), phone],
        env=environment(RUFAA_URL=demo.url),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert told.returncode == status, told.stderr
    assert said in told.stdout


def test_the_python_example_tells_why_it_is_refused(demo: Demo) -> None:
    told = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "python" / "refer.py"), "12"],
        env=environment(RUFAA_URL=demo.url),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert told.returncode == 1
    assert told.stderr == (
        "Refused: phoneNumber is not a Kenyan mobile number: write it as 0712345678, 0112345678 or 254712345678.\n"
    )


def test_the_watching_example_says_who_comes_and_who_is_paid(demo: Demo) -> None:
    name = "Jane of the list"
    command = [sys.executable, str(ROOT / "examples" / "python" / "watch.py")]
    given = environment(RUFAA_URL=demo.url, RUFAA_TOKEN=demo.tokens["admin"])
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().endswith(" referrals are pending-payment.\n")
        referral = demo.waiting(patient=name)
        assert _line(watching, name) == f"{name} is pending-payment now.\n"

        demo.ring(referral, PAYS)

        assert _line(watching, name) == f"{name} is paid now.\n"
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 0


def _line(watching: subprocess.Popen[str], name: str) -> str:
    """The next line about ``name``: other tests' referrals come and go as well."""
    assert watching.stdout is not None
    return next(line for line in watching.stdout if line.startswith(name))
