"""What tests of the nouns stand on: a world of two facilities, and the whole chain from prompt to callback, by hand.

Nothing here stands in for anything: PostgreSQL, the gateway, the worker's rounds and the simulator are the real ones;
only time is moved (``rufaa_now()`` and the simulator's clock together).
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import uvicorn

from ports import free_port
from rufaa import clock, ids
from rufaa.cli import proof
from rufaa.cli.work import HANDLERS
from rufaa.config import Config, load
from rufaa.daraja.client import AccountKind, Credentials, Daraja, Environment, MemoryTokens, new_session
from rufaa.daraja.registration import Registered
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, look, unit
from rufaa.db.listen import Listener
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import Facility, MpesaAccount
from rufaa.facilities.queries import Actor, actor_named
from rufaa.facilities.rights import Role
from rufaa.functions import load as load_functions
from rufaa.functions import typed
from rufaa.functions.runtime import Runtime
from rufaa.gateway import sockets
from rufaa.gateway.app import Gateway
from rufaa.gateway.connections import Connection
from rufaa.ingest.address import (
    OrderUrls,
    callback_url,
    confirmation_url,
    result_url,
    timeout_url,
    validation_url,
)
from rufaa.ingest.loop import settle_inbox
from rufaa.money import Money
from rufaa.payments import unapplied
from rufaa.payments.access import Accounts
from rufaa.payments.arrival_rows import Arrival
from rufaa.payments.arrivals import take_in
from rufaa.payments.dispatch import Dispatcher
from rufaa.payments.machine import Channel
from rufaa.payments.orders import Orders
from rufaa.payments.pulls import Pulls
from rufaa.payments.reconcile import Reconciler
from rufaa.payments.strays import Strays
from rufaa.phone import Phone
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.operations import fees_paid
from rufaa.signin import tokens
from rufaa.signin.issuers import Issuers
from rufaa.simulator.config import (
    DEMO_CONSUMER_KEY,
    DEMO_CONSUMER_SECRET,
    DEMO_INITIATOR_NAME,
    DEMO_INITIATOR_PASSWORD,
    DEMO_PASSKEY,
    DEMO_SHORT_CODE,
)
from rufaa.simulator.testing import RunningSimulator
from rufaa.sync.values import decode

KEYS = ("a secret of the tests that is long enough",)
PAYS = "254708000000"  # answers by itself and pays
CANCELS = "254708001032"
RINGS = "254708374149"  # rings until somebody answers
FEE = Money.from_shillings(1000)
DEADLINE_S = 30.0


def wait_until(holds: Callable[[], bool], *, what: str = "it", deadline_s: float = DEADLINE_S) -> None:
    """The one place where tests wait for another process: asks again until ``holds``, and fails by name."""
    until = time.monotonic() + deadline_s
    pause = threading.Event()
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not happen within {deadline_s:g} s")
        pause.wait(0.02)


def number_of_today(rest: str) -> str:
    """A receipt number that M-Pesa could give today: year, month and day, and then ``rest``."""
    today = clock.now().astimezone(clock.EAT)
    day = "0123456789ABCDEFGHIJKLMNOPQRSTUV"[today.day]
    return f"{chr(ord('A') + (today.year - 2006) % 26)}{chr(ord('A') + today.month - 1)}{day}{rest}"


def rows(sql: str, **params: object) -> list[dict[str, Any]]:
    """What stands in the database, committed."""
    return unit(lambda tx: tx.rows(sql, params))


def value(sql: str, **params: object) -> Any:
    (row,) = rows(sql, **params)
    (only,) = row.values()
    return only


def another_account(world: World, **differs: object) -> MpesaAccount:
    """One more account, as the world's but for what ``differs``. What its sealed keys are, nobody can read."""

    def make(tx: Tx) -> MpesaAccount:
        other = MpesaAccount.objects.get(pk=world.account.pk)
        for name, changed in {"pk": ids.new_id(), **differs}.items():
            setattr(other, name, changed)
        other.save(force_insert=True)
        tx.execute("INSERT INTO mpesa_access (account_id) VALUES (%(id)s)", {"id": other.pk})
        return other

    return unit(make)


