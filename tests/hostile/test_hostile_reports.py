"""The addresses of C2B and of orders: no secret opens another's, and no body stops the gateway, the loop or the others.

Each body is stored as it came, or refused; each row ends in a named outcome, and nothing is credited by being read.
"""

from __future__ import annotations

import copy
import gzip
import json
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from hostile.test_hostile_bodies import LETTERS, TYPES, changed, paths
from hostile.wire import chunked, connected, exchange, heard, request, statuses, target
from reports import BODIES, HEARD, NUMBER, URLS, Recorder, c2b_body, recording, result_body, url_of
from rufaa import metrics
from rufaa.ingest import endpoint
from rufaa.ingest.address import Kind
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    Running,
    Worker,
    World,
    check_books,
    execute,
    inbox_outcomes,
    open_tasks,
    post,
    receipts,
    rows,
    running_gateway,
    snapshot,
    value,
    wait_until,
)

NEW: Final = (Kind.C2B, Kind.C2B_VALIDATION, Kind.RESULT, Kind.TIMEOUT)
LISTED: Final = "196.201.214.200"


@pytest.fixture
def recorder(town: World, books: None) -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def subject_of(kind: Kind, town: World) -> uuid.UUID:
    return uuid.UUID(str(town.account.pk)) if kind in {Kind.C2B, Kind.C2B_VALIDATION} else uuid.UUID(int=7)


def stored() -> int:
    return int(value("SELECT count(*) FROM inbox"))


# --- the secret -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NEW)
def test_no_other_secret_opens_an_address(
    town: World, simulator: RunningSimulator, gateway: Running, recorder: Recorder, kind: Kind
) -> None:
    subject = subject_of(kind, town)
    url = url_of(kind, subject, gateway)
    begin, _, secret = url.rpartition("-")
    wrong = {
        "a digit": f"{url[:-1]}{'0' if url[-1] != '0' else '1'}",
        "none": begin,
        "an empty one": f"{begin}-",
        "zeros": f"{begin}-{'0' * 32}",
        "upper case": f"{begin}-{secret.upper()}" if secret.upper() != secret else begin,
        "another key's": URLS[kind](gateway.url, subject, keys=("a secret of somebody else's",)),
        "another subject's": f"{url_of(kind, uuid.UUID(int=8), gateway).replace(uuid.UUID(int=8).hex, subject.hex)}",
        **{
            f"that of {other}": f"{begin}-{url_of(other, subject, gateway).rpartition('-')[2]}"
            for other in Kind
            if other is not kind
        },
    }
    before = snapshot()

    for body in (json.dumps(BODIES[kind]).encode(), b"", b"\x00" * 1000):
        found = {what: post(each, body).status for what, each in wrong.items()}
        assert found == dict.fromkeys(wrong, 404)

    recorder.settle()
    assert snapshot() == before
    port, path = target(url)
    methods = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")
    assert {statuses(exchange(port, request(path, b"{}", method=each)))[0] for each in methods} == {405}
    assert snapshot() == before


def test_an_address_registered_under_an_older_key_opens_while_the_key_stays_in_the_ring(
    database: str, town: World, recorder: Recorder
) -> None:
    """C2B addresses are registered once for ever in production (daraja.md §6)."""
    account = town.account.pk
    new = "the operator's new secret that is long enough"
    with running_gateway(database, RUFAA_SECRET_KEYS=f"{new},{KEYS[0]}") as rotated:
        for kind in (Kind.C2B, Kind.C2B_VALIDATION):
            assert post(URLS[kind](rotated.url, account, keys=KEYS), BODIES[kind]).status == 200
            assert post(URLS[kind](rotated.url, account, keys=(new,)), BODIES[kind]).status == 200
    with running_gateway(database, RUFAA_SECRET_KEYS=new) as lost:
        assert post(URLS[Kind.C2B](lost.url, account, keys=KEYS), BODIES[Kind.C2B]).status == 404

    recorder.settle()

    assert Counter(inbox_outcomes()) == {HEARD: 2, "validation": 2}


# --- bodies -----------------------------------------------------------------------------------------------------------


def nulls(node: object) -> object:
    """The same document with nothing in it."""
    match node:
        case dict():
            return {key: nulls(each) for key, each in node.items()}
        case list():
            return [nulls(each) for each in node]
        case _:
            return None


