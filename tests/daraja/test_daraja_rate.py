"""The rate limit: never more than allowed in any window, never a wait without end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rufaa.daraja.rate import Admission, admit, without_burst

START = datetime(2026, 4, 2, 9, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_five_a_minute_without_a_burst() -> None:
    first = admit(None, START, interval_s=12, burst=1, wanted=3)
    assert first == Admission(granted=1, tat=after(12), next_free_at=after(12))
    assert admit(first.tat, after(11.999999), interval_s=12, burst=1, wanted=1).granted == 0
    assert admit(first.tat, after(12), interval_s=12, burst=1, wanted=1).granted == 1


def test_a_burst_then_the_steady_rate() -> None:
    first = admit(None, START, interval_s=2, burst=3, wanted=5)
    assert first == Admission(granted=3, tat=after(6), next_free_at=after(2))
    second = admit(first.tat, after(4), interval_s=2, burst=3, wanted=5)
    assert second == Admission(granted=2, tat=after(10), next_free_at=after(6))


def test_what_is_not_used_is_not_saved_beyond_the_burst() -> None:
    spent = admit(None, START, interval_s=1, burst=2, wanted=2)
    assert admit(spent.tat, after(3600), interval_s=1, burst=2, wanted=99).granted == 2


def test_wanting_nothing_takes_nothing() -> None:
    assert admit(after(1), START, interval_s=1, burst=2, wanted=0) == Admission(0, after(1), START)


def test_a_clock_set_back_costs_one_burst_at_most() -> None:
    stuck = admit(after(86_400), START, interval_s=12, burst=2, wanted=1)
    assert stuck == Admission(granted=0, tat=after(24), next_free_at=after(12))
    assert admit(stuck.tat, stuck.next_free_at, interval_s=12, burst=2, wanted=1).granted == 1


@pytest.mark.parametrize(
    ("interval_s", "burst", "wanted"),
    [(0, 1, 1), (-1, 1, 1), (1, 0, 1), (1, 1, -1), (float("inf"), 1, 1), (float("nan"), 1, 1)],
)
def test_senseless_limits_are_refused(interval_s: float, burst: int, wanted: int) -> None:
    with pytest.raises(ValueError, match="interval_s"):
        admit(None, START, interval_s=interval_s, burst=burst, wanted=wanted)


@settings(max_examples=300, deadline=None)
@given(
    interval_us=st.integers(1, 5_000_000),
    burst=st.integers(1, 5),
    steps=st.lists(st.tuples(st.integers(0, 4_000_000), st.integers(0, 8)), min_size=1, max_size=25),
)
def test_no_window_holds_more_than_the_limit(interval_us: int, burst: int, steps: list[tuple[int, int]]) -> None:
    interval_s, tat, now, history = interval_us / 1_000_000, None, START, []
    for wait_us, wanted in steps:
        now += timedelta(microseconds=wait_us)
        answer = admit(tat, now, interval_s=interval_s, burst=burst, wanted=wanted)
        assert 0 <= answer.granted <= wanted
        tat = answer.tat
        history.append((now, answer.granted))
    for i, (since, _) in enumerate(history):
        granted = 0
        for until, count in history[i:]:
            granted += count
            assert granted * interval_us <= burst * interval_us + (until - since) // timedelta(microseconds=1)


@settings(max_examples=300, deadline=None)
@given(
    interval_us=st.integers(1, 5_000_000), burst=st.integers(1, 5), ahead_us=st.integers(-9_000_000, 90_000_000),
    wanted=st.integers(0, 8),
)  # fmt: skip
def test_one_more_goes_exactly_when_said(interval_us: int, burst: int, ahead_us: int, wanted: int) -> None:
    interval_s = interval_us / 1_000_000
    answer = admit(START + timedelta(microseconds=ahead_us), START, interval_s=interval_s, burst=burst, wanted=wanted)
    free_at = answer.next_free_at
    assert START <= free_at <= START + timedelta(microseconds=burst * interval_us)
    assert admit(answer.tat, free_at, interval_s=interval_s, burst=burst, wanted=1).granted == 1
    if free_at > START:
        sooner = free_at - timedelta(microseconds=1)
        assert admit(answer.tat, sooner, interval_s=interval_s, burst=burst, wanted=1).granted == 0


def test_without_a_burst_one_goes_now_and_each_next_an_interval_later() -> None:
    tat = without_burst(None, START, interval_s=2, burst=3)
    first = admit(tat, START, interval_s=2, burst=3, wanted=9)
    assert first == Admission(granted=1, tat=after(6), next_free_at=after(2))
    assert admit(first.tat, after(1.999999), interval_s=2, burst=3, wanted=9).granted == 0
    assert admit(first.tat, after(2), interval_s=2, burst=3, wanted=9).granted == 1


def test_without_a_burst_what_was_held_back_stays_held_back() -> None:
    assert without_burst(after(6), START, interval_s=2, burst=3) == after(6)
    assert without_burst(after(-600), START, interval_s=2, burst=3) == after(4)
    assert without_burst(None, START, interval_s=12, burst=1) == START