def priced_by_another_account(world: World) -> None:
    """From now on the world's fees go to an account of their own."""
    other = another_account(world, short_code="600009")
    unit(lambda tx: facilities.set_price(tx, world.uhuru, amount=FEE, payee=world.tumaini, account=other))


def execute(sql: str, **params: object) -> int:
    return unit(lambda tx: tx.execute(sql, params))


def advance(seconds: float, simulator: RunningSimulator | None = None) -> None:
    """Move time on: the database's, and the simulator's where it stands by hand."""
    execute('UPDATE rufaa_clock SET "offset" = "offset" + %(by)s', by=timedelta(seconds=seconds))
    if simulator is not None:
        simulator.advance(seconds)


SNAPSHOT = (
    *("referral", "particulars", "fee", "exemption", "prompt", "receipt", "application", "refund", "claim", "inquiry"),
    *("evidence", "stray", "task", "transfer", "history", "inbox", "brought", "comment", "attachment"),
    *("clinic", "clinic_hours", "clinic_day", "closure", "slot", "appointment"),
    *("notice", "notice_template", "notice_wish"),
)


_SNAPSHOT: Final = " UNION ALL ".join(
    f"SELECT '{table}' AS name, {table}::text AS row FROM {table}" for table in SNAPSHOT
)


def snapshot() -> dict[str, list[str]]:
    """The rows of everything that an operation could change, as PostgreSQL writes them; equal snapshots prove that a
    refusal changed nothing."""
    found: dict[str, list[str]] = {table: [] for table in SNAPSHOT}
    for each in rows(_SNAPSHOT):
        found[each["name"]].append(each["row"])
    return {table: sorted(them) for table, them in found.items()}


