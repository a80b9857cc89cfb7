"""Forms that come slowly, for ever, or in masses: pages go on being answered, and nothing of them is kept."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from hostile.wire import chunked, connected, exchange, heard, request, statuses, target
from rufaa.config import MB
from rufaa.gateway import bodies
from rufaa.gateway.connections import Connection
from support import DEADLINE_S, Running, wait_until

FORM: Final = "Content-Type: application/x-www-form-urlencoded"
COOKIE: Final = f"Cookie: csrftoken={'a' * 32}"
"""Who has it may have a form's token too, so that its body is read."""
UPLOAD: Final = f"/referrals/{'0' * 32}/attach/"


@pytest.fixture
def port(gateway: Running) -> int:
    return target(gateway.url)[0]


@pytest.fixture(autouse=True)
def nothing_is_left(gateway: Running) -> Iterator[None]:
    yield
    wait_until(lambda: gateway.app._django._on_disk == 0, what="the end of all bodies")


def test_whoever_dribbles_a_form_holds_no_page(port: int) -> None:
    """There are eight threads for pages: without a body of its own ahead of them, twenty such would hold them all."""
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(port)) for _ in range(20)]
        for connection in slow:
            connection.sendall(request("/sign-in/", b"login=", FORM, COOKIE, length="1000"))
        began = time.monotonic()
        assert statuses(exchange(port, request("/sign-in/", b"", method="GET", length=None))) == [200]
        assert time.monotonic() - began < 10

        # and who comes to an end is answered
        slow[0].sendall(b"x" * 994)
        assert statuses(heard(slow[0])) == [403]


@pytest.mark.parametrize(("path", "most"), [("/sign-in/", 3 * MB), ("/nowhere/", 3 * MB), (UPLOAD, 21 * MB)])
def test_what_says_that_it_is_too_large_is_refused_before_it_comes(port: int, path: str, most: int) -> None:
    came = exchange(port, request(path, b"", FORM, length=str(most + 1)))

    assert statuses(came) == [413]
    assert f"at most {most // MB} MB".encode() in came
    assert b"Nothing was kept" in came
    assert b"Hakuna kilichohifadhiwa" in came


def test_what_does_not_say_so_is_refused_when_it_is(port: int) -> None:
    parts = chunked(*[b"x" * MB] * 4)

    assert statuses(exchange(port, request("/sign-in/", parts, FORM, "Transfer-Encoding: chunked", length=None))) == [
        413
    ]


def test_up_to_there_a_page_answers(port: int) -> None:
    """Not 413: who has no token of the form's is told so by the page, after all of it has come."""
    for path, size in (("/sign-in/", MB), (UPLOAD, 20 * MB)):
        assert statuses(exchange(port, request(path, b"x" * size, FORM, COOKIE))) not in ([], [413]), path


def test_there_is_only_so_much_room_and_it_is_given_back(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "ON_DISK", 100_000)
    large = request(UPLOAD, b"x" * 60_000, FORM, length="70000")
    with connected(port) as first:
        first.sendall(large)
        wait_until(lambda: statuses(exchange(port, large + b"x" * 10_000)) == [503], what="the refusal")

        # small forms need no room there
        assert statuses(exchange(port, request("/sign-in/", b"x" * 1000, FORM)))[0] != 503
    wait_until(lambda: statuses(exchange(port, large + b"x" * 10_000)) != [503], what="room")


def test_who_hangs_up_half_way_is_forgotten(port: int, gateway: Running) -> None:
    with connected(port) as connection:
        connection.sendall(request(UPLOAD, b"x" * 500_000, FORM, length="600000"))
        wait_until(lambda: gateway.app._django._on_disk > 0, what="the first half")


# --- a phone at the edge of its network -----------------------------------------------------------------------------


def trickled(connection: socket.socket, part: bytes, times: int) -> bytes:
    """Send ``part`` again and again, a tenth of a second apart; all that is heard until the other side closes."""
    connection.settimeout(0.1)
    came = b""
    for _ in range(times):
        try:
            connection.sendall(part)
            heard_now = connection.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            break
        came += heard_now
        if not heard_now:
            break
    return came


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Connection.request_s, Connection.patient_bytes_per_s) == (60.0, 4096)
    monkeypatch.setattr(Connection, "request_s", 0.5)
    monkeypatch.setattr(Connection, "patient_bytes_per_s", 1000)


@pytest.mark.usefixtures("impatient")
def test_a_file_may_take_long_while_it_comes(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(request(UPLOAD, b"", FORM, length="30000"))
        began = time.monotonic()
        came = trickled(connection, b"x" * 1500, 20)
        assert time.monotonic() - began > 1.5
        connection.settimeout(DEADLINE_S)
        came += heard(connection)

    assert statuses(came) == [403]  # all of it was there, and no form's token was in it


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("path", "part"), [(UPLOAD, b"x" * 10), ("/sign-in/", b"x" * 1500)])
def test_one_that_hardly_comes_may_not_nor_may_another_form(port: int, path: str, part: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(request(path, b"", FORM, length="30000"))
        assert trickled(connection, part, 25) == b""
        connection.settimeout(10)
        assert heard(connection) == b""
