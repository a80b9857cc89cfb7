"""Every real and documented payload ends in a named outcome, by the way it would come: the gateway, or the client."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from daraja.test_daraja_corpus import ANSWERS, TOKENS
from hostile.street import CREDITED, asked, became, left, phones
from rufaa.daraja.client import Daraja, MemoryTokens, TokenUnavailable, new_session
from rufaa.daraja.outcomes import Accepted, Answered, Declined, NoNews, NotSent, PushOutcome, QueryOutcome, Unknown
from rufaa.daraja.reading import identifier_of
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import FEE, RINGS, Running, Worker, World, check_books, credentials, post, rows


def listed(folders: Mapping[str, str], *more: str) -> tuple[str, ...]:
    """``{"c2b_validation": "01 03"}`` as names of files."""
    return (*(f"{folder}/{name}.json" for folder, names in folders.items() for name in names.split()), *more)


# what becomes of a prompt that fits them: the inbox's word, the prompt, its fee, its receipt
CALLBACKS: Final[dict[str, str]] = {
    **dict.fromkeys(
        listed(
            {
                "stk_callback": "01 06 08 10 11 13 15 16 18 20 21 81 83 85",
                "stk_callback_double_pay_pair": "01 02 05 06",
                "stk_callback_duplicate_pair": "01 02",
            }
        ),
        CREDITED,
    ),
    **dict.fromkeys(
        listed(
            {
                "stk_callback": "28 30 31 33 35 36 40 41 43 45 46 48 50 51 53 55 56 58 60 63 65 66 68 70 71 78 80 86"
                " 88 90 91",
                "stk_callback_contradiction": "01 03 05 06 08",
            }
        ),
        "fails / unpaid / due / no receipt",
    ),
    **dict.fromkeys(listed({"stk_callback": "61 73"}), left("no-news")),
    # without a number or an amount it is not believed: a query is
    **dict.fromkeys(listed({"stk_callback": "03 05 26"}), left("no-receipt")),
    **dict.fromkeys(listed({"stk_callback": "23 25 38 75"}), left("malformed: no usable CheckoutRequestID")),
    "stk_callback/76.json": left("malformed: no usable ResultCode"),
    "stk_callback/empty_body.txt": left("malformed: empty"),
}
FOREIGN: Final[dict[str, str]] = dict.fromkeys(
    listed(
        {
            "account_balance_result": "01 03 05 06",
            "async_ack": "01 03 05 06",
            "b2b_result": "01 03",
            "b2c_result": "01 03 05 06 08",
            "c2b_confirmation": "01 03 05 06 08 10 11 13 15 16 18",
            "c2b_register_or_simulate_response": "01 03",
            "c2b_validation": "01 03",
            "pull_transactions": "01 03 05",
            "qr_response": "01",
            "reversal_result": "01 03 05 06",
            "transaction_status_result": "01 03 05",
        }
    ),
    "malformed: no Body.stkCallback",
)
ROUNDS: Final = 9
"""So often does one id or receipt number occur: documents repeat each other's examples."""


def told(raw: bytes) -> dict[str, Any]:
    """The callback in a file, by the plain standard reading; empty where there is none."""
    try:
        callback = json.loads(raw)["Body"]["stkCallback"]
    except (ValueError, KeyError, TypeError):
        return {}
    return callback if isinstance(callback, dict) else {}


def shown(callback: dict[str, Any], name: str) -> Any:
    items = (callback.get("CallbackMetadata") or {}).get("Item") or []
    return next((item.get("Value") for item in items if item.get("Name") == name), None)


