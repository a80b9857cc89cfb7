"""No person and no secret is in anything that a server puts out: canaries are planted everywhere, and all is searched.

The whole server runs as an operator runs it (``rufaa demo`` over its own PostgreSQL, logs as JSON); the story goes from
the referral to the money and through every failure that can be forced from outside.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import Any, Final

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from demo_process import START_S, Demo, environment, folder, processes, stop
from observability.canaries import (
    CANCELS,
    DATE_OF_BIRTH,
    EMAIL,
    NATIONAL_ID,
    PATIENT,
    PAYS,
    STRANGER,
    Found,
    canary,
    search,
)
from ports import free_port, port_pair
from reports import URLS, c2b_body, result_body
from rufaa.db.embedded import running_url
from rufaa.ingest.address import Kind, callback_url
from support import failure_body, post, success_body, wait_until

TOKEN: Final = "a-metrics-token-that-is-long-enough"
BAD_TOKEN: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJLYW5hcmkifQ.c2lnbmF0dXJlLW9mLWEtY2FuYXJ5"


class Server:
    """``rufaa demo`` with JSON logs, its two outputs apart."""

    def __init__(self, demo: Demo, *, worker_port: int, database: str) -> None:
        self.demo = demo
        self.worker_port = worker_port
        self.database = database
        self.key = (demo.data / "secret.key").read_text().strip()
        self.others: dict[str, str] = {}  # what other people, and other processes, were told
        self.presented: dict[str, str] = {}  # by which callers proved who they are

    @property
    def errors(self) -> str:
        return (self.demo.data.parent / "errors").read_text()

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def callback(self, prompt: uuid.UUID, body: bytes | object, **headers: str) -> int:
        return post(callback_url(self.demo.url, prompt, keys=(self.key,)), body, **headers).status

    def report(self, kind: Kind, subject: uuid.UUID, body: bytes | object) -> int:
        """Post to an address of an account or an order."""
        return post(URLS[kind](self.demo.url, subject, keys=(self.key,)), body).status

    def tell(self, who: str, text: str) -> None:
        self.others[f"{who} {len(self.others)}"] = text

    def try_call(self, path: str, args: dict[str, Any], **headers: str) -> str:
        """A call that fails; its own caller may be shown what they wrote themselves."""
        body = {"path": path, "args": {"demoUserId": "admin", **args}, "format": "json"}
        return post(f"{self.demo.url}/api/mutation", body, **headers).body.decode()

    def get(self, url: str, **headers: str) -> str:
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=names), timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return str(error.read().decode())

    def outputs(self) -> dict[str, str]:
        """Everything that anybody but the one who wrote it can see, by name."""
        data = self.demo.data
        files = {
            str(path.relative_to(data)): path.read_text(errors="replace")
            for path in data.rglob("*")
            # the database itself, and the pretend Safaricom's own memory, hold what they are for
            if path.is_file() and "postgres" not in path.relative_to(data).parts and path.name != "simulator.jsonl"
            if path.name != "secret.key"
        }
        worker = f"http://127.0.0.1:{self.worker_port}"
        return {
            "standard output": self.demo.output(),
            "standard error": self.errors,
            **files,
            "metrics": self.get(f"{self.demo.url}/metrics", Authorization=f"Bearer {TOKEN}"),
            "health": self.get(f"{self.demo.url}/healthz") + self.get(f"{self.demo.url}/readyz"),
            "worker": "".join(self.get(f"{worker}{path}") for path in ("/metrics", "/healthz", "/readyz")),
            "command lines": "\n".join(processes(data).values()),
            **self.others,
        }

    def secrets(self) -> dict[str, str]:
        fixed = {"the secret key": self.key, "a bad token": BAD_TOKEN, "the metrics token": TOKEN}
        return {**fixed, **self.presented} | {
            f"the callback secret of {prompt.hex}": callback_url("", prompt, keys=(self.key,)).rpartition("-")[2]
            for (prompt,) in self.sql("SELECT id FROM prompt")
        }

    def found(self) -> list[str]:
        return [str(each) for each in search(self.outputs(), secrets=self.secrets())]


@contextmanager
def running_server() -> Iterator[Server]:
    with folder() as parent:
        port, worker_port = port_pair(), free_port()
        data = parent / "data"
        settings = environment(
            RUFAA_PORT=str(port),
            RUFAA_DATA=str(data),
            RUFAA_LOG="json",
            RUFAA_METRICS_TOKEN=TOKEN,
            RUFAA_WORKER_METRICS_PORT=str(worker_port),
        )
        with (parent / "said").open("wb") as said, (parent / "errors").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "rufaa", "demo"],
                cwd=parent, env=settings, stdin=subprocess.DEVNULL, stdout=said, stderr=errors, start_new_session=True,
            )  # fmt: skip
        demo = Demo(process, port=port, data=data, said=parent / "said", errors=parent / "errors")
        try:
            demo.wait_until_ready()
            database = running_url(data)
            assert database is not None
            yield Server(demo, worker_port=worker_port, database=database)
        finally:
            stop(demo)


def particulars(place: str) -> dict[str, Any]:
    return {
        "patientName": canary(f"{place}Name"),
        "patientId": canary(f"{place}Number"),
        "medicalHistory": canary(f"{place}History"),
        "labResults": [canary(f"{place}Lab"), PATIENT],
        "diagnosis": canary(f"{place}Diagnosis"),
        "receivingFacility": "Tumaini Referral Hospital",
        "priority": "Routine",
    }


def refer(server: Server, place: str) -> str:
    """A referral full of canaries, in pending-payment."""
    demo = server.demo
    referral: str = demo.call("mutation", "referrals:createReferral", particulars(place), by="physician")
    demo.call("mutation", "referrals:updateReferralStatus", {"referralId": referral, "status": "awaiting-biodata"})
    return referral


def pay_and_cancel(server: Server) -> tuple[str, str]:
    demo = server.demo
    paid, cancelled = refer(server, "Paid"), refer(server, "Cancelled")
    told = {"patientPhone": PATIENT, "patientEmail": EMAIL, "patientDateOfBirth": DATE_OF_BIRTH}
    for referral, payer in ((paid, PAYS), (cancelled, CANCELS)):
        demo.call(
            "mutation",
            "referrals:saveBiodata",
            {**told, "referralId": referral, "stkPhoneNumber": payer, "patientNationalId": NATIONAL_ID},
        )
    demo.wait_for_status(paid, "paid")
    wait_until(lambda: demo.payments(cancelled)[0]["status"] == "failed", what="the cancelled prompt")
    reason = {"kind": "waive", "reason": canary("WaiveReason")}
    demo.call("mutation", "fees:proposeExemption", {"referralId": cancelled, **reason})
    demo.call(
        "mutation",
        "referrals:updateReferralStatus",
        {"referralId": cancelled, "status": "cancelled", "reason": canary("CancelReason")},
    )
    return paid, cancelled


def ask_badly(server: Server, referral: str) -> None:
    url = server.demo.url
    for args in (
        {"referralId": canary("Id"), "status": "paid"},
        {"referralId": referral, "status": canary("Status")},
        {"referralId": referral, canary("Argument"): canary("Extra")},
        {"referralId": referral, "status": "pending-payment", "stkPhoneNumber": canary("Phone") + PATIENT},
        {"referralId": referral, "status": f"{canary('Nul')}\0{PATIENT}"},
    ):
        assert '"status":"error"' in server.try_call("referrals:updateReferralStatus", args)
    server.try_call(f"{canary('module')}:{canary('function')}", {"phone": PATIENT})
    server.try_call("referrals:getReferral", {"referralId": referral}, Authorization=f"Bearer {BAD_TOKEN}")
    server.try_call("referrals:getReferral", {"referralId": referral}, Authorization=f"{canary('Scheme')} {PATIENT}")
    post(f"{url}/api/mutation", f'{{"path": "{canary("Json")}" {PATIENT}'.encode())
    post(f"{url}/api/mutation", b"{}", X_Canary=canary("Header"), Convex_Client=canary("Client"))
    post(f"{url}/api/run/{canary('run')}/{PATIENT}", {"args": {}})
    server.get(f"{url}/{canary('path')}/{PATIENT}?phone={STRANGER}&name={canary('Query')}")
    server.get(f"{url}/static/{canary('static')}/{PATIENT}")
    server.get(f"{url}/metrics", Authorization=f"Bearer {canary('MetricsToken')}")
    for raw in (
        b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n",
        b"%b / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /api/mutation HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.demo.port), timeout=10) as wire:
            wire.sendall(raw % canary("Wire").encode())
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(65536):
                pass


def talk(server: Server, referral: str) -> None:
    """Comments and files that are taken, are refused, and break inside, by the form of a page."""
    url = server.demo.url
    cookies = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))

    def send(path: str, **values: object) -> str:
        browser.open(f"{url}/sign-in/", timeout=10).close()
        csrf = next(each.value for each in cookies if each.name == "csrftoken")
        body = encode_multipart(BOUNDARY, {"csrfmiddlewaretoken": csrf, **values})
        try:
            answer = browser.open(
                urllib.request.Request(url + path, body, {"Content-Type": MULTIPART_CONTENT}), timeout=10
            )
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return str(answer.read().decode())

    send("/sign-in/as/", who="admin")
    page, file = f"/referrals/{referral}", b"%PDF-1.7 " + canary("FileBytes").encode()
    assert canary("Comment") in send(f"{page}/say/", text=f"{canary('Comment')} {PATIENT}")
    send(f"{page}/say/", text=f"{canary('BadComment')}\x07{PATIENT}")
    assert canary("FileName") in send(f"{page}/attach/", file=_upload(f"{canary('FileName')}{PATIENT}.pdf", file))
    send(f"{page}/attach/", file=_upload(f"{canary('BadFileName')}.pdf", canary("BadFile").encode()))
    send(f"{page}/attach/", file=_upload(f"{canary('LargeName')}.pdf", b"%PDF-".ljust(11 * 2**20)))
    send(f"{page}/attach/{canary('Address')}/", file=_upload(canary("Nowhere"), file))
    server.sql("ALTER TABLE comment ADD CONSTRAINT forced_comment CHECK (text = '') NOT VALID")
    server.sql("ALTER TABLE attachment ADD CONSTRAINT forced_attachment CHECK (name = '') NOT VALID")
    send(f"{page}/say/", text=canary("BrokenComment"))
    send(f"{page}/attach/", file=_upload(canary("BrokenFileName"), file))
    server.sql("ALTER TABLE comment DROP CONSTRAINT forced_comment")
    server.sql("ALTER TABLE attachment DROP CONSTRAINT forced_attachment")


def _upload(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "application/pdf")


def sign_in(server: Server) -> None:
    """An API key and a token for it: used for calls that fail inside, mistyped, listed, revoked, used again."""
    demo = server.demo
    key = demo.rufaa("key", "add", "--user", "admin", "--name", "front end").stdout.strip()
    token = post(f"{demo.url}/api/token", b"", Authorization=f"Bearer {key}").json["token"]
    server.presented |= {"an API key": key, "its secret part": key[11:], "a token for it": token}
    server.presented |= {"its signature": token.rpartition(".")[2]}
    for bearer in (key, token, f"{key[:-1]}x", f"{key}00", f"{token}x", f"{token}.{token}"):
        for args in (particulars("Paid"), {"referralId": f"{key}\0{token}"}):
            path = "referrals:createReferral" if len(args) > 1 else "referrals:getReferral"
            server.tell("a call", server.try_call(path, {**args, "demoUserId": None}, Authorization=f"Bearer {bearer}"))
        post(f"{demo.url}/api/token", b"", Authorization=f"Bearer {bearer}")
    server.tell("the list of keys", _whole(demo.rufaa("key", "list")))
    server.tell("revoking", _whole(demo.rufaa("key", "revoke", key[:11])))
    server.tell("the published keys", server.get(f"{demo.url}/.well-known/jwks.json"))
    assert server.sql("SELECT last_used_at IS NOT NULL AND revoked_at IS NOT NULL FROM api_key") == [(True,)]
    for bearer in (key, token):
        server.tell("revoked", server.try_call("referrals:getReferral", {}, Authorization=f"Bearer {bearer}"))


def call_back_badly(server: Server) -> None:
    (prompt,) = server.sql("SELECT id FROM prompt WHERE payer_phone = %s", PAYS)[0]
    wrong_secret = f"{server.demo.url}/h/{prompt.hex}-{'0' * 32}"
    assert post(wrong_secret, {"name": canary("Refused")}).status == 404
    post(f"{server.demo.url}/h/{canary('Callback')}-{PATIENT}", b"{}")
    checkout = f"ws_CO_23112026091545{STRANGER[-9:]}"
    bodies: list[bytes | object] = [
        f"{canary('Body')} {PATIENT}".encode(),
        b'{"Body": "%b' % canary("HalfBody").encode(),
        {"Body": {"stkCallback": canary("Shape")}},
        failure_body(checkout, canary("Code"), ResultDesc=canary("UnknownDesc")),
        failure_body(checkout, STRANGER[-9:], ResultDesc=f"{canary('PhoneCode')} {STRANGER}"),
        failure_body(checkout, 1032, ResultDesc=canary("KnownDesc"), FirstName=canary("FirstName")),
        success_body(checkout, phone=int(STRANGER), number="RKN7A1B2C3", ResultDesc=canary("Success")),
        success_body(canary("Checkout"), amount=canary("Amount"), number=canary("Receipt"), phone=canary("Shown")),
    ]
    for body in bodies:
        assert server.callback(prompt, body, X_Forwarded_For=canary("Proxy")) == 200
    assert server.callback(prompt, canary("Long").encode() * 5000) == 413
    assert server.callback(uuid.uuid4(), failure_body(checkout, 1032, ResultDesc=canary("Nobody"))) == 200


def report_badly(server: Server) -> None:
    """Names and phones stand in C2B's bodies and in the results of orders, whether they can be read or not."""
    ((account,),) = server.sql("SELECT id FROM mpesa_account")
    people = {
        "MSISDN": STRANGER,
        "FirstName": canary("C2bFirst"),
        "MiddleName": canary("C2bMiddle"),
        "LastName": canary("C2bLast"),
    }
    named = [{"Key": "CreditPartyPublicName", "Value": f"{STRANGER} - {canary('CreditParty')}"}]
    parameters = {"ResultParameters": {"ResultParameter": named}}
    notices: list[bytes | object] = [
        c2b_body("RKN7A1B2C8", BillRefNumber=canary("Reference"), **people),
        c2b_body("RKN7A1B2C8", BillRefNumber=STRANGER, TransactionType=canary("Type"), **people),
        c2b_body("RKN7A1B2C8", amount="2000.00", **people),  # the same number, and another amount
        c2b_body(canary("TransId"), **people),
        c2b_body(None, **people),
        f"{canary('C2bBody')} {PATIENT}".encode(),
        b'{"FirstName": "%b' % canary("C2bHalf").encode(),
    ]
    results: list[bytes | object] = [
        result_body(ResultDesc=f"{canary('OrderDesc')} {STRANGER}", **parameters),
        result_body(canary("OrderCode"), **parameters),
        result_body(2001, conversation=canary("Conversation"), TransactionID=canary("OrderReceipt"), **parameters),
        {"Result": canary("OrderShape")},
        f"{canary('OrderBody')} {PATIENT}".encode(),
    ]
    for kind in (Kind.C2B, Kind.C2B_VALIDATION):
        for subject in (account, uuid.uuid4()):
            assert {server.report(kind, subject, body) for body in notices} == {200}
    for kind in (Kind.RESULT, Kind.TIMEOUT):
        assert {server.report(kind, uuid.uuid4(), body) for body in results} == {200}
    assert server.report(Kind.C2B, account, canary("C2bLong").encode() * 5000) == 413
    for letter in "cvot":
        wrong_secret = f"{server.demo.url}/{letter}/{account.hex}-{'0' * 32}"
        assert post(wrong_secret, c2b_body(**people)).status == 404
        post(f"{server.demo.url}/{letter}/{canary('Path')}-{PATIENT}", b"{}")