@dataclass(frozen=True)
class World:
    """Two facilities and their people, as in the demo, and a stranger's facility with one of each role."""

    uhuru: Facility
    tumaini: Facility
    elsewhere: Facility
    account: MpesaAccount
    physician: Actor
    admin: Actor  # of uhuru
    second_admin: Actor  # of uhuru
    receiver: Actor  # reception of tumaini
    receiving_admin: Actor
    finance: Actor  # of tumaini, the payee
    operator: Actor
    stranger: Actor  # every role, but elsewhere

    def referral(self, *, priority: Priority = Priority.ROUTINE, by: Actor | None = None) -> str:
        """A new referral's id as written outside."""
        who = by or self.physician
        row = unit(
            lambda tx: referrals.create(
                tx,
                who,
                patient_name="Jane Wafula",
                receiving=self.tumaini.name,
                priority=priority,
                medical_history="none",
                lab_results="none",
                diagnosis="fracture",
                referring=self.uhuru.name,
            ),
            actor=who.user,
        )
        return row.pk.hex

    def move(self, referral: str, target: Status | str, by: Actor | None = None, **more: Any) -> referrals.Changed:
        who = by or self.admin
        return unit(
            lambda tx: referrals.update_status(tx, who, referral, target=Status(target), **more), actor=who.user
        )

    def approved(self, **more: Any) -> str:
        referral = self.referral(**more)
        self.move(referral, Status.AWAITING_BIODATA)
        return referral

    def waiting(self, **more: Any) -> str:
        """A referral in pending-payment whose payer phone is not known yet."""
        referral = self.approved(**more)
        self.move(referral, Status.PENDING_PAYMENT)
        return referral

    def prompted(self, phone: str = RINGS, **more: Any) -> tuple[str, uuid.UUID]:
        """A referral with a committed prompt that no worker has seen: (referral, prompt)."""
        referral = self.waiting(**more)
        return referral, self.ask(referral, phone)

    def ask(self, referral: str, phone: str = RINGS, *, amount: Money | None = None, **more: Any) -> uuid.UUID:
        asked, _ = unit(
            lambda tx: referrals.send_prompt(tx, self.admin, referral, phone=phone, amount=amount, **more),
            actor=self.admin.user,
        )
        assert isinstance(asked, referrals.Requested)
        return asked.prompt

    def status(self, referral: str) -> str:
        return str(value("SELECT state FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))

    def fee_state(self, referral: str) -> str | None:
        state = rows(
            "SELECT fee.state FROM referral JOIN fee ON fee.id = fee_id WHERE referral.id = %(id)s",
            id=uuid.UUID(referral),
        )
        return str(state[0]["state"]) if state else None

    def prompt(self, prompt: uuid.UUID) -> dict[str, Any]:
        (row,) = rows("SELECT * FROM prompt WHERE id = %(id)s", id=prompt)
        return row


def make_world(base_url: str = "http://127.0.0.1:1", *, queries_per_min: float = 60_000) -> World:
    """Fill an empty database. ``base_url`` is where Daraja is; nothing listens at the default.

    The first world of a process is made as an operator makes one; later ones are its rows again, ten times as fast. In
    a database that has one already an operator's steps are repeated.
    """
    if value("SELECT EXISTS (SELECT FROM facility)"):
        return _fill(base_url, queries_per_min)
    if not _FIRST_WORLD:
        _FIRST_WORLD.append(_keep(_fill(base_url, queries_per_min)))
        return deepcopy(_FIRST_WORLD[0].world)
    first = _FIRST_WORLD[0]

    def again(tx: Tx) -> None:
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute(first.statement, first.values)
        tx.execute(
            "UPDATE mpesa_account SET base_url = %(url)s, queries_per_min = %(rate)s",
            {"url": base_url, "rate": queries_per_min},
        )

    unit(again)
    world = deepcopy(first.world)
    world.account.base_url, world.account.queries_per_min = base_url, queries_per_min
    return world


@dataclass(frozen=True)
class _Kept:
    """A world, and the statement that writes its rows, with their values."""

    world: World
    statement: str
    values: dict[str, object]


_FIRST_WORLD: list[_Kept] = []


def _keep(world: World) -> _Kept:
    def read(tx: Tx) -> tuple[dict[str, object], dict[str, int]]:
        tables = tx.rows(
            "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename !~ '^(law$|rufaa_clock$|django_|auth_)'"
        )
        found = {row["name"]: tx.rows(f'SELECT json_agg(each) AS all FROM "{row["name"]}" AS each') for row in tables}
        numbers = tx.rows(
            "SELECT sequencename AS name, last_value FROM pg_sequences"
            " WHERE last_value IS NOT NULL AND sequencename !~ '^(law|django|auth)'"
        )
        return (
            {name: json.dumps(row["all"]) for name, (row,) in found.items() if row["all"]},
            {row["name"]: row["last_value"] for row in numbers},
        )

    values, numbers = look(read)
    parts = ", ".join(
        f'"into {name}" AS ('
        f'INSERT INTO "{name}" SELECT * FROM json_populate_recordset(NULL::"{name}", %({name})s::json))'
        for name in values
    )
    counted = ", ".join(f"setval('{name}', {number})" for name, number in numbers.items())
    return _Kept(world, f"WITH {parts} SELECT {counted}", values)


def _fill(base_url: str, queries_per_min: float) -> World:
    def fill(tx: Tx) -> World:
        uhuru = facilities.add_facility(tx, "Uhuru Health Centre")
        tumaini = facilities.add_facility(tx, "Tumaini Referral Hospital")
        elsewhere = facilities.add_facility(tx, "Elsewhere Clinic")
        account = facilities.keep_account(
            tx,
            credentials(base_url),
            keys=KEYS,
            pushes_per_s=1000,
            queries_per_min=queries_per_min,
        )
        facilities.set_price(tx, uhuru, amount=FEE, payee=tumaini, account=account)

        def person(name: str, *roles: tuple[Facility, Role], operator: bool = False) -> Actor:
            user = facilities.add_user(tx, name, full_name=name.title(), operator=operator)
            for facility, role in roles:
                facilities.add_member(tx, user, facility, role)
            return actor_named(tx, name)

        return World(
            uhuru=uhuru,
            tumaini=tumaini,
            elsewhere=elsewhere,
            account=account,
            physician=person("physician", (uhuru, Role.PHYSICIAN)),
            admin=person("admin", (uhuru, Role.ADMINISTRATOR)),
            second_admin=person("second-admin", (uhuru, Role.ADMINISTRATOR)),
            receiver=person("receiver", (tumaini, Role.RECEPTION)),
            receiving_admin=person("receiving-admin", (tumaini, Role.ADMINISTRATOR)),
            finance=person("finance", (tumaini, Role.FINANCE)),
            operator=person("operator", operator=True),
            stranger=person("stranger", *((elsewhere, role) for role in Role)),
        )

    return unit(fill)


def someone(name: str) -> Actor:
    """The person with this sign-in name, and the roles that they have now."""
    return look(lambda tx: actor_named(tx, name))


def credentials(base_url: str) -> Credentials:
    return Credentials(
        environment=Environment.SIMULATOR,
        base_url=base_url,
        short_code=DEMO_SHORT_CODE,
        till_number=None,
        kind=AccountKind.PAYBILL,
        consumer_key=DEMO_CONSUMER_KEY,
        consumer_secret=DEMO_CONSUMER_SECRET,
        passkey=DEMO_PASSKEY,
    )


def operated(simulator: RunningSimulator) -> Credentials:
    """The account's credentials with its API operator and its phone for Pull."""
    return replace(
        credentials(simulator.url),
        initiator_name=DEMO_INITIATOR_NAME,
        initiator_password=DEMO_INITIATOR_PASSWORD,
        certificate=simulator.certificate,
        nominated_number=RINGS,
    )


def give_operator(world: World, simulator: RunningSimulator, *, queries_per_min: float = 60_000) -> None:
    """The account gets an API operator, who may order refunds and ask for statuses, and a phone for Pull."""
    whole = operated(simulator)
    unit(lambda tx: facilities.keep_account(tx, whole, keys=KEYS, pushes_per_s=1000, queries_per_min=queries_per_min))


def register_pull(simulator: RunningSimulator) -> None:
    """The account's payments may be pulled from now on."""

    async def register() -> None:
        async with new_session() as session:
            daraja, keys = Daraja(session, now=simulator.now), operated(simulator)
            outcome = await daraja.pull_register(
                keys, MemoryTokens(daraja, keys), callback_url="http://127.0.0.1:9/nowhere"
            )
        assert isinstance(outcome, Registered), outcome

    asyncio.run(register())


def register_c2b(world: World, simulator: RunningSimulator, gateway: Running) -> None:
    """Safaricom is told where payments to the account are told of."""

    async def register() -> None:
        async with new_session() as session:
            daraja, keys = Daraja(session, now=simulator.now), credentials(simulator.url)
            outcome = await daraja.register_c2b(
                keys,
                MemoryTokens(daraja, keys),
                confirmation_url=confirmation_url(gateway.url, world.account.pk, keys=KEYS),
                validation_url=validation_url(gateway.url, world.account.pk, keys=KEYS),
            )
        assert isinstance(outcome, Registered), outcome

    asyncio.run(register())


class Answer:
    """An HTTP answer: status and body."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def post(url: str, body: bytes | object, **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **names})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())


@dataclass
class Running:
    """A gateway on a free loopback port, and calls to it."""

    url: str
    config: Config
    app: Gateway
    server: uvicorn.Server

    def call(self, kind: str, path: str, args: dict[str, Any], *, by: Actor | None = None) -> Any:
        """The function API's whole answer, parsed: {"status": "success", "value": …} or the error."""
        headers = {}
        if by is not None:
            token = tokens.issue(by.user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=1))
            headers["Authorization"] = f"Bearer {token}"
        answer = post(f"{self.url}/api/{kind}", {"path": path, "args": args, "format": "json"}, **headers).json
        function = load_functions().get(path)
        if answer.get("status") == "success" and function is not None:
            typed.answer(function).check(decode(answer["value"]))  # every test holds answers to what is declared
        return answer

    def do(self, kind: str, path: str, args: dict[str, Any], *, by: Actor | None = None) -> Any:
        """The value of a call that must succeed."""
        answer = self.call(kind, path, args, by=by)
        assert answer["status"] == "success", answer
        return answer["value"]

    def error(self, kind: str, path: str, args: dict[str, Any], *, by: Actor | None = None) -> dict[str, Any]:
        """The application error of a call that must be refused: code, message, data."""
        answer = self.call(kind, path, args, by=by)
        assert answer["status"] == "error", answer
        assert "errorData" in answer, answer
        data: dict[str, Any] = answer["errorData"]
        return data

    def callback_url(self, prompt: uuid.UUID) -> str:
        return callback_url(self.url, prompt, keys=KEYS)


@contextmanager
def running_gateway(database_url: str, **settings: str) -> Iterator[Running]:
    """A real gateway in a thread. ``settings`` are environment settings, say ``RUFAA_MODE="demo"``."""
    port = free_port()
    config = load(
        {
            "RUFAA_MODE": "demo",
            "RUFAA_PORT": str(port),
            "RUFAA_SECRET_KEYS": KEYS[0],
            "DATABASE_URL": database_url,
            **settings,
        }
    )
    app = Gateway(config)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            http=Connection,
            lifespan="on",
            **sockets.settings(),
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
    )
    thread = threading.Thread(target=server.run, name="gateway", daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), what="the gateway's start")
        assert server.started
        yield Running(f"http://127.0.0.1:{port}", config, app, server)
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)


