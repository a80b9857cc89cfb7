"""What a merchant sends to the simulator by hand, besides pushes and queries: C2B, Pull and orders."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from rufaa.clock import EAT
from rufaa.simulator.config import DEMO_INITIATOR_PASSWORD
from rufaa.simulator.testing import RunningSimulator

if TYPE_CHECKING:
    from simulator.conftest import Client, Got, Listener

PAYER = "254708374149"
HOUR = timedelta(hours=1)
STATUS = "/mpesa/transactionstatus/v1/query"
REVERSAL = "/mpesa/reversal/v1/request"
B2C = "/mpesa/b2c/v3/paymentrequest"


def register_c2b(client: Client, listener: Listener, *, version: str = "v2", **changes: object) -> Got:
    base = listener.url.removesuffix("/h/0123abcd")
    body: dict[str, object] = {
        "ShortCode": "174379",
        "ResponseType": "Completed",
        "ConfirmationURL": f"{base}/c/1",
        "ValidationURL": f"{base}/v/1",
        **changes,
    }
    body = {name: value for name, value in body.items() if value is not ...}
    return client.post(f"/mpesa/c2b/{version}/registerurl", body)


def register_pull(client: Client, **changes: object) -> Got:
    body: dict[str, object] = {
        "ShortCode": "174379",
        "RequestType": "Pull",
        "NominatedNumber": PAYER,
        "CallBackURL": client.callback_url,
        **changes,
    }
    return client.post("/pulltransactions/v1/register", {name: each for name, each in body.items() if each is not ...})


def pull(
    client: Client,
    *,
    since: timedelta = 24 * HOUR,
    until: timedelta = timedelta(seconds=-1),
    method: str = "POST",
    zone: Any = EAT,
    **changes: object,
) -> Got:
    """Ask for what came between ``since`` and ``until`` ago."""
    now = client.sim.now().astimezone(zone)
    body: dict[str, object] = {
        "ShortCode": "174379",
        "StartDate": f"{now - since:%Y-%m-%d %H:%M:%S}",
        "EndDate": f"{now - until:%Y-%m-%d %H:%M:%S}",
        "OffSetValue": "0",
        **changes,
    }
    body = {name: each for name, each in body.items() if each is not ...}
    return client.ask(
        "/pulltransactions/v1/query",
        method=method,
        body=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"},
    )


def receipts(got: Got) -> list[str]:
    assert got.status == 200, got.text
    ((*rows,),) = got.json["Response"]
    assert got.json["ResponseCode"] == ("1000" if rows else "1001")
    return [row["transactionId"] for row in rows]


def credential(certificate: str, password: str = DEMO_INITIATOR_PASSWORD) -> str:
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(key, RSAPublicKey)
    return base64.b64encode(key.encrypt(password.encode(), PKCS1v15())).decode()


@dataclass
class Operator:
    """Orders by hand; ``...`` leaves a field out."""

    client: Client
    listener: Listener

    @property
    def sim(self) -> RunningSimulator:
        return self.client.sim

    def common(self) -> dict[str, object]:
        base = self.listener.url.removesuffix("/h/0123abcd")
        return {
            "SecurityCredential": credential(self.sim.certificate),
            "Remarks": "Refund",
            "ResultURL": f"{base}/o/1",
            "QueueTimeOutURL": f"{base}/t/1",
        }

    def send(self, path: str, fields: dict[str, object], changes: dict[str, object]) -> Got:
        body = {**self.common(), **fields, **changes}
        return self.client.post(path, {name: value for name, value in body.items() if value is not ...})

    def status(self, receipt: str | None = None, **changes: object) -> Got:
        fields = {"Initiator": "demo-operator", "CommandID": "TransactionStatusQuery", "PartyA": "174379"}
        asked = {"TransactionID": receipt} if receipt is not None else {}
        return self.send(STATUS, {**fields, "IdentifierType": "4", **asked}, changes)

    def reverse(self, receipt: str, shillings: int = 1000, **changes: object) -> Got:
        fields: dict[str, object] = {
            "Initiator": "demo-operator",
            "CommandID": "TransactionReversal",
            "TransactionID": receipt,
            "Amount": str(shillings),
            "ReceiverParty": "174379",
            "RecieverIdentifierType": "11",
        }
        return self.send(REVERSAL, fields, changes)

    def pay_out(self, originator: str = "refund-1", shillings: int = 100, **changes: object) -> Got:
        fields: dict[str, object] = {
            "OriginatorConversationID": originator,
            "InitiatorName": "demo-operator",
            "CommandID": "BusinessPayment",
            "Amount": str(shillings),
            "PartyA": "174379",
            "PartyB": PAYER,
        }
        return self.send(B2C, fields, changes)

    def results(self, path: str = "/o/1") -> list[dict[str, Any]]:
        pairs = zip(self.listener.paths, self.listener.bodies, strict=True)
        return [json.loads(body)["Result"] for where, body in pairs if where == path]

    def result(self) -> dict[str, Any]:
        """The only one so far."""
        (told,) = self.results()
        return told

    def parameters(self) -> dict[str, Any]:
        listed = self.result()["ResultParameters"]["ResultParameter"]
        return {item["Key"]: item.get("Value") for item in listed}
