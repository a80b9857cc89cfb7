"""A shop that takes M-Pesa with noriapay, as that package's README shows it."""

from typing import Any

from lines import serve
from noriapay import MpesaClient, build_mpesa_stk_password, build_mpesa_timestamp
from noriapay.exceptions import ApiError


class Shop:
    def open(self, *, url: str, key: str, secret: str, passkey: str) -> dict[str, Any]:
        self.passkey = passkey
        self.mpesa = MpesaClient(consumer_key=key, consumer_secret=secret, environment="sandbox", base_url=url)
        return {}

    def signed(self) -> dict[str, Any]:
        timestamp = build_mpesa_timestamp()
        password = build_mpesa_stk_password(business_short_code="174379", passkey=self.passkey, timestamp=timestamp)
        return {"BusinessShortCode": "174379", "Password": password, "Timestamp": timestamp}

    def push(self, *, phone: str, amount: Any, callback_url: str, description: str | None) -> dict[str, Any]:
        response = self.mpesa.stk_push(
            {
                **self.signed(),
                "TransactionType": "CustomerPayBillOnline",
                "Amount": amount,
                "PartyA": phone,
                "PartyB": "174379",
                "PhoneNumber": phone,
                "CallBackURL": callback_url,
                "AccountReference": "ABC123",
                "TransactionDesc": description or "Payment for invoice ABC123",
            }
        )
        return {"id": response["CheckoutRequestID"], "words": response["CustomerMessage"]}

    def query(self, *, id: str) -> dict[str, Any]:  # noqa: A002
        response = self.mpesa.stk_push_query({**self.signed(), "CheckoutRequestID": id})
        return {"code": response["ResultCode"]}


def surfaced(error: Exception) -> dict[str, Any]:
    """Answers of Daraja's are in ``response_body``, or for the token's in ``details``."""
    body = error.response_body if isinstance(error, ApiError) else getattr(error, "details", None)
    code = body.get("errorCode") if isinstance(body, dict) else None
    return {"status": getattr(error, "status_code", None), "code": code}


serve(Shop(), surfaced=surfaced)