def fitting(town: World, simulator: RunningSimulator, worker: Worker, raw: bytes, *, else_to: str) -> uuid.UUID:
    """A prompt that rings, for the phone and the amount of the callback in ``raw``, known to Daraja by its ids."""
    callback = told(raw)
    amount = shown(callback, "Amount")
    price = FEE if amount is None else Money.from_shillings(int(float(amount)))
    unit(lambda tx: facilities.set_price(tx, town.uhuru, amount=price, payee=town.tumaini, account=town.account))
    checkout = callback.get("CheckoutRequestID")
    accepted = {
        "MerchantRequestID": callback.get("MerchantRequestID") or "m-1",
        "CheckoutRequestID": checkout if identifier_of(checkout) else f"ws_CO_{else_to}",
        "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing",
    }
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, status=200, body=json.dumps(accepted)))
    phone = whole(shown(callback, "PhoneNumber"), else_to=else_to) if identifier_of(checkout) else else_to
    prompt = asked(town, phone)
    worker.dispatch()
    assert town.prompt(prompt)["state"] == "pending"
    return prompt


def whole(phone: object, *, else_to: str) -> str:
    """A phone that can be the one that is shown; what is hidden of it is zeros."""
    if phone is None:
        return else_to
    digits = re.sub("^0", "254", str(phone))
    return re.sub(r"\*+", lambda hidden: "0" * (12 - len(digits) + len(hidden[0])), digits)


def called_back(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, files: dict[str, bytes]
) -> dict[str, str]:
    """What became of each file, told twice to a prompt that fits it, since M-Pesa repeats itself at times."""
    prompts = {}
    for (name, raw), other in zip(files.items(), phones(), strict=False):
        prompts[name] = fitting(town, simulator, worker, raw, else_to=other)
        for _ in range(2):
            assert post(gateway.callback_url(prompts[name]), raw).status == 200
        worker.settle()
    bodies = [bytes(row["body"]) for row in rows("SELECT body FROM inbox ORDER BY id")]
    assert bodies == [raw for raw in files.values() for _ in range(2)]
    check_books()
    found = became()
    return {name: found[prompt] for name, prompt in prompts.items()}


def twice(outcome: str) -> str:
    """What becomes of a prompt when its callback comes twice, from what becomes of it once."""
    named, _, state = outcome.partition(" / ")
    return f"{named} + {named} / {state}"


def packed(corpus: Path, names: Iterable[str]) -> list[dict[str, bytes]]:
    """The files in rounds, so that none has an id or a receipt number that was there before."""
    rounds: list[dict[str, bytes]] = [{} for _ in range(ROUNDS)]
    seen: Counter[str] = Counter()
    for name in names:
        raw = (corpus / name).read_bytes()
        callback = told(raw)
        keys = [str(callback.get("CheckoutRequestID")), str(shown(callback, "MpesaReceiptNumber") or name)]
        place = max(seen[key] for key in keys)
        rounds[place][name] = raw
        seen.update(dict.fromkeys(keys, 1))
    return rounds


@pytest.mark.parametrize("place", range(ROUNDS))
def test_callbacks_about_a_prompt_that_fits_them(
    corpus: Path, town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, place: int
) -> None:
    files = packed(corpus, CALLBACKS)[place]

    found = called_back(town, simulator, gateway, worker, files)

    assert found == {name: twice(CALLBACKS[name]) for name in files}