class Worker:
    """The worker's rounds, run one by one by the test."""

    def __init__(self, public_url: str) -> None:
        self.public_url = public_url

    def dispatch(self) -> None:
        """Claim and send what is due, and wait for the answers."""

        async def once(daraja: Daraja, accounts: Accounts, aside: Aside) -> None:
            url = partial(callback_url, self.public_url, keys=KEYS)
            dispatcher = Dispatcher(daraja, accounts, aside, callback_url=url)
            await dispatcher.round()
            await dispatcher.drain()

        self._run(once)

    def query(self) -> None:
        """Ask what is due, settle the answers, hand over what is overdue."""

        async def once(daraja: Daraja, accounts: Accounts, aside: Aside) -> None:
            await Reconciler(daraja, accounts, aside, hand_on=fees_paid).round()

        self._run(once)

    def find_strays(self) -> None:
        """Ask about the strays that are due."""

        async def once(daraja: Daraja, accounts: Accounts, aside: Aside) -> None:
            await Strays(daraja, accounts, aside).round()

        self._run(once)

    def order(self, *, addressed: bool = True) -> None:
        """Give the refund orders that are due, and ask the questions for a status. Not ``addressed``: there is nowhere
        to post what M-Pesa answers to."""

        async def once(daraja: Daraja, accounts: Accounts, aside: Aside) -> None:
            def addresses(order: uuid.UUID) -> OrderUrls:
                return OrderUrls(
                    result_url(self.public_url, order, keys=KEYS), timeout_url(self.public_url, order, keys=KEYS)
                )

            await Orders(daraja, accounts, aside, addresses=addresses if addressed else None).round()

        self._run(once)

    def pull(self) -> None:
        """Ask the accounts that are due for all their payments."""

        async def once(daraja: Daraja, accounts: Accounts, aside: Aside) -> None:
            await Pulls(daraja, accounts, aside, hand_on=fees_paid).round()

        self._run(once)

    def settle(self) -> int:
        """Settle every stored callback."""
        total = 0
        while taken := settle_inbox(HANDLERS):
            total += taken
        return total

    def _run(self, work: Callable[[Daraja, Accounts, Aside], Any]) -> None:
        async def main() -> None:
            aside = Aside(threads=4, name="test-work")
            try:
                async with new_session() as session:
                    daraja = Daraja(session)
                    await work(daraja, Accounts(daraja, aside, keys=KEYS), aside)
            finally:
                aside.close()

        asyncio.run(main())