def force_database_errors(server: Server) -> None:
    """Errors whose DETAIL quotes the row: inside a function, inside settlement, and in an operator's own SQL."""
    server.sql("CREATE UNIQUE INDEX forced_unique ON particulars (name)")
    server.sql(f"ALTER TABLE particulars ADD CONSTRAINT forced_check CHECK (name <> '{canary('CheckName')}') NOT VALID")
    refused = canary("Settlement")
    server.sql(f"ALTER TABLE evidence ADD CONSTRAINT forced_settle CHECK (result_desc <> '{refused}') NOT VALID")
    try:
        for place in ("Paid", "Check"):
            body = {"path": "referrals:createReferral", "args": {**particulars(place), "demoUserId": "physician"}}
            assert post(f"{server.demo.url}/api/mutation", body).json["status"] == "error"
        (prompt,) = server.sql("SELECT id FROM prompt WHERE payer_phone = %s", CANCELS)[0]
        (checkout,) = server.sql("SELECT checkout_request_id FROM prompt WHERE id = %s", prompt)[0]
        assert server.callback(prompt, failure_body(checkout, 1032, ResultDesc=refused)) == 200
        failed = "SELECT count(*) FROM inbox WHERE outcome LIKE 'failed: %%'"
        wait_until(lambda: server.sql(failed) == [(1,)], what="the callback that cannot be settled")
        literal = f"'{canary('Literal')}', '{PATIENT}'"
        for statement in (
            f"INSERT INTO particulars (id, name, phone) VALUES (gen_random_uuid(), {literal})",
            f"INSERT INTO particulars (id, name, phone) VALUES (gen_random_uuid(), {literal})",
            f"INSERT INTO particulars (id, name, phone, payer_phone) VALUES (gen_random_uuid(), {literal}, '07')",
            f"SELECT {literal}, 1 / 0",
        ):
            try:
                server.sql(statement)
            except psycopg.Error:
                continue
    finally:
        server.sql("DROP INDEX forced_unique")
        server.sql("ALTER TABLE particulars DROP CONSTRAINT forced_check")
        server.sql("ALTER TABLE evidence DROP CONSTRAINT forced_settle")