def test_payloads_of_other_interfaces_are_kept_and_named_and_credit_nothing(
    corpus: Path, town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """C2B, Pull, B2C and the rest have addresses of their own; at a prompt's they are no report about it."""
    files = {name: (corpus / name).read_bytes() for name in FOREIGN}

    found = called_back(town, simulator, gateway, worker, files)

    assert found == {name: twice(left(outcome)) for name, outcome in FOREIGN.items()}
    assert rows("SELECT id FROM receipt") == []


# --- answers, through the client -----------------------------------------------------------------------------------


@contextmanager
def answering(status: int, body: bytes, *, path: str) -> Iterator[tuple[str, list[str]]]:
    """A server that answers so at ``path``, gives tokens, and keeps the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            where = self.path.partition("?")[0]
            asked.append(where)
            token = b'{"access_token": "a-token-of-the-tests", "expires_in": "3599"}'
            code, text = (status, body) if where == path else (200, token)
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = answer  # noqa: N815 - the names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


AT: Final = datetime(2026, 4, 2, 21, 30, tzinfo=UTC)
PUSH, QUERY, TOKEN = "/mpesa/stkpush/v1/processrequest", "/mpesa/stkpushquery/v1/query", "/oauth/v1/generate"


async def pushed(url: str) -> PushOutcome:
    account = credentials(url)
    async with new_session() as session:
        daraja = Daraja(session)
        return await daraja.stk_push(
            account,
            MemoryTokens(daraja, account),
            phone=Phone(RINGS),
            amount=FEE,
            account_reference="ABC123",
            description="Referral fee",
            callback_url="http://127.0.0.1:1/h/0123",
            at=AT,
        )


async def queried(url: str, checkout: str) -> QueryOutcome:
    account = credentials(url)
    async with new_session() as session:
        daraja = Daraja(session)
        tokens = MemoryTokens(daraja, account)
        return await daraja.stk_query(account, tokens, checkout_request_id=checkout, at=AT)


def named(outcome: PushOutcome | QueryOutcome) -> str:
    match outcome:
        case Accepted():
            return "accepted"
        case Declined(code=code, because=because):
            return f"declined: {code} {because}"
        case NotSent(code=code):
            return f"not sent: {code}"
        case Unknown(code=code):
            return f"unknown: {code}"
        case Answered(result_code=code):
            return f"answered {code}"
        case NoNews(code=code, retry_after_s=wait_s):
            return f"no news: {code}" + ("" if wait_s is None else f", wait {wait_s:.0f}")


@pytest.mark.fault(8)
@pytest.mark.parametrize(("name", "expected"), ANSWERS.items())
def test_answers_over_http(corpus: Path, name: str, expected: tuple[int, str, str]) -> None:
    """As the classifiers say by themselves, over a real connection: and only a refused token is tried again."""
    status, to_a_push, to_a_query = expected
    raw = (corpus / name).read_bytes()
    checkout = json.loads(raw).get("CheckoutRequestID", "ws_CO_x")

    with answering(status, raw, path=PUSH) as (url, asked):
        assert named(asyncio.run(pushed(url))) == to_a_push
        assert asked.count(PUSH) == (2 if to_a_push.endswith(" token") else 1)
    with answering(status, raw, path=QUERY) as (url, asked):
        assert named(asyncio.run(queried(url, checkout))) == to_a_query


@pytest.mark.parametrize(("name", "expected"), TOKENS.items())
def test_tokens_over_http(corpus: Path, name: str, expected: tuple[int, str]) -> None:
    status, outcome = expected

    async def fetched(url: str) -> str:
        async with new_session() as session:
            try:
                return f"{(await Daraja(session).fetch_token(credentials(url))).expires_in_s:.0f} s"
            except TokenUnavailable as unavailable:
                return unavailable.reason

    with answering(status, (corpus / name).read_bytes(), path=TOKEN) as (url, asked):
        assert asyncio.run(fetched(url)) == outcome
        assert asked == [TOKEN]


# --- all of them ---------------------------------------------------------------------------------------------------


def test_every_file_has_its_row(corpus: Path) -> None:
    there = {f"{file.parent.name}/{file.name}" for file in corpus.glob("*/*")}
    table = {
        **CALLBACKS,
        **{name: left(outcome) for name, outcome in FOREIGN.items()},
        **{name: f"to a push {push}; to a query {query}" for name, (_, push, query) in ANSWERS.items()},
        **{name: f"a token: {outcome}" for name, (_, outcome) in TOKENS.items()},
    }

    print(f"\n{len(table)} payloads:")
    for outcome, count in sorted(Counter(table.values()).items(), key=lambda each: (-each[1], each[0])):
        print(f"{count:4}  {outcome}")
    assert there == set(table), "files without a row, and rows without a file"
