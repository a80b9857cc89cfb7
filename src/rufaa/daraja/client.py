"""The Daraja client: one method for each call. It turns whatever the network does into an outcome, once, and never
sends anything again unless Daraja said that it did not process it.

What an answer means is in ``outcomes``, ``outcomes_orders``, ``registration`` and ``pull``; when to send, ask or give
up is the payments' law. No state but the session.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

import aiohttp

from rufaa import clock
from rufaa.daraja import c2b, messages, orders, pull
from rufaa.daraja.c2b import ResponseType
from rufaa.daraja.callback_url import check_callback_url
from rufaa.daraja.credentials import AccountKind, Credentials, Environment, PullMethod
from rufaa.daraja.initiator import security_credential
from rufaa.daraja.orders import B2cCommand, NoInitiator
from rufaa.daraja.outcomes import NoNews, NotSent, PushOutcome, QueryOutcome, Unknown, classify_push, classify_query
from rufaa.daraja.outcomes_orders import B2cOutcome, OrderOutcome, classify_b2c, classify_order
from rufaa.daraja.pull import PullOutcome, classify_pull, refuses_pull_token
from rufaa.daraja.registration import RegistrationOutcome, classify_c2b_registration, classify_pull_registration
from rufaa.daraja.tokens import FetchedToken, MemoryTokens, TokenSource, TokenUnavailable, read_token
from rufaa.daraja.wire import Failure, Reply, Timeouts, Wire, new_session
from rufaa.money import Money
from rufaa.phone import Phone

__all__ = [
    "AccountKind",
    "Credentials",
    "Daraja",
    "Environment",
    "FetchedToken",
    "MemoryTokens",
    "Timeouts",
    "TokenSource",
    "TokenUnavailable",
    "check_callback_url",
    "new_session",
]

TOKEN_PATH: Final = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105 - an address
PUSH_PATH: Final = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH: Final = "/mpesa/stkpushquery/v1/query"
STATUS_PATH: Final = "/mpesa/transactionstatus/v1/query"
REVERSAL_PATH: Final = "/mpesa/reversal/v1/request"
B2C_PATH: Final = "/mpesa/b2c/v3/paymentrequest"


class Daraja:
    """Daraja for any number of accounts over one session, which the caller made (``new_session``) and closes.

    Every method but ``fetch_token`` raises ``InvalidArgument`` on wrong arguments, before anything is sent, and nothing
    whatever the network does; a cancellation passes through, and then the outcome is unknown.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        timeouts: Timeouts | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._wire = Wire(session, timeouts=timeouts or Timeouts(), now=now)

    async def fetch_token(self, credentials: Credentials) -> FetchedToken:
        """A new access token; it may invalidate the one before (daraja.md §2). Raises ``TokenUnavailable``."""
        basic = b64encode(f"{credentials.consumer_key}:{credentials.consumer_secret}".encode()).decode()
        came = await self._wire.request(
            "GET",
            credentials.url(TOKEN_PATH),
            headers={"Authorization": f"Basic {basic}"},
            body=None,
            until=self._wire.deadline(),
            secrets=(basic, credentials.consumer_secret),
        )
        if isinstance(came, Failure):
            raise TokenUnavailable(
                f"Daraja gave no token: {came.message}", reason=came.code, retry_after_s=came.retry_after_s
            )
        return read_token(came.exchange, headers=came.headers)

    # ------------------------------------------------------------ STK push

    async def stk_push(
        self,
        credentials: Credentials,
        tokens: TokenSource,
        *,
        phone: Phone,
        amount: Money,
        account_reference: str,
        description: str,
        callback_url: str,
        at: datetime,
    ) -> PushOutcome:
        """Ask a phone for a PIN.

        ``at`` is stamped into the request, in East Africa Time. There is no idempotency key (daraja.md §3): each call
        is a new prompt.
        """
        body = messages.push_request(
            credentials,
            phone=phone,
            amount=amount,
            account_reference=account_reference,
            description=description,
            callback_url=callback_url,
            at=at,
        )
        came = await self._post(credentials, tokens, path=PUSH_PATH, body=body, at=at)
        return classify_push(came.exchange, headers=came.headers) if isinstance(came, Reply) else _failed(came)

    async def stk_query(
        self, credentials: Credentials, tokens: TokenSource, *, checkout_request_id: str, at: datetime
    ) -> QueryOutcome:
        """Ask what became of a push."""
        body = messages.query_request(credentials, checkout_request_id=checkout_request_id, at=at)
        came = await self._post(credentials, tokens, path=QUERY_PATH, body=body, at=at)
        if isinstance(came, Reply):
            return classify_query(came.exchange, headers=came.headers, checkout_request_id=checkout_request_id)
        return _no_news(came)

    async def _post(
        self, credentials: Credentials, tokens: TokenSource, *, path: str, body: bytes, at: datetime
    ) -> Reply | Failure:
        password = messages.stk_password(
            short_code=credentials.short_code, passkey=credentials.passkey, timestamp=clock.daraja_timestamp(at)
        )
        return await self._wire.send(credentials, tokens, path=path, body=body, secrets=(password,))

    # ------------------------------------------------------------ C2B

    async def register_c2b(
        self,
        credentials: Credentials,
        tokens: TokenSource,
        *,
        confirmation_url: str,
        validation_url: str,
        response_type: ResponseType = ResponseType.COMPLETED,
    ) -> RegistrationOutcome:
        """Tell Safaricom where to post C2B notices (daraja.md §6). In production once and for all."""
        body = c2b.register_request(
            credentials, confirmation_url=confirmation_url, validation_url=validation_url, response_type=response_type
        )
        came = await self._wire.send(credentials, tokens, path=c2b.register_path(credentials), body=body)
        if isinstance(came, Reply):
            return classify_c2b_registration(came.exchange, headers=came.headers)
        return _failed(came)

    async def simulate_c2b(
        self, credentials: Credentials, tokens: TokenSource, *, phone: Phone, amount: Money, account_reference: str
    ) -> OrderOutcome:
        """Have the sandbox or the simulator make a payment by hand (daraja.md §6); refused in production."""
        body = c2b.simulate_request(credentials, phone=phone, amount=amount, account_reference=account_reference)
        came = await self._wire.send(credentials, tokens, path=c2b.simulate_path(credentials), body=body)
        if isinstance(came, Reply):
            return classify_order(came.exchange, headers=came.headers, simulated=True)
        return _failed(came)

    # ------------------------------------------------------------ Pull

    async def pull_register(
        self, credentials: Credentials, tokens: TokenSource, *, callback_url: str
    ) -> RegistrationOutcome:
        """Turn Pull on for the short code (daraja.md §10). Once and for all."""
        body = pull.register_request(credentials, callback_url=callback_url)
        came = await self._wire.send(credentials, tokens, path=pull.REGISTER_PATH, body=body)
        if isinstance(came, Reply):
            return classify_pull_registration(came.exchange, headers=came.headers)
        return _failed(came)

    async def pull_query(
        self, credentials: Credentials, tokens: TokenSource, *, start: datetime, end: datetime, offset: int = 0
    ) -> PullOutcome:
        """The C2B payments of a window of at most 48 hours, from row ``offset`` on (daraja.md §10). Moves nothing.

        An answer over 4 MiB is no news, "too-long": ask for a shorter window.
        """
        method: Literal["GET", "POST"] = "GET" if credentials.pull_method is PullMethod.GET else "POST"
        came = await self._wire.send(
            credentials,
            tokens,
            path=pull.QUERY_PATH,
            body=pull.query_request(credentials, start=start, end=end, offset=offset),
            method=method,
            refuses=refuses_pull_token,
            max_bytes=pull.MAX_BYTES,
        )
        return classify_pull(came.exchange, headers=came.headers) if isinstance(came, Reply) else _no_news(came)

    # ------------------------------------------------------------ orders

    async def transaction_status(
        self,
        credentials: Credentials,
        tokens: TokenSource,
        *,
        receipt_number: str | None = None,
        original_conversation_id: str | None = None,
        result_url: str,
        timeout_url: str,
        remarks: str = "Status",
        occasion: str = "",
    ) -> OrderOutcome:
        """Ask what became of a transaction; the answer comes to ``result_url`` (daraja.md §7). Moves no money."""
        credential = _credential(credentials)
        body = orders.status_request(
            credentials,
            security_credential=credential,
            receipt_number=receipt_number,
            original_conversation_id=original_conversation_id,
            result_url=result_url,
            timeout_url=timeout_url,
            remarks=remarks,
            occasion=occasion,
        )
        came = await self._wire.send(credentials, tokens, path=STATUS_PATH, body=body, secrets=(credential,))
        return classify_order(came.exchange, headers=came.headers) if isinstance(came, Reply) else _failed(came)

    async def reverse(
        self,
        credentials: Credentials,
        tokens: TokenSource,
        *,
        receipt_number: str,
        amount: Money,
        result_url: str,
        timeout_url: str,
        remarks: str,
        occasion: str = "",
    ) -> OrderOutcome:
        """Order a payment to be given back (daraja.md §8); the result comes to ``result_url``.

        It carries no id of ours: after Unknown never send it again before the payment's own status was asked.
        """
        credential = _credential(credentials)
        body = orders.reversal_request(
            credentials,
            security_credential=credential,
            receipt_number=receipt_number,
            amount=amount,
            result_url=result_url,
            timeout_url=timeout_url,
            remarks=remarks,
            occasion=occasion,
        )
        came = await self._wire.send(credentials, tokens, path=REVERSAL_PATH, body=body, secrets=(credential,))
        return classify_order(came.exchange, headers=came.headers) if isinstance(came, Reply) else _failed(came)

    async def b2c(
        self,
        credentials: Credentials,
        tokens: TokenSource,
        *,
        originator_conversation_id: str,
        phone: Phone,
        amount: Money,
        command: B2cCommand = B2cCommand.BUSINESS,
        result_url: str,
        timeout_url: str,
        remarks: str,
        occasion: str = "",
    ) -> B2cOutcome:
        """Order money to a person (daraja.md §10). After Unknown it may be sent again, but only under the same
        ``originator_conversation_id``: Safaricom takes each once. The result comes to ``result_url``.
        """
        credential = _credential(credentials)
        body = orders.b2c_request(
            credentials,
            security_credential=credential,
            originator_conversation_id=originator_conversation_id,
            phone=phone,
            amount=amount,
            command=command,
            result_url=result_url,
            timeout_url=timeout_url,
            remarks=remarks,
            occasion=occasion,
        )
        came = await self._wire.send(credentials, tokens, path=B2C_PATH, body=body, secrets=(credential,))
        return classify_b2c(came.exchange, headers=came.headers) if isinstance(came, Reply) else _failed(came)


def _failed(came: Failure) -> NotSent | Unknown:
    """The whole difference between the two: whether anything can have been written."""
    if came.nothing_written:
        return NotSent(came.code, came.message, came.retry_after_s, came.exchange)
    return Unknown(came.code, came.message, came.exchange)


def _no_news(came: Failure) -> NoNews:
    return NoNews(came.code, came.message, came.retry_after_s if came.nothing_written else None, came.exchange)


def _credential(credentials: Credentials) -> str:
    """Made anew for each order, since a padding is random. Raises ``NoInitiator``."""
    if credentials.initiator_password is None or credentials.certificate is None:
        raise NoInitiator
    return security_credential(password=credentials.initiator_password, certificate=credentials.certificate)