def check_books(simulator: RunningSimulator | None = None) -> None:
    """What must always hold, read from the tables and compared with the simulator's till."""
    broken = unit(proof.broken)
    assert broken == {}, broken
    if simulator is not None:
        booked = value(
            "SELECT coalesce(sum(CASE WHEN debit = %(name)s THEN amount_cents ELSE -amount_cents END), 0)"
            " FROM transfer WHERE %(name)s IN (debit, credit)",
            name=f"mpesa:{DEMO_SHORT_CODE}",
        )
        assert Money(int(booked)) == simulator.till(DEMO_SHORT_CODE)


@contextmanager
def unchanged() -> Iterator[None]:
    """What happens inside leaves no trace in any table that an operation could write."""
    before = snapshot()
    yield
    assert snapshot() == before


def call_back(prompt: uuid.UUID, *, code: int = 0) -> str:
    """Safaricom's callback about ``prompt``, stored and settled without gateway and simulator; what was made of it."""
    row = rows("SELECT amount_cents, payer_phone, checkout_request_id FROM prompt WHERE id = %(id)s", id=prompt)[0]
    items = [
        {"Name": "Amount", "Value": row["amount_cents"] // 100},
        {"Name": "MpesaReceiptNumber", "Value": f"T{prompt.hex[-9:].upper()}"},
        {"Name": "PhoneNumber", "Value": int(row["payer_phone"])},
    ]
    told = {
        "MerchantRequestID": f"m-{prompt.hex}",
        "CheckoutRequestID": row["checkout_request_id"] or f"ws_CO_{prompt.hex}",
        "ResultCode": code,
        "ResultDesc": "as the test says",
        **({"CallbackMetadata": {"Item": items}} if code == 0 else {}),
    }
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " VALUES ('stk', %(prompt)s, '127.0.0.1', true, %(body)s)",
        prompt=prompt,
        body=json.dumps({"Body": {"stkCallback": told}}).encode(),
    )
    settle_inbox(HANDLERS)
    return str(value("SELECT outcome FROM inbox ORDER BY id DESC LIMIT 1"))


