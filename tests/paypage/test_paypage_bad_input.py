"""What strangers and broken browsers send: unknown links, hostile forms, wrong methods. A plain answer, never a 500."""

from __future__ import annotations

import re

import pytest
from django.db import OperationalError
from django.test import Client

from paypage.links import Link, link_of, text_of
from rufaa import metrics
from rufaa.paypage import queries
from rufaa.referrals import bearer
from support import RINGS, World, advance, execute, rows, unchanged

NOBODYS = "0123456789abcdef0123456789abcdef"
HOSTILE = [
    NOBODYS,
    "x",
    "%00",
    "a%00b",
    "%0d%0aSet-Cookie:x=1",
    "..%2f..%2fetc",
    "%F0%9F%92%B0",
    "%ff%fe",
    "'%20OR%20''='",
    "a" * 5000,
    "{{7*7}}",
    "%E2%80%AE",
]


def unknown() -> float:
    return float(metrics.UNKNOWN_LINKS._value.get())


@pytest.mark.parametrize("token", HOSTILE)
def test_whatever_is_no_link_gets_the_same_answer(world: World, token: str) -> None:
    world.waiting()
    before = unknown()

    answer = Client().get(f"/r/{token}")

    assert answer.status_code == 404
    assert "There is no page with this address." in text_of(answer)
    assert answer.content == Client().get(f"/r/{NOBODYS}").content
    assert unknown() - before == 2


@pytest.mark.parametrize("path", ["/r/", "/r/a/b/c", f"/r/{NOBODYS}/nothing", f"/r/{NOBODYS}/receipt.pdf", "/r/%0a"])
def test_whatever_else_stands_below_is_no_link_either(world: World, path: str) -> None:
    assert "There is no page with this address." in text_of(Client().get(path))