def with_letters(kind: Kind, letters: str) -> bytes:
    """Every string of a true report with ``letters`` behind it."""

    def spoilt(node: object) -> object:
        match node:
            case dict():
                return {key: spoilt(each) for key, each in node.items()}
            case list():
                return [spoilt(each) for each in node]
            case str():
                return node + letters
            case _:
                return node

    return json.dumps(spoilt(BODIES[kind])).encode()


NOT_JSON, EMPTY = "malformed: not JSON", "malformed: empty"
NOT_AN_OBJECT, DEEP = "malformed: not a JSON object", "malformed: nested deeper than 32"
NO_NUMBER, ALL_NULL = "malformed: no usable TransID", "malformed: every field is null"
NO_RESULT, NO_CODE, NO_ID = (
    "malformed: no Result",
    "malformed: no usable ResultCode",
    "malformed: no usable conversation id",
)


def raw_bodies(kind: Kind) -> dict[str, bytes]:
    true = json.dumps(BODIES[kind]).encode()
    return {
        "itself": true,
        "nothing": b"",
        "a space": b" ",
        "null": b"null",
        "a list": b"[%b]" % true,
        "an empty object": b"{}",
        "all null": json.dumps(nulls(BODIES[kind])).encode(),
        "a word": b"hello",
        "half": true[: len(true) // 2],
        "twice": true + true,
        "UTF-8 with a mark": b"\xef\xbb\xbf" + true,
        "UTF-16": json.dumps(BODIES[kind]).encode("utf-16"),
        "gzip": gzip.compress(true),
        "50 MB of zeros in gzip": gzip.compress(bytes(50_000_000)),
        "10,000 deep": b'{"a":' * 10_000,
        "10,000 lists": b"[" * 10_000,
        "NUL behind": true + b"\x00",
        "bytes": bytes(range(256)) * 100,
        "64 KiB of spaces": b" " * endpoint.LIMIT_BYTES,
        "64 KiB of braces": b"{}" * (endpoint.LIMIT_BYTES // 2),
        "form": b"TransID=RKN7A1B2C3&TransAmount=1000.00",
        "XML": b"<soapenv:Envelope/>",
        "a giant number": true.replace(b"1000", b"9" * 50_000, 1),
        **{f"{what} in every string": with_letters(kind, letters) for what, letters in LETTERS.items()},
    }


EVERYWHERE: Final = {
    **dict.fromkeys(("itself", "UTF-8 with a mark", "a giant number"), HEARD),
    **dict.fromkeys(("nothing", "a space", "64 KiB of spaces"), EMPTY),
    **dict.fromkeys(("null", "a list"), NOT_AN_OBJECT),
    **dict.fromkeys(
        ("a word", "half", "twice", "UTF-16", "gzip", "50 MB of zeros in gzip", "NUL behind", "bytes"), NOT_JSON
    ),
    **dict.fromkeys(("64 KiB of braces", "form", "XML"), NOT_JSON),
    **dict.fromkeys(("10,000 deep", "10,000 lists"), DEEP),
}
LETTERED: Final = tuple(f"{what} in every string" for what in LETTERS)
OUTCOMES: Final[dict[Kind, dict[str, str]]] = {
    Kind.C2B: {
        **EVERYWHERE,
        "an empty object": ALL_NULL,
        "all null": ALL_NULL,
        **dict.fromkeys(LETTERED, NO_NUMBER),
    },
    Kind.RESULT: {
        **EVERYWHERE,
        "an empty object": NO_RESULT,
        "all null": NO_CODE,
        **dict.fromkeys(LETTERED, NO_ID),
    },
    # that it came is the news, and a question has none
    Kind.TIMEOUT: dict.fromkeys((*EVERYWHERE, *LETTERED, "an empty object", "all null"), HEARD),
    Kind.C2B_VALIDATION: dict.fromkeys((*EVERYWHERE, *LETTERED, "an empty object", "all null"), "validation"),
}


@pytest.mark.fault(22)
@pytest.mark.parametrize("kind", NEW)
def test_every_body_is_stored_as_it_came_and_named(
    town: World, simulator: RunningSimulator, gateway: Running, recorder: Recorder, kind: Kind
) -> None:
    bodies = raw_bodies(kind)
    url = url_of(kind, subject_of(kind, town), gateway)

    for place, body in enumerate(bodies.values(), start=1):
        assert post(url, body).status == 200
        wait_until(lambda place=place: stored() == place, what="the body in the inbox")  # type: ignore[misc]
    recorder.settle()

    assert [bytes(row["body"]) for row in rows("SELECT body FROM inbox ORDER BY id")] == list(bodies.values())
    assert dict(zip(bodies, inbox_outcomes(), strict=True)) == OUTCOMES[kind]
    assert open_tasks() == (["unread"] if kind is Kind.C2B else [])
    assert receipts() == []
    assert len(recorder.heard()) == list(OUTCOMES[kind].values()).count(HEARD)


@pytest.mark.parametrize("kind", NEW)
def test_every_body_and_every_field_in_every_type_ends_in_a_word_of_the_workers(
    town: World, gateway: Running, worker: Worker, kind: Kind
) -> None:
    """And never in a failure, whoever sent it."""
    true = BODIES[kind]
    bodies = list(raw_bodies(kind).values())
    bodies += [json.dumps(changed(true, path, each)).encode() for path in paths(true) for each in TYPES.values()]
    for trusted in (True, False):
        execute(
            "INSERT INTO inbox (kind, subject, source, trusted, body)"
            " SELECT %(kind)s, %(subject)s, '', %(trusted)s, unnest(%(bodies)s::bytea[])",
            kind=str(kind),
            subject=subject_of(kind, town),
            trusted=trusted,
            bodies=bodies,
        )

    worker.settle()

    words = Counter(str(outcome).partition(":")[0] for outcome in inbox_outcomes())
    assert words.total() == 2 * len(bodies)
    assert set(words) <= set(metrics.VERDICTS) - {"failed", "other"}
    # all that can be read is about one payment
    assert [number for number, _ in receipts()] == ([NUMBER] if kind is Kind.C2B else [])
    check_books()


# a field → what becomes of the notice in any type but those named; and what is handed on of it where it is
FIELDS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    **dict.fromkeys(c2b_body(), (HEARD, {})),
    "TransID": (NO_NUMBER, {}),
}


def test_every_field_of_a_notice_in_every_type(town: World, gateway: Running, recorder: Recorder) -> None:
    cases = {(field, kind): changed(c2b_body(), (field,), each) for field in FIELDS for kind, each in TYPES.items()}
    url = url_of(Kind.C2B, town.account.pk, gateway)

    for document in cases.values():
        assert post(url, json.dumps(document).encode()).status == 200
    recorder.settle()

    outcomes = dict(zip(cases, inbox_outcomes(), strict=True))
    assert outcomes == {(field, kind): FIELDS[field][1].get(kind, FIELDS[field][0]) for field, kind in cases}
    handed = {row["inbox"]: (row["number"], row["cents"]) for row in recorder.heard()}
    amounts = {"1.5": 150, '"7"': 700}
    assert handed == {
        place: (NUMBER, amounts.get(kind) if field == "TransAmount" else 100_000)
        for place, (field, kind) in enumerate(cases, start=1)
        if outcomes[field, kind] == HEARD
    }
    assert receipts() == []


def test_every_field_of_a_result_in_every_type(town: World, gateway: Running, recorder: Recorder) -> None:
    """Whatever is wrong with what it tells besides, its code and its ids decide whether it is a result."""
    true = result_body()
    codes = {"0": "0", "-1": "-1", '"7"': "7", '"x"': "x"}
    cases: dict[tuple[str, str], object] = {}
    expected: dict[tuple[str, str], str] = {}
    for path in paths(true):
        for kind, each in TYPES.items():
            name = ".".join(map(str, path))
            cases[name, kind] = changed(true, path, each)
            match path:
                case ():
                    outcome = NO_RESULT if kind in {"{}", '{"a": 1}'} else NOT_AN_OBJECT
                case ("Result",):
                    outcome = NO_CODE if kind in {"{}", '{"a": 1}'} else NO_RESULT
                case ("Result", "ResultCode"):
                    outcome = HEARD if kind in codes else NO_CODE
                case _:
                    outcome = HEARD
            expected[name, kind] = outcome
    url = url_of(Kind.RESULT, uuid.UUID(int=7), gateway)

    for document in cases.values():
        assert post(url, json.dumps(document).encode()).status == 200
    recorder.settle()

    assert dict(zip(cases, inbox_outcomes(), strict=True)) == expected
    handed = {row["inbox"]: row["code"] for row in recorder.heard()}
    assert handed == {
        place: codes[kind] if name == "Result.ResultCode" else "0"
        for place, (name, kind) in enumerate(cases, start=1)
        if expected[name, kind] == HEARD
    }
    assert receipts() == []


def test_a_result_without_either_id_is_none(town: World, gateway: Running, recorder: Recorder) -> None:
    url = url_of(Kind.RESULT, uuid.UUID(int=7), gateway)
    document: Any = copy.deepcopy(result_body())
    for left in ({"ConversationID", "OriginatorConversationID"}, {"ConversationID"}, {"OriginatorConversationID"}):
        result = {key: each for key, each in document["Result"].items() if key not in left}
        assert post(url, {"Result": result}).status == 200

    recorder.settle()

    assert inbox_outcomes() == [NO_ID, HEARD, HEARD]


# --- the wire ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NEW)
def test_ten_megabytes_are_refused_or_accepted_and_never_held(
    town: World, gateway: Running, recorder: Recorder, kind: Kind
) -> None:
    port, path = target(url_of(kind, subject_of(kind, town), gateway))
    part = b" " * 60_000
    endless = request(path, chunked(*[part] * 170), "Transfer-Encoding: chunked", length=None)

    for data in (endless, request(path, b" " * 10_000_000)):
        with connected(port) as connection:
            with suppress(ConnectionError):  # it hangs up once it has seen too much
                connection.sendall(data)
            assert statuses(heard(connection)) in ([200 if kind is Kind.C2B_VALIDATION else 413], [])

    assert stored() == 0


@pytest.mark.parametrize("kind", NEW)
def test_a_slow_body_is_no_report_and_keeps_nobody_waiting(
    town: World, gateway: Running, recorder: Recorder, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "BODY_S", 0.3)
    monkeypatch.setattr(endpoint, "VALIDATION_BODY_S", 0.3)
    url = url_of(kind, subject_of(kind, town), gateway)
    port, path = target(url)
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(port)) for _ in range(50)]
        for each in slow:
            each.sendall(request(path, b'{"TransID":', length="500"))
        assert statuses(exchange(port, request(path, json.dumps(BODIES[kind]).encode()))) == [200]
        found = [statuses(heard(each)) for each in slow]

    assert found == [[200 if kind is Kind.C2B_VALIDATION else 408]] * 50
    wait_until(lambda: stored() == 1, what="the one that was quick")


