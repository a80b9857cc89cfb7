"""A shop that takes M-Pesa with daraja-v3, as that package's README shows it."""

from typing import Any

from lines import serve
from mpesa import MpesaClient
from mpesa.exceptions import MpesaError


class Shop:
    def open(self, *, url: str, key: str, secret: str, passkey: str) -> dict[str, Any]:
        self.client = MpesaClient(
            consumer_key=key, consumer_secret=secret, shortcode="174379", passkey=passkey, sandbox=True, base_url=url
        )
        return {}

    def push(self, *, phone: str, amount: Any, callback_url: str, description: str | None) -> dict[str, Any]:
        result = self.client.stk_push(
            phone=phone,
            amount=amount,
            reference="ABC123",
            description=description or "Payment for invoice ABC123",
            callback_url=callback_url,
        )
        return {"id": result.checkout_request_id, "words": result.customer_message}

    def query(self, *, id: str) -> dict[str, Any]:  # noqa: A002
        result = self.client.stk_query(id)
        assert result.is_paid is (result.result_code == "0")
        return {"code": result.result_code}

    def read(self, *, body: dict[str, Any]) -> dict[str, Any]:
        payment = MpesaClient.parse_stk_callback(body)
        return {
            "id": payment["checkout_request_id"],
            "paid": payment["paid"],
            "receipt": payment["mpesa_receipt"],
            "amount": payment["amount"],
            "phone": payment["phone"] or None,
        }


def surfaced(error: Exception) -> dict[str, Any]:
    return {"code": error.code} if isinstance(error, MpesaError) else {}


serve(Shop(), surfaced=surfaced)
