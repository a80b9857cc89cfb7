"""How often something may be done: shared by all who ask at once, closed for as long as is said, and tidied."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from django.contrib.staticfiles import finders
from django.test import Client

from paypage.links import FAILED, Link, born_on, link_of, turn
from rufaa.db.atomic import Tx, unit
from rufaa.paypage import limits
from rufaa.paypage.limits import Rule, TooOften, Use
from support import KEYS, RINGS, World, advance, rows, value

THRICE = Rule("thrice", 3, 600)
ALL_IN_ALL = 15_000  # bytes


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def take(whose: str = "somebody", rule: Rule = THRICE) -> bool:
    """Whether it was allowed."""
    try:
        unit(lambda tx: limits.take(tx, KEYS, Use(rule, whose)))
    except TooOften:
        return False
    return True


def at_once(threads: int, times: int) -> Counter[bool]:
    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(lambda _: take(), range(times)))


def test_eight_at_once_get_no_more_than_one(database: str) -> None:
    assert at_once(8, 100) == {True: 3, False: 97}


def test_control_without_its_condition_a_rule_stops_nobody(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = "WHERE had.ends_at <= rufaa_now() OR had.used < %(most)s"
    statement = limits._SQL["take"]
    assert guard in statement
    monkeypatch.setattr(limits, "_SQL", {**limits._SQL, "take": statement.replace(guard, "")})

    assert at_once(8, 100) == {True: 100}


def test_a_phone_rings_no_more_often_for_eight_who_press_at_once(world: World) -> None:
    links = [link_of(world.waiting()) for _ in range(8)]

    def press(number: int) -> int:
        """One of many tries; what rings for this link is cancelled on the phone at once."""
        link = links[number % 8]
        address = f"192.0.2.{number}"
        status = Link(link.token, Client(REMOTE_ADDR=address)).pay(RINGS).status_code
        for row in rows(
            "SELECT prompt.id FROM prompt JOIN referral USING (fee_id)"
            " WHERE referral.token = %(token)s AND prompt.state = 'created'",
            token=link.token,
        ):
            turn(row["id"], *FAILED, code="1032")
        return status

    with ThreadPoolExecutor(8) as pool:
        parts = [pool.submit(lambda at=at: [press(number) for number in range(at, 104, 8)]) for at in range(8)]
        statuses = Counter(status for part in parts for status in part.result())

    assert value("SELECT count(*) FROM prompt") == 3
    assert statuses[302] == 3
    assert statuses.keys() <= {302, 409, 429}  # 409: it rings for another link just now


def test_the_last_use_closes_it_for_a_whole_window(database: str) -> None:
    assert take()
    advance(400)
    assert take()
    assert take()  # the third, while the first still counts
    advance(400)
    assert not take()
    advance(201)
    assert take()


def test_a_window_that_was_not_used_up_ends_by_itself(database: str) -> None:
    assert take()
    assert take()
    advance(601)
    assert [take() for _ in range(4)] == [True, True, True, False]


def test_each_has_its_own(database: str) -> None:
    assert [take() for _ in range(4)] == [True, True, True, False]
    assert take("somebody else")
    assert take(rule=Rule("another", 3, 600))


def test_what_is_rolled_back_was_not_used(database: str) -> None:
    def fail(tx: Tx) -> None:
        limits.take(tx, KEYS, Use(THRICE, "somebody"))
        raise ZeroDivisionError

    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            unit(fail)

    assert rows("SELECT * FROM paypage_allowance") == []


def test_of_several_rules_the_first_that_is_used_up_undoes_the_others(database: str) -> None:
    once = Rule("once", 1, 600)
    both = (Use(THRICE, "somebody"), Use(once, "somebody"))
    assert unit(lambda tx: limits.take(tx, KEYS, *both)) is True  # the last of one of them

    with pytest.raises(TooOften) as refused:
        unit(lambda tx: limits.take(tx, KEYS, *both))

    assert refused.value.rule is once
    assert rows("SELECT used FROM paypage_allowance WHERE rule = 'thrice'") == [{"used": 1}]


def test_it_is_said_how_long_it_is_closed(database: str) -> None:
    for _ in range(3):
        take()
    advance(100)

    with pytest.raises(TooOften) as refused:
        unit(lambda tx: limits.take(tx, KEYS, Use(THRICE, "somebody")))

    assert 440 <= refused.value.wait_s <= 500
    assert refused.value.until == value("SELECT ends_at FROM paypage_allowance")


def test_what_is_over_is_taken_away_and_nothing_else(database: str) -> None:
    for number in range(30):
        take(f"number {number}")
    advance(700)
    take("one")
    assert value("SELECT count(*) FROM paypage_allowance") == 11
    take("two")

    assert value("SELECT count(*) FROM paypage_allowance") == 2


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("192.0.2.7'; --", "unknown"),
    ],
)
def test_whose_address_it_is(source: str, network: str) -> None:
    assert limits.network_of(source) == network


# --- bytes ----------------------------------------------------------------------------------------------------------


def packed(link: Link) -> int:
    """The page as it is on the wire."""
    answer = link.get(accept_encoding="gzip")
    assert answer["Content-Encoding"] == "gzip"
    assert b"</html>" in gzip.decompress(answer.content)
    return len(answer.content)


def files() -> int:
    """What a first visit loads besides, which is not packed."""
    found = [finders.find(name) for name in ("paypage/pay.css", "paypage/pay.js", "rufaa/icon.svg")]
    return sum(Path(str(each)).stat().st_size for each in found)


def test_all_in_all_it_is_less_than_15_kb(world: World) -> None:
    first = link_of(world.waiting())
    long = world.waiting()
    born_on(long, "1980-12-31")
    for number in range(40):
        turn(world.ask(long, f"254708001{number:03}"), *FAILED, code="SFC_IC0003")

    sizes = {"first": packed(first) + files(), "long": packed(link_of(long)) + files()}

    assert max(sizes.values()) < ALL_IN_ALL, sizes
    assert sizes["first"] < 10_000, sizes