@pytest.mark.parametrize("kind", NEW)
def test_half_a_report_is_none(town: World, gateway: Running, recorder: Recorder, kind: Kind) -> None:
    url = url_of(kind, subject_of(kind, town), gateway)
    port, path = target(url)
    with connected(port) as connection:
        connection.sendall(request(path, b"{}", length="700"))
        connection.shutdown(socket.SHUT_WR)

    assert post(url, b"{}").status == 200
    wait_until(lambda: stored() == 1, what="the whole one")


@pytest.mark.parametrize("kind", NEW)
def test_a_forged_source_is_stored_and_not_trusted(database: str, town: World, recorder: Recorder, kind: Kind) -> None:
    with running_gateway(database, RUFAA_CALLBACK_ADDRESSES=LISTED) as gateway:
        assert post(url_of(kind, subject_of(kind, town), gateway), b"{}", X_Forwarded_For=LISTED).status == 200
        wait_until(lambda: stored() == 1, what="the report")

    assert rows("SELECT kind, source, trusted FROM inbox") == [
        {"kind": str(kind), "source": "127.0.0.1", "trusted": False}
    ]


def test_a_thousand_reports_at_once_are_each_taken_in_once(
    town: World, simulator: RunningSimulator, gateway: Running, recorder: Recorder
) -> None:
    urls = {kind: url_of(kind, subject_of(kind, town), gateway) for kind in NEW}
    bodies = [b"{}", json.dumps(c2b_body()).encode(), json.dumps(result_body()).encode(), b"\x00"]
    sent = [(NEW[place % 4], bodies[place // 4 % 4]) for place in range(1000)]

    began = time.monotonic()
    with ThreadPoolExecutor(50) as pool:
        answered = list(pool.map(lambda each: post(urls[each[0]], each[1]).status, sent))
    wait_until(lambda: stored() == 1000, what="all of them in the inbox")
    took = time.monotonic() - began

    assert answered == [200] * 1000
    assert recorder.settle() == 1000
    kept = Counter((str(row["kind"]), bytes(row["body"])) for row in rows("SELECT kind, body FROM inbox"))
    assert kept == Counter((str(kind), body) for kind, body in sent)
    named = Counter(str(outcome).partition(":")[0] for outcome in inbox_outcomes())
    # of 250 of each kind: every fourth body can be read as a notice, every fourth as a result
    assert named == {"validation": 250, HEARD: 63 + 62 + 250, "malformed": 1000 - 250 - 63 - 62 - 250}
    assert len({row["inbox"] for row in recorder.heard()}) == 375
    assert (open_tasks(), receipts()) == (["unread"], [])
    print(f"\n1,000 reports of four kinds in {took:.1f} s")


# --- the corpus -------------------------------------------------------------------------------------------------------

AT: Final = {
    "c2b_confirmation": Kind.C2B,
    "c2b_validation": Kind.C2B_VALIDATION,
    "reversal_result": Kind.RESULT,
    "b2c_result": Kind.RESULT,
    "transaction_status_result": Kind.RESULT,
}
# each file: (what becomes of it at its address; the receipt number, cents and code that are handed on)
CORPUS: Final[dict[str, tuple[str, str | None, int | None, str | None]]] = {
    "c2b_confirmation/01.json": (HEARD, "LHG31AA5TX", 20_000, None),
    "c2b_confirmation/03.json": (HEARD, "LGR219G3EY", 1_000, None),
    "c2b_confirmation/05.json": (HEARD, "123456", 10_000, None),
    "c2b_confirmation/06.json": (HEARD, "RKTQDM7W6S", 10_000, None),
    "c2b_confirmation/08.json": (HEARD, "RGU3456789", 10_000, None),
    "c2b_confirmation/10.json": (HEARD, "QKL31LNNE1", 1_400, None),
    "c2b_confirmation/11.json": (HEARD, "OCN51HBJJD", 70_000, None),
    "c2b_confirmation/13.json": (HEARD, "UH4SP1L7W6", 15_200, None),
    "c2b_confirmation/15.json": (HEARD, "RKTQDM7W6S", 10_000, None),
    "c2b_confirmation/16.json": (HEARD, "RKTQDM7W6S", 10_000, None),
    "c2b_confirmation/18.json": (HEARD, "RKTQDMWYCK", 1_000, None),
    "c2b_validation/01.json": ("validation", None, None, None),
    "c2b_validation/03.json": ("validation", None, None, None),
    "reversal_result/01.json": (HEARD, "RGS3OJ8P0H", None, "0"),
    "reversal_result/03.json": (HEARD, "SBK7XYZAB3", None, "0"),
    "reversal_result/05.json": (HEARD, "RGS0000000", None, "R000002"),
    "reversal_result/06.json": (HEARD, "SKE0000000", None, "R000001"),
    "b2c_result/01.json": (HEARD, "LGH3197RIB", None, "0"),
    "b2c_result/03.json": (HEARD, "SBJ7TLTQA2", None, "0"),
    "b2c_result/05.json": (HEARD, "NLJ7RT61SV", None, "0"),
    "b2c_result/06.json": (HEARD, "OCO51HBJT3", None, "0"),
    "b2c_result/08.json": (HEARD, "SG722NMVXQ", None, "2001"),
    "transaction_status_result/01.json": (HEARD, "LGR0000000", None, "0"),
    "transaction_status_result/03.json": (HEARD, "SBJ7TLTQA2", None, "0"),
    "transaction_status_result/05.json": (HEARD, "MBN0000000", None, "0"),
}


def test_every_real_and_documented_report_goes_through_its_address_to_a_named_outcome(
    corpus: Path, town: World, gateway: Running, recorder: Recorder
) -> None:
    """Twice, since M-Pesa repeats itself at times; and results at the time-out address as well."""
    there = {f"{folder}/{file.name}" for folder in AT for file in (corpus / folder).iterdir()}
    assert there == set(CORPUS), "files without a row, and rows without a file"

    def told(kind: Kind, name: str) -> tuple[str | None, str | None, int | None, str | None]:
        before = stored()
        assert post(url_of(kind, subject_of(kind, town), gateway), (corpus / name).read_bytes()).status == 200
        wait_until(lambda: stored() == before + 1, what="the report in the inbox")
        recorder.settle()
        handed = {row["inbox"]: row for row in recorder.heard()}.get(before + 1)
        facts = (handed["number"], handed["cents"], handed["code"]) if handed else (None, None, None)
        return (inbox_outcomes()[-1], *facts)

    for _ in range(2):
        assert {name: told(AT[name.partition("/")[0]], name) for name in CORPUS} == CORPUS
    results = [name for name in CORPUS if AT[name.partition("/")[0]] is Kind.RESULT]
    assert {name: told(Kind.TIMEOUT, name) for name in results} == {
        name: (HEARD, None, None, CORPUS[name][3]) for name in results
    }
    assert (open_tasks(), receipts()) == ([], [])