def wait_for_a_lock(server: Server, referral: str) -> None:
    """PostgreSQL writes about long waits by itself."""
    log = server.demo.data / "postgres.log"
    args = {"referralId": referral, "patientPhone": PATIENT, "stkPhoneNumber": PAYS}
    with psycopg.connect(server.database) as holder:
        holder.execute("SELECT FROM referral FOR UPDATE")
        holder.execute("SELECT FROM particulars FOR UPDATE")
        waiting = threading.Thread(target=server.try_call, args=("referrals:updatePhoneNumbers", args))
        waiting.start()
        wait_until(lambda: "still waiting" in log.read_text(), what="PostgreSQL's line about the wait")
    waiting.join()


def look_as_others(server: Server, *referrals: str) -> None:
    for referral in referrals:
        for who, path in (("finance", "referrals:updateReferralStatus"), ("receiver", "fees:proposeExemption")):
            wish = {"status": "rejected"} if "Status" in path else {"kind": "waive"}
            args = {"referralId": referral, "reason": "x", "demoUserId": who, **wish}
            server.tell(f"error for {who}", server.try_call(path, args))
        server.tell("explain", _whole(server.demo.rufaa("explain", referral)))
    server.tell("explain by phone", _whole(server.demo.rufaa("explain", PAYS)).replace(PAYS, "(as asked)"))
    server.tell("a command that fails", _whole(server.demo.rufaa("explain", "nothing-of-this-name")))