@pytest.mark.parametrize("what", ["pay", "birth"])
@pytest.mark.parametrize("token", HOSTILE)
def test_nothing_can_be_posted_to_no_link(world: World, token: str, what: str) -> None:
    client = Client()

    answer = client.post(f"/r/{token}/{what}", b"phone=0708374149", content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 404
    assert "There is no page with this address." in text_of(answer)


def test_a_known_and_an_unknown_link_ask_the_database_for_the_same_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No form of a token is sorted out before the database is asked: a wrong one takes as long as another."""
    asked = []
    ask = bearer._SQL["find"]
    rows_of = bearer.Tx.row

    def row(tx: bearer.Tx, sql: str, params: dict[str, object] | None = None) -> object:
        if sql == ask:
            asked.append(params)
        return rows_of(tx, sql, params)

    monkeypatch.setattr(bearer.Tx, "row", row)
    for token in ("x", NOBODYS, "%00"):
        Client().get(f"/r/{token}")

    assert asked == [{"token": ""}, {"token": NOBODYS}, {"token": ""}]


def test_a_guesser_is_told_to_stop_and_a_link_that_exists_is_not(world: World) -> None:
    link = link_of(world.waiting())
    statuses = [Client().get(f"/r/{number:032}").status_code for number in range(25)]

    assert statuses == [404] * 20 + [429] * 5
    closed = Client().get(f"/r/{NOBODYS}")
    assert 540 <= int(closed["Retry-After"]) <= 600
    assert "Too many wrong addresses came over your connection. Try again after " in text_of(closed)
    assert link.get().status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.1").get(f"/r/{NOBODYS}").status_code == 404
    advance(601)
    assert Client().get(f"/r/{NOBODYS}").status_code == 404


def test_a_whole_network_of_ipv6_is_one_guesser(world: World) -> None:
    for number in range(20):
        Client(REMOTE_ADDR=f"2001:db8:0:1::{number:x}").get(f"/r/{NOBODYS}")

    assert Client(REMOTE_ADDR="2001:db8:0:1:ffff::1").get(f"/r/{NOBODYS}").status_code == 429
    assert Client(REMOTE_ADDR="2001:db8:0:2::1").get(f"/r/{NOBODYS}").status_code == 404


def test_an_address_that_somebody_claims_is_not_believed(world: World) -> None:
    statuses = [
        Client().get(f"/r/{NOBODYS}", headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
        for number in range(21)
    ]

    assert statuses[-1] == 429


def test_what_was_counted_is_tidied(world: World) -> None:
    for number in range(30):
        Client(REMOTE_ADDR=f"192.0.2.{number}").get(f"/r/{NOBODYS}")
    advance(700)

    for number in range(2):
        Client(REMOTE_ADDR=f"198.51.100.{number}").get(f"/r/{NOBODYS}")

    assert len(rows("SELECT * FROM paypage_allowance")) == 2


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("what", ["", "/pay", "/birth"])
def test_other_methods_are_refused_in_words(world: World, method: str, what: str) -> None:
    link = link_of(world.waiting())

    answer = getattr(link.client, method)(link.path + what)

    assert answer.status_code == 405
    assert "GET" in answer["Allow"]
    assert "That cannot be done here." in text_of(answer)


def test_the_page_itself_takes_no_post(world: World) -> None:
    link = link_of(world.waiting())

    assert link.client.post(link.path).status_code == 405


def test_a_stroke_at_the_end_is_the_same_page(world: World) -> None:
    link = link_of(world.waiting())

    assert link.client.get(f"{link.path}/").status_code == 200


@pytest.mark.parametrize("what", ["pay", "birth"])
def test_where_something_is_posted_a_look_leads_back(world: World, what: str) -> None:
    link = link_of(world.waiting())

    answer = link.client.get(f"{link.path}/{what}")

    assert (answer.status_code, answer["Location"]) == (302, link.path)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"phone=" + b"7" * 5000, "application/x-www-form-urlencoded"),
        (b"x" * 10_000_000, "application/x-www-form-urlencoded"),
        (b"&".join([b"a=1"] * 1000), "application/x-www-form-urlencoded"),
        (b"\xff\xfe=\x80", "application/x-www-form-urlencoded"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n", "multipart/form-data; boundary=x"),
        (b'{"phone": 1}', "application/json"),
        (b"phone=0708374149", "application/x-www-form-urlencoded; charset=nonsense"),
        (b"phone=0708374149", "nonsense"),
        (b"phone=0708374149", ""),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("what", ["pay", "birth"])
def test_what_is_no_form_of_this_page_changes_nothing(world: World, body: bytes, content_type: str, what: str) -> None:
    link = link_of(world.waiting())

    with unchanged():
        answer = link.client.generic("POST", f"{link.path}/{what}", body, content_type)

    assert answer.status_code in {400, 409, 422}
    assert "<h1>" in answer.content.decode()


def test_a_name_that_is_strange_is_shown_as_it_is_and_no_more_than_it_should(world: World) -> None:
    link = link_of(world.waiting())
    for name, shown in [
        ("<script>x</script> Wafula", "&lt;script&gt;x&lt;/script&gt; W."),
        ("  Jane   Akinyi  Wafula ", "Jane W."),
        ("Wangarĩ", "Wangarĩ"),
        ("\u202eenaJ Wafula", "\u202eenaJ W."),
        ("A" * 200, "A" * 24 + "…"),
        ("{{ secret }} {% x %}", "{{ %."),
        ("O'Brien-Ng'ang'a Mary", "O&#x27;Brien-Ng&#x27;ang&#x27;a M."),
    ]:
        execute("UPDATE particulars SET name = %(name)s", name=name)
        page = link.get().content.decode()
        assert f"<bdi>{shown}</bdi>" in page, name


def test_the_headers_keep_the_link_and_the_page_to_themselves(world: World) -> None:
    link = link_of(world.waiting())
    for answer in (link.get(), Client().get(f"/r/{NOBODYS}"), link.pay(RINGS), link.pay("x", form="y")):
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "Set-Cookie" not in answer


def test_no_style_and_no_script_stands_in_the_page(world: World) -> None:
    page = link_of(world.waiting()).get().content.decode()

    assert re.findall(r"<script(?! src=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", page) == []


def test_a_database_that_is_away_is_said_in_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    link = link_of(world.waiting())

    def away(*_: object, **__: object) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(queries, "look_at", away)
    answer = link.get()

    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert "This page has to rest for a moment." in text_of(answer)


# --- languages ------------------------------------------------------------------------------------------------------


def heading(link: Link, **headers: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", link.source(**headers))
    assert found is not None
    return found[1]


ENGLISH = "We wait for your payment of KES 1,000."
SWAHILI = "Tunasubiri malipo yako ya KES 1,000."


def test_the_browsers_language_is_taken(world: World) -> None:
    link = link_of(world.waiting())

    assert heading(link) == ENGLISH
    assert heading(link, accept_language="sw-KE,sw;q=0.9") == SWAHILI
    assert heading(link, accept_language="fr") == ENGLISH
    assert 'lang="sw"' in link.get(accept_language="sw").content.decode()


def test_a_language_that_was_chosen_stays(world: World) -> None:
    link = link_of(world.waiting())

    chosen = link.client.get(f"{link.path}?lang=sw")

    cookie = chosen.cookies["r-lang"]
    assert (cookie.value, cookie["path"], cookie["httponly"]) == ("sw", "/r/", True)
    assert heading(link, accept_language="en") == SWAHILI
    assert "Hiyo si namba ya simu ya Kenya." in text_of(link.pay("x", form="y"))


@pytest.mark.parametrize("lang", ["", "xx", "sw%00", "../sw", "SW" * 900])
def test_a_language_that_nobody_speaks_here_is_passed_over(world: World, lang: str) -> None:
    link = link_of(world.waiting())

    answer = link.client.get(f"{link.path}?lang={lang}")

    assert answer.status_code == 200
    assert not answer.cookies


def test_refusals_of_strangers_speak_their_language(world: World) -> None:
    answer = Client().get(f"/r/{NOBODYS}", headers={"Accept-Language": "sw"})

    assert "Hakuna ukurasa wenye anwani hii." in text_of(answer)
