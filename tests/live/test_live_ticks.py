"""Pages that hear of changes: who has a ticket is told that something changed, and nobody is told what."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from rufaa import reads, tickets
from rufaa.gateway import ticks
from support import KEYS, Running, World, execute, running_gateway, wait_until


class Page:
    """One page that listens."""

    def __init__(self, url: str, ticket: str) -> None:
        there = urlsplit(url)
        self._socket = socket.create_connection((there.hostname or "", there.port or 0), timeout=20)
        self._socket.sendall(f"GET /live?ticket={ticket} HTTP/1.1\r\nHost: {there.netloc}\r\n\r\n".encode())
        self.heard = b""
        self.until(b"event: hello")

    def until(self, words: bytes) -> None:
        """Reads on until ``words`` came."""
        while words not in self.heard:
            more = self._socket.recv(4096)
            assert more, self.heard
            self.heard += more
        self.heard = self.heard.partition(words)[2]

    def close(self) -> None:
        self._socket.close()


@contextmanager
def listening(gateway: Running, *topics: str, keys: tuple[str, ...] = KEYS) -> Iterator[Page]:
    page = Page(gateway.url, tickets.issue(keys, topics))
    try:
        yield page
    finally:
        page.close()


def topic(referral: str) -> str:
    return reads.topic("referral", uuid.UUID(referral))


def status_of(url: str, method: str = "GET") -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_page_hears_a_commit_that_touches_what_it_shows_and_no_other(gateway: Running, world: World) -> None:
    shown, other = world.referral(), world.referral()
    with listening(gateway, topic(shown)) as page, listening(gateway, topic(other)) as calm:
        world.move(shown, "awaiting-biodata")
        page.until(b"event: tick")

        world.move(other, "awaiting-biodata")
        calm.until(b"event: tick")
        assert b"tick" not in calm.heard  # just the one, of its own


def test_a_page_made_from_what_nobody_can_name_hears_everything(gateway: Running, world: World) -> None:
    with listening(gateway, reads.EVERYTHING) as page:
        world.referral()
        page.until(b"event: tick")


def test_a_lost_listener_tells_every_page(gateway: Running, world: World) -> None:
    with listening(gateway, "referral:0123456789ab") as page:
        execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query ~ %(last_said)s",
            last_said=r"LISTEN|^SELECT pg_notify\(\$1, ''\)$|^SELECT 1$",
        )
        page.until(b"event: tick")


@pytest.mark.parametrize(
    "ticket",
    ["", "nonsense", "%00", "é", "a" * 5000, tickets.issue(("another secret that is long enough",), ["people"])],
    ids=["none", "nonsense", "nul", "no ascii", "long", "another server's"],
)
def test_a_ticket_that_this_server_did_not_make_hears_nothing(gateway: Running, ticket: str) -> None:
    assert status_of(f"{gateway.url}/live?ticket={urllib.parse.quote(ticket)}") == 403
    assert gateway.app.ticks.open == 0


def test_an_altered_ticket_hears_nothing(gateway: Running) -> None:
    ticket = tickets.issue(KEYS, ["referral:0123456789ab"])
    altered = ticket[:-1] + ("A" if ticket[-1] != "A" else "B")

    assert status_of(f"{gateway.url}/live?ticket={altered}") == 403


def test_one_listens_and_posts_nothing(gateway: Running) -> None:
    assert status_of(f"{gateway.url}/live?ticket={tickets.issue(KEYS, ['people'])}", "POST") == 405


def test_who_leaves_is_forgotten(gateway: Running) -> None:
    with listening(gateway, "people", "facilities"):
        assert gateway.app.ticks.open == 1

    wait_until(lambda: gateway.app.ticks.open == 0, what="the page's end")
    assert gateway.app.ticks._pages == {}


def test_more_pages_than_there_is_room_for_are_told_to_come_again(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "MOST", 1)
    with listening(gateway, "people"):
        assert status_of(f"{gateway.url}/live?ticket={tickets.issue(KEYS, ['people'])}") == 503


def test_an_open_page_costs_no_thread(gateway: Running) -> None:
    with listening(gateway, "people"):
        before = set(threading.enumerate())
        pages = [Page(gateway.url, tickets.issue(KEYS, ["people"])) for _ in range(50)]
        assert set(threading.enumerate()) <= before
        for page in pages:
            page.close()


def test_a_gateway_that_stops_ends_its_pages(database: str) -> None:
    with running_gateway(database) as gateway, listening(gateway, "people") as page:
        gateway.server.should_exit = True
        with pytest.raises((AssertionError, ConnectionError)):  # the stream ends
            page.until(b"never said")


# --- tickets ---------------------------------------------------------------------------------------------------------


def test_a_ticket_names_its_topics_by_digests_alone() -> None:
    ticket = tickets.issue(KEYS, ["fee:0123456789ab", "people"])

    assert tickets.read(KEYS, ticket) == {tickets.word("fee:0123456789ab"), tickets.word("people")}
    assert "fee" not in ticket
    assert tickets.issue(KEYS, ["people", "fee:0123456789ab"]) == ticket  # so a page that is the same listens on


def test_an_old_key_still_opens_and_topics_beyond_all_bounds_are_everything() -> None:
    old = tickets.issue(("an old secret that is long enough",), ["people"])
    many = tickets.issue(KEYS, [f"fee:{number:012}" for number in range(tickets.MOST + 1)])

    assert tickets.read((*KEYS, "an old secret that is long enough"), old) == {tickets.word("people")}
    assert tickets.read(KEYS, many) == {tickets.EVERY_WORD}