def use_otherwise(world: World, prompt: uuid.UUID) -> str:
    """The money of ``prompt`` comes by its number and is applied to another fee, before its callback: the number."""
    number = f"T{prompt.hex[-9:].upper()}"
    told = Arrival(
        account=world.account.pk,
        channel=Channel.C2B,
        trusted=True,
        number=number,
        amount=FEE,
        paid_at=clock.now(),
        reference="RENT",
        phone_shown="",
    )
    unit(lambda tx: take_in(tx, [told], hand_on=fees_paid))
    receipt = value("SELECT id FROM receipt WHERE number = %(number)s", number=number)
    other = value("SELECT fee_id FROM referral WHERE id = %(id)s", id=uuid.UUID(world.waiting()))
    unit(lambda tx: unapplied.apply(tx, other, [receipt], by=world.finance.user, hand_on=fees_paid))
    assert call_back(prompt) == "confirms"
    return number


def referral_in(world: World, status: Status, *, priority: Priority = Priority.ROUTINE) -> str:
    """A referral that reached ``status`` the ordinary way; its money was seen where the status says so."""
    if status is Status.REJECTED:
        referral = world.referral(priority=priority)
        world.move(referral, status, reason="not indicated")
        return referral
    if status is Status.CANCELLED:
        referral = world.waiting(priority=priority)
        world.move(referral, status, reason="not needed any more")
        return referral
    referral = world.referral(priority=priority)
    if status is Status.PENDING_ADMIN:
        return referral
    world.move(referral, Status.AWAITING_BIODATA)
    if status is Status.AWAITING_BIODATA:
        return referral
    world.move(referral, Status.PENDING_PAYMENT)
    if status is Status.PENDING_PAYMENT:
        return referral
    call_back(world.ask(referral))
    if status is Status.PAID:
        return referral
    world.move(referral, Status.CONFIRMED, by=world.receiver)
    if status is Status.COMPLETED:
        world.move(referral, Status.COMPLETED, by=world.receiver, reason="treated")
    return referral


# --- M-Pesa's messages by hand, and what became of them


