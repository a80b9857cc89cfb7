"""Refer a patient and collect the fee, with the HTTP class of the Python package ``convex``.

Usage: ``refer.py [PHONE]``. RUFAA_URL is the server (default: http://127.0.0.1:8000), RUFAA_TOKEN an administrator's
token (default: none, and the demo's people by name).
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from convex import ConvexError
from convex.http_client import ConvexHttpClient

URL = os.environ.get("RUFAA_URL", "http://127.0.0.1:8000")
TOKEN = os.environ.get("RUFAA_TOKEN")
LOOK_EVERY_S = 0.25
WAIT_S = 120.0


def main(phone: str) -> int:
    client = ConvexHttpClient(URL)
    if TOKEN:
        client.set_auth(TOKEN)
    admin = {} if TOKEN else {"demoUserId": "admin"}

    referral = client.mutation(
        "referrals:createReferral",
        {
            "patientName": "Jane Wafula",
            "medicalHistory": "No known allergies.",
            "labResults": ["Hb 11.2 g/dl"],
            "diagnosis": "Closed fracture of the left radius",
            "referringHospital": "Uhuru Health Centre",
            "receivingFacility": "Tumaini Referral Hospital",
            "priority": "Routine",
            **admin,
        },
    )
    print(f"Referral {referral}: created")
    for status in ("awaiting-biodata", "pending-payment"):
        client.mutation("referrals:updateReferralStatus", {"referralId": referral, "status": status, **admin})
        print(f"Referral {referral}: {status}")

    # The amount must be what is open. 1000 and 1000.0 are the same here: Convex has one kind of number for both.
    pushed = client.mutation(
        "referralPayments:triggerReferralPayment",
        {"referralId": referral, "phoneNumber": phone, "amount": 1000, **admin},
    )
    print(f"Prompt to {pushed['phoneNumber']}: {pushed['message']}")
    if not pushed["success"]:
        return 1

    payment = wait_for_the_end(client, {"referralId": referral, **admin})
    if payment["status"] != "completed":
        print(f"Not paid: {payment.get('errorMessage', payment['message'])}")
        return 1
    status = client.query("referrals:getReferral", {"referralId": referral, **admin})["status"]
    print(f"Referral {referral}: {status}, KES {payment['amount']:,.2f}, receipt {payment.get('mpesaTransactionId')}")
    return 0


def wait_for_the_end(client: ConvexHttpClient, args: dict[str, Any]) -> dict[str, Any]:
    """The newest attempt, once it is paid or has failed, or as it is when we give up waiting."""
    deadline = time.monotonic() + WAIT_S
    while True:
        payment: dict[str, Any] = client.query("payments:getByReferral", args)[0]
        if payment["status"] in {"completed", "failed"} or time.monotonic() > deadline:
            return payment
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "254708374149"))
    except ConvexError as refusal:
        sys.exit(f"Refused: {refusal.data['message']}")