def _whole(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def kill_and_start_again(server: Server) -> None:
    worker = server.demo.part("worker")
    assert worker > 0
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: server.demo.part("worker") not in {0, worker}, what="the next worker", deadline_s=START_S)
    taken = environment(
        DATABASE_URL=server.database,
        RUFAA_DATA=str(server.demo.data),
        RUFAA_LOG="json",
        RUFAA_MODE="demo",
        RUFAA_PORT=str(server.demo.port),
    )
    done = subprocess.run(
        [sys.executable, "-m", "rufaa", "gateway"], env=taken, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "EADDRINUSE" in done.stderr
    check_json(done.stderr)
    server.tell("a gateway whose port is taken", _whole(done))
    wait_until(lambda: _is_ready(server.worker_port), what="the next worker's readiness", deadline_s=START_S)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def check_json(text: str) -> None:
    for line in text.splitlines():
        told = json.loads(line)
        assert {"event", "level", "time"} <= told.keys(), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", told["time"]), line


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        paid, cancelled = pay_and_cancel(running)
        ask_badly(running, paid)
        sign_in(running)
        talk(running, paid)
        call_back_badly(running)
        report_badly(running)
        force_database_errors(running)
        wait_for_a_lock(running, paid)
        look_as_others(running, paid, cancelled)
        kill_and_start_again(running)
        unsettled = "SELECT count(*) FROM inbox WHERE settled_at IS NULL"
        wait_until(lambda: running.sql(unsettled) == [(0,)], what="the settlement of all")
        yield running


def test_no_canary_is_in_any_output(server: Server) -> None:
    assert server.found() == []


def test_what_was_to_fail_has_failed_and_was_logged(server: Server) -> None:
    """Else there was nothing to search."""
    events = {json.loads(line)["event"] for line in server.errors.splitlines()}
    assert {
        *("prompt.answered", "callback.settled", "callback.refused", "ingest.batch_failed", "ingest.callback_failed"),
        *("django.request", "supervisor.said", "function.failed"),
    } <= events
    assert "UniqueViolation[23505 forced_unique]" in server.errors
    assert "CheckViolation[23514 forced_check]" in server.errors
    assert "CheckViolation[23514 forced_settle]" in server.errors
    assert "CheckViolation[23514 forced_comment]" in server.errors
    assert "CheckViolation[23514 forced_attachment]" in server.errors
    postgres = (server.demo.data / "postgres.log").read_text()
    assert 'violates unique constraint "forced_unique"' in postgres
    assert 'violates check constraint "forced_settle"' in postgres
    assert "division by zero" in postgres


def test_every_line_of_every_part_is_json(server: Server) -> None:
    check_json(server.errors)
    parts = {json.loads(line).get("part") for line in server.errors.splitlines()}
    assert {"gateway", "worker", None} <= parts


def test_the_canaries_are_where_they_belong(server: Server) -> None:
    """The control of the planting: the database has them."""
    stored = "\n".join(
        str(row)
        for table in ("particulars", "referral", "exemption", "evidence", "prompt", "comment", "attachment")
        for row in server.sql(f"SELECT * FROM {table}")
    )
    bodies = "\n".join(bytes(row[0]).decode(errors="replace") for row in server.sql("SELECT body FROM inbox"))
    found = {each.canary for each in search({"database": stored, "inbox": bodies}, secrets={})}

    wanted = ("PaidName", "PaidDiagnosis", "PaidHistory", "PaidLab", "WaiveReason", "CancelReason", "UnknownDesc")
    assert {canary(place) for place in (*wanted, "Body", "FirstName", "Settlement")} <= found
    assert {canary("Comment"), canary("FileName")} <= found
    assert {canary(place) for place in ("C2bFirst", "C2bBody", "Reference", "CreditParty", "OrderDesc")} <= found
    assert {DATE_OF_BIRTH, NATIONAL_ID, EMAIL, PAYS[-9:], PATIENT[-9:], STRANGER[-9:]} <= found


def test_the_search_finds_what_is_put_out_on_purpose(server: Server) -> None:
    """The control of the search, in each spelling and in a file of the server's own."""
    leak = server.demo.data / "leak.log"
    leak.write_text(
        f"a {canary('Leak')} b\n0{PAYS[-9:]}\n+254 711 000 000\nws_CO_23112026091545{PAYS[-9:]}\n{server.key}\n"
    )
    try:
        found = [each for each in search(server.outputs(), secrets=server.secrets()) if each.output == "leak.log"]
    finally:
        leak.unlink()

    assert found == [
        Found("leak.log", canary("Leak"), f"a {canary('Leak')} b"),
        Found("leak.log", PAYS[-9:], f"0{PAYS[-9:]}"),
        Found("leak.log", "711 000 000", "+254 711 000 000"),
        Found("leak.log", PAYS[-9:], f"ws_CO_23112026091545{PAYS[-9:]}"),
        Found("leak.log", "the secret key", server.key),
    ]