def success_body(
    checkout: object,
    *,
    number: object = "RKN7A1B2C3",
    amount: object = 1000.0,
    phone: object = int(RINGS),
    **more: object,
) -> dict[str, Any]:
    """A callback that says "paid", as Safaricom writes it (daraja.md §4); ``more`` goes into stkCallback."""
    items: list[dict[str, object]] = [
        {"Name": "Amount", "Value": amount},
        {"Name": "MpesaReceiptNumber", "Value": number},
        {"Name": "TransactionDate", "Value": 20261123091545},
        {"Name": "PhoneNumber", "Value": phone},
    ]
    return {"Body": {"stkCallback": {**_head(checkout, 0), "CallbackMetadata": {"Item": items}, **more}}}


def failure_body(checkout: object, code: object = 1032, **more: object) -> dict[str, Any]:
    """A callback that says "not paid"."""
    return {"Body": {"stkCallback": {**_head(checkout, code), **more}}}


def _head(checkout: object, code: object) -> dict[str, object]:
    return {
        "MerchantRequestID": "847c-4573-85db-96a68dacad1910001",
        "CheckoutRequestID": checkout,
        "ResultCode": code,
        "ResultDesc": "as the test says",
    }


def push_beyond(simulator: RunningSimulator, *, callback_url: str, phone: str = PAYS) -> None:
    """A push on the town's account that no row of the database knows: made before it was restored from a backup."""

    async def push() -> None:
        async with new_session() as session:
            daraja = Daraja(session)
            account = credentials(simulator.url)
            await daraja.stk_push(
                account,
                MemoryTokens(daraja, account),
                phone=Phone(phone),
                amount=FEE,
                account_reference="RESTORED",
                description="Referral fee",
                callback_url=callback_url,
                at=simulator.now(),
            )

    asyncio.run(push())


def functions_runtime(aside: Aside, listener: Listener, *, demo: bool) -> Runtime:
    """What runs the functions, as the gateway makes it, without an OpenID issuer."""
    life = timedelta(minutes=10)
    return Runtime(aside, listener, keys=KEYS, issuer=tokens.LOCAL, token_life=life, issuers=Issuers(()), demo=demo)


def query_body(checkout: str, code: str) -> str:
    """The answer to a status query about ``checkout`` (daraja.md §5)."""
    head = {"ResponseCode": "0", "ResponseDescription": "The service request has been accepted successfully"}
    told = {"MerchantRequestID": "m-1", "CheckoutRequestID": checkout, "ResultCode": code, "ResultDesc": "so"}
    return json.dumps({**head, **told})


def requests_to(simulator: RunningSimulator, path: str) -> list[dict[str, Any]]:
    """Every request that the simulator's journal has for ``path``, oldest first."""
    entries = [dict(entry.data) for entry in simulator.journal() if entry.kind == "exchange"]
    return [entry for entry in entries if str(entry["path"]).startswith(path)]


def pushes(simulator: RunningSimulator) -> int:
    """How many POSTs of a push reached the simulator, accepted or not."""
    return len(requests_to(simulator, "/mpesa/stkpush/v1/processrequest"))


def inbox_outcomes() -> list[str | None]:
    """What became of each stored callback, oldest first; None: not settled yet."""
    return [row["outcome"] if row["settled_at"] else None for row in rows("SELECT * FROM inbox ORDER BY id")]


def verdicts(prompt: uuid.UUID) -> list[str]:
    """``channel:verdict`` of the evidence about ``prompt``, oldest first."""
    found = rows("SELECT channel, verdict FROM evidence WHERE prompt_id = %(id)s ORDER BY id", id=prompt)
    return [f"{row['channel']}:{row['verdict']}" for row in found]


def open_tasks() -> list[str]:
    """The kinds of what waits for a person."""
    return [str(row["kind"]) for row in rows("SELECT kind FROM task WHERE closed_at IS NULL ORDER BY kind")]


def receipts() -> list[tuple[str | None, str]]:
    """(number, state) of every receipt, in the order in which they came."""
    found = rows("SELECT number, state FROM receipt ORDER BY created_at, id")
    return [(row["number"], str(row["state"])) for row in found]
