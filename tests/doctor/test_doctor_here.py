"""What the doctor sees on this machine and at the public address: disks, clocks, secrets, certificates, proxies."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rufaa.cli.diagnosis import clocks, given, machine, mpesa, outside
from rufaa.cli.diagnosis.examination import Examination
from rufaa.cli.diagnosis.finding import Finding, State, ok
from rufaa.cli.diagnosis.hidden import Hidden
from rufaa.config import Config, Mode, load
from rufaa.daraja.credentials import AccountKind, Credentials, Environment
from support import KEYS, Running

OK, WARNING, PROBLEM = State.OK, State.WARNING, State.PROBLEM


def config(**settings: str) -> Config:
    return load({"RUFAA_SECRET_KEYS": KEYS[0], **settings})


def of(found: list[Finding], code: str) -> Finding:
    (one,) = [each for each in found if each.code == code]
    return one


# --- disk, clock, secrets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free_gb", "of_gb", "state"),
    [(0.9, 5, PROBLEM), (1, 5, WARNING), (4.9, 40, WARNING), (5, 40, OK), (9, 100, WARNING), (10, 100, OK)],
)
def test_how_much_room_there_must_be(tmp_path: Path, free_gb: float, of_gb: float, state: State) -> None:
    assert machine._space(tmp_path, free=int(free_gb * 10**9), all_=int(of_gb * 10**9)).state is state


@pytest.mark.parametrize(
    ("free", "all_", "state"), [(0, 0, OK), (9, 1000, PROBLEM), (99, 1000, WARNING), (100, 1000, OK)]
)
def test_how_many_inodes_there_must_be(tmp_path: Path, free: int, all_: int, state: State) -> None:
    assert machine._inodes(tmp_path, free=free, all_=all_).state is state


@pytest.mark.parametrize(
    ("kind", "state"),
    [("ext4", OK), ("tmpfs", PROBLEM), ("nfs4", PROBLEM), ("cifs", PROBLEM), ("overlay", WARNING)],
)
def test_where_data_may_lie(tmp_path: Path, kind: str, state: State) -> None:
    data = tmp_path / "with space"
    data.mkdir()
    point = str(data).replace(" ", "\\040")
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw shared:1 - xfs /dev/sda1 rw\n"
        f"2 1 0:5 / {point} rw - {kind} what rw\n"
        "3 1 0:6 / /somewhere/else rw - tmpfs what rw\n"
    )

    found = machine.file_system(data, mounts=mounts)

    assert found.state is state
    assert kind in found.found


def test_the_data_folder_is_looked_at_where_the_database_lies_too(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    data = tmp_path / "data"
    data.mkdir()
    (data / "postgres.location").write_text(f"{elsewhere}\n")

    found = machine.folder(data)

    assert {each.code for each in found if str(elsewhere) in each.found} == {"disk-space", "inodes", "file-system"}
    (tmp_path / "file").write_text("")
    assert of(machine.folder(tmp_path / "file")[:1], "data-folder").state is PROBLEM


@pytest.mark.parametrize(
    ("ahead_s", "state", "words"),
    [
        (0.4, OK, "agrees with the database"),
        (-30, OK, "30 s behind the database"),
        (31, WARNING, "31 s ahead of the database"),
        (-300, WARNING, "300 s behind"),
        (10800, PROBLEM, "10800 s ahead"),
    ],
)
def test_how_far_clocks_may_be_apart(ahead_s: float, state: State, words: str) -> None:
    found = clocks.compared("clock-database", "the database", ahead_s=ahead_s)

    assert found.state is state
    assert words in found.found


def test_a_secret_that_others_can_read_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text("0123456789abcdef-canary-of-the-key-file\n")
    path.chmod(0o640)

    read, found = given.settings({"RUFAA_DATA": str(tmp_path)})

    assert of(found, "secret-file").state is PROBLEM
    assert f"chmod 600 '{path}'" in of(found, "secret-file").do
    assert "canary" not in str(found)
    assert read.keys == ("0123456789abcdef-canary-of-the-key-file",)
    path.chmod(0o600)
    assert of(given.settings({"RUFAA_DATA": str(tmp_path)})[1], "secret-file").state is OK


@pytest.mark.parametrize(
    ("text", "rights", "mode", "states"),
    [
        ("MPESA_PASSKEY=canary-passkey", 0o604, "production", [PROBLEM]),
        ("MPESA_PASSKEY=canary-passkey", 0o644, "development", [WARNING]),
        ("RUFAA_SECRET_KEYS=canary-of-the-key-file", 0o640, "production", [OK]),
        ("RUFAA_PORT=8000", 0o644, "production", []),
        ("RUFAA_METRICS_TOKEN=", 0o644, "production", []),
    ],
)
def test_a_file_of_settings_with_secrets_is_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, rights: int, mode: str, states: list[State]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".env"
    path.write_text(text)
    path.chmod(rights)

    _, found = given.settings({"RUFAA_MODE": mode, "RUFAA_SECRET_KEYS": KEYS[0]})

    assert [each.state for each in found if each.code == "secret-file"] == states
    assert "canary" not in str(found)


def test_several_keys_are_told_apart_by_a_mark(tmp_path: Path) -> None:
    newer = "another secret of the tests that is long enough"
    _, found = given.settings({"RUFAA_DATA": str(tmp_path), "RUFAA_SECRET_KEYS": f"{newer},{KEYS[0]}"})

    told = of(found, "secret-keys")
    assert told.state is OK
    assert told.found.startswith("2 keys")
    assert given.mark_of(newer) in told.found
    assert given.mark_of(newer) != given.mark_of(KEYS[0])
    twice = given.settings({"RUFAA_DATA": str(tmp_path), "RUFAA_SECRET_KEYS": f"{KEYS[0]},{KEYS[0]}"})[1]
    assert of(twice, "secret-keys").state is WARNING


def test_a_damaged_secret_is_a_problem_and_stays(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("lost")

    read, found = given.settings({"RUFAA_DATA": str(tmp_path)})

    assert (of(found, "secret-keys").state, read.keys) == (PROBLEM, ())
    assert (tmp_path / "secret.key").read_text() == "lost"


def test_whatever_somebody_elses_message_repeats_is_blotted_out() -> None:
    hidden = Hidden()
    hidden.settings({"MPESA_PASSKEY": "canary-passkey", "DATABASE_URL": "postgresql://u:canary%20password@db/x"})
    hidden.settings({"MPESA_INITIATOR_PASSWORD": "canary-initiator", "RUFAA_METRICS_TOKEN": "canary-metrics-token"})

    text = hidden.out_of("no canary-passkey for canary password of 254708374149, +254708374149 and 0708374149; 174379")

    assert text == "no [secret] for [secret] of 2547…149, +2547…149 and 07…149; 174379"
    assert hidden.out_of("canary-initiator, canary-metrics-token") == "[secret], [secret]"


def test_a_check_that_fails_or_hangs_is_a_finding_of_its_own() -> None:
    ended = threading.Event()

    def hangs() -> list[Finding]:
        ended.wait()
        return []

    def fails() -> list[Finding]:
        raise KeyError("canary")

    examination = Examination()
    examination.run((("database", fails), ("public-dns", hangs), ("mode", lambda: [ok("mode", "fine")])), within_s=2.0)
    ended.set()

    assert [(each.code, each.state) for each in examination.findings] == [
        ("database", State.NOT_CHECKED),
        ("public-dns", State.NOT_CHECKED),
        ("mode", OK),
    ]
    assert "canary" not in str(examination.findings)
    assert not examination.all_ended


# --- accounts, as they are described ------------------------------------------------------------------------------


def account(environment: Environment, **more: Any) -> mpesa.Account:
    fields: dict[str, Any] = {
        "environment": environment,
        "base_url": "https://api.safaricom.co.ke",
        "short_code": "600100",
        "till_number": None,
        "kind": AccountKind.PAYBILL,
        "consumer_key": "canary-key",
        "consumer_secret": "canary-secret",
        "passkey": "0123456789abcdef" * 4,
        **more,
    }
    return mpesa.Account(Credentials(**fields), None)


@pytest.mark.parametrize(
    ("environment", "mode", "state"),
    [
        (Environment.PRODUCTION, Mode.PRODUCTION, OK),
        (Environment.SANDBOX, Mode.PRODUCTION, WARNING),
        (Environment.SANDBOX, Mode.DEVELOPMENT, OK),
        (Environment.SIMULATOR, Mode.PRODUCTION, PROBLEM),
        (Environment.SIMULATOR, Mode.DEVELOPMENT, OK),
    ],
)
def test_which_account_suits_which_mode(environment: Environment, mode: Mode, state: State) -> None:
    assert mpesa.described(account(environment), mode=mode)[0].state is state


def test_a_till_for_its_own_head_office_and_a_passkey_of_another_form_are_warnings() -> None:
    till = account(Environment.PRODUCTION, kind=AccountKind.TILL, till_number="600100", passkey="canary-passkey")

    found = mpesa.described(till, mode=Mode.PRODUCTION)

    assert [each.state for each in found] == [OK, WARNING, WARNING]
    assert "2028" in found[1].do
    assert "14 characters" in found[2].found
    assert "canary" not in str(found)


def test_a_name_that_is_too_long_for_a_prompt_is_a_warning() -> None:
    assert of(mpesa.on_the_phone("Tumaini Referral Hospital"), "prompt-text").state is OK
    assert of(mpesa.on_the_phone("T" * 120), "prompt-text").state is WARNING


# --- the public address -------------------------------------------------------------------------------------------


def rules(public_url: str, *environments: Environment, **settings: str) -> Finding:
    found = outside.offline(
        config(RUFAA_PUBLIC_URL=public_url, **settings), environments=frozenset(environments), tables=None
    )
    return of(found, "public-url")


def test_the_rules_are_those_of_the_accounts_there_are() -> None:
    assert rules("https://rufaa.or.ke", Environment.PRODUCTION, Environment.SANDBOX).state is OK
    assert rules("http://rufaa.or.ke", Environment.SANDBOX).state is OK  # daraja.md §13
    assert rules("http://rufaa.or.ke", Environment.PRODUCTION).state is PROBLEM
    assert rules("https://10.0.0.1", Environment.SANDBOX).state is PROBLEM
    assert rules("http://127.0.0.1:8000", Environment.SIMULATOR).state is OK
    assert rules("http://127.0.0.1:8000").state is WARNING
    trial = {"MPESA_ENVIRONMENT": "sandbox", "MPESA_CALLBACKS": "none"}
    assert rules("http://127.0.0.1:8000", Environment.SANDBOX, **trial).state is OK


@pytest.mark.parametrize(
    ("settings", "environments", "state", "words"),
    [
        ({}, (Environment.PRODUCTION,), OK, "12 published addresses"),
        ({"RUFAA_CALLBACK_ADDRESSES": "any"}, (Environment.PRODUCTION,), WARNING, "every address"),
        ({"RUFAA_CALLBACK_ADDRESSES": "0.0.0.0/0"}, (Environment.PRODUCTION,), WARNING, "every address"),
        ({"RUFAA_CALLBACK_ADDRESSES": "any"}, (Environment.SANDBOX,), OK, "every address"),
        ({"RUFAA_CALLBACK_ADDRESSES": "196.201.212.0/22"}, (Environment.PRODUCTION,), OK, "1 networks"),
        ({"RUFAA_CALLBACK_ADDRESSES": "196.201.214.0/24"}, (Environment.PRODUCTION,), WARNING, "leave out 8"),
    ],
)
def test_whose_callbacks_are_believed(
    settings: dict[str, str], environments: tuple[Environment, ...], state: State, words: str
) -> None:
    found = outside.offline(config(**settings), environments=frozenset(environments), tables=None)

    assert of(found, "callback-addresses").state is state
    assert words in of(found, "callback-addresses").found


def test_https_means_a_proxy_and_a_proxy_wants_to_be_named() -> None:
    def proxies(**settings: str) -> State:
        found = outside.offline(config(**settings), environments=frozenset(), tables=None)
        return of(found, "trusted-proxies").state

    assert proxies(RUFAA_PUBLIC_URL="https://rufaa.or.ke") is WARNING
    assert proxies(RUFAA_PUBLIC_URL="https://rufaa.or.ke", RUFAA_TRUSTED_PROXIES="127.0.0.1") is OK
    assert proxies(RUFAA_PUBLIC_URL="https://rufaa.or.ke", RUFAA_TRUSTED_PROXIES="104.16.0.0/13") is OK
    assert proxies() is OK
    for everybody in ("0.0.0.0/0", "127.0.0.1,196.201.214.0/24"):  # then anybody can claim to be Safaricom
        assert proxies(RUFAA_PUBLIC_URL="https://rufaa.or.ke", RUFAA_TRUSTED_PROXIES=everybody) is PROBLEM


def test_a_name_that_leads_to_this_machine_alone_is_a_problem_where_safaricom_calls() -> None:
    assert outside.dns("https://localhost", serious=True).state is PROBLEM
    assert outside.dns("http://localhost", serious=False).state is OK
    assert outside.dns("https://no-such-name.invalid", serious=True).state is PROBLEM


Answer = Callable[[BaseHTTPRequestHandler, bytes], tuple[int, dict[str, str], bytes]]


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A web server that answers everything with ``answer``. Its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, text = answer(self, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def passing_on(gateway: Running, *, bodies: bool = True) -> Answer:
    """A proxy in front of the gateway; one that loses ``bodies``, if wanted."""

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        inner = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=10)
        kind = {"Content-Type": request.headers.get("Content-Type", "")}
        inner.request(request.command, request.path, body if bodies else b"", kind)
        response = inner.getresponse()
        text = response.read()
        inner.close()
        return response.status, {"Content-Type": response.headers["Content-Type"]}, text

    return answer


def three(url: str) -> list[State]:
    found = (outside.health(url, serious=True), outside.callback_path(url), outside.body_passes(url))
    return [each.state for each in found]


def test_a_good_proxy_and_one_that_loses_bodies(gateway: Running) -> None:
    with serving(passing_on(gateway)) as port:
        assert three(f"http://127.0.0.1:{port}") == [OK, OK, OK]
    with serving(passing_on(gateway, bodies=False)) as port:
        assert three(f"http://127.0.0.1:{port}") == [OK, OK, PROBLEM]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (404, {}, b"<html>nginx</html>"),
        (301, {"Location": "https://elsewhere.example.com/"}, b""),
        (200, {}, b'{"message":"There is nothing here."}'),
        (403, {}, b"are you human?"),
    ],
)
def test_another_server_at_the_address_is_a_problem(status: int, headers: dict[str, str], body: bytes) -> None:
    with serving(lambda *_: (status, headers, body)) as port:
        assert three(f"http://127.0.0.1:{port}") == [PROBLEM, PROBLEM, PROBLEM]


def test_a_server_that_is_reached_and_unwell_is_a_problem() -> None:
    with serving(lambda *_: (503, {}, b'{"status": "database: TimeoutError"}')) as port:
        found = outside.health(f"http://127.0.0.1:{port}", serious=True)

    assert (found.state, "database: TimeoutError" in found.found) == (PROBLEM, True)


def test_nobody_at_the_address_is_a_problem_only_where_safaricom_calls() -> None:
    assert outside.health("http://127.0.0.1:1", serious=True).state is PROBLEM
    assert outside.health("http://127.0.0.1:1", serious=False).state is WARNING
    assert outside.callback_path("http://127.0.0.1:1").state is State.NOT_CHECKED


@pytest.mark.parametrize(("days", "state"), [(2.9, PROBLEM), (3.1, WARNING), (13.9, WARNING), (14.1, OK)])
def test_how_long_a_certificate_must_be_valid(days: float, state: State) -> None:
    assert outside.certificate_of("rufaa.or.ke", days=days).state is state


def certificate(folder: Path, *, days: int) -> ssl.SSLContext:
    """A certificate of this machine, signed by itself: ``folder/cert.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_certificate_is_checked_and_its_days_are_counted(
    tmp_path: Path, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = certificate(tmp_path, days=10)
    with serving(passing_on(gateway), context) as port:
        url = f"https://localhost:{port}"
        stranger = outside.tls(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        known = outside.tls(url)
        assert three(url) == [OK, OK, OK]

    assert (stranger.state, "no valid certificate" in stranger.found) == (PROBLEM, True)
    assert (known.state, known.found) == (WARNING, "The certificate of localhost is valid for 10 more days.")
