"""A shop that takes M-Pesa with mpesakit, as that package's README shows it."""

from typing import Any

from lines import serve
from mpesakit import MpesaClient
from mpesakit.errors import MpesaApiException
from mpesakit.mpesa_express import TransactionType


class Shop:
    def open(self, *, url: str, key: str, secret: str, passkey: str) -> dict[str, Any]:
        self.passkey = passkey
        self.client = MpesaClient(consumer_key=key, consumer_secret=secret, environment="sandbox")
        self.client.http_client.base_url = url  # the constructor knows Safaricom's two hosts only
        return {}

    def push(self, *, phone: str, amount: Any, callback_url: str, description: str | None) -> dict[str, Any]:
        response = self.client.stk_push(
            business_short_code=174379,
            passkey=self.passkey,
            transaction_type=TransactionType.CUSTOMER_PAYBILL_ONLINE,
            amount=amount,
            party_a=phone,
            party_b="174379",
            phone_number=phone,
            callback_url=callback_url,
            account_reference="ABC123",
            transaction_desc=description or "Payment for invoice ABC123",
        )
        assert response.is_successful()
        return {"id": response.CheckoutRequestID, "words": response.CustomerMessage}

    def query(self, *, id: str) -> dict[str, Any]:  # noqa: A002
        response = self.client.stk_query(business_short_code=174379, passkey=self.passkey, checkout_request_id=id)
        assert response.is_successful()
        return {"code": response.ResultCode}

    def read(self, *, body: dict[str, Any]) -> dict[str, Any]:
        callback = self.client.process_stk_callback(body)
        return {
            "id": callback.Body.stkCallback.CheckoutRequestID,
            "paid": callback.is_successful,
            "receipt": callback.mpesa_receipt_number,
            "amount": callback.amount,
            "phone": callback.phone_number,
        }


def surfaced(error: Exception) -> dict[str, Any]:
    if not isinstance(error, MpesaApiException):
        return {}
    body = error.error.raw_response
    return {
        "message": error.error.error_message,
        "status": error.error.status_code,
        "code": body.get("errorCode") if isinstance(body, dict) else None,
    }


serve(Shop(), surfaced=surfaced)
