"""The manual clock: nothing happens by itself, everything in order, the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rufaa.simulator.clock import ClockIsReal, ManualClock, RealClock
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.testing import running_simulator

if TYPE_CHECKING:
    from conftest import Client, Listener

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_falls_due_runs_in_order_and_sees_its_own_time() -> None:
    async def scenario() -> list[tuple[str, float]]:
        clock = ManualClock(START)
        ran: list[tuple[str, float]] = []

        def at(seconds: float, name: str, then: tuple[float, str] | None = None) -> None:
            async def act() -> None:
                ran.append((name, (clock.now() - START).total_seconds()))
                if then is not None:
                    at(*then)

            clock.call_at(START + timedelta(seconds=seconds), act)

        at(3, "c")
        at(1, "a", (2, "b"))
        at(3, "d")
        at(9, "late")
        await clock.advance(5)
        assert clock.now() == START + timedelta(seconds=5)
        return ran

    assert asyncio.run(scenario()) == [("a", 1), ("b", 2), ("c", 3), ("d", 3)]


def test_only_a_manual_clock_can_be_advanced(simulate: Callable[..., Client]) -> None:
    async def scenario() -> None:
        await RealClock().advance(1)

    with pytest.raises(ClockIsReal):
        asyncio.run(scenario())
    client = simulate(manual_clock=False)
    got = client.control("/control/clock", {"advance_s": 1})
    assert (got.status, got.json["error"]) == (409, "clock-is-real")


def test_under_the_real_clock_things_happen_by_themselves(simulate: Callable[..., Client], listener: Listener) -> None:
    client = simulate(manual_clock=False, answer_after_s=0.01, callback_after_s=0.01)
    client.pushed("254708000000")
    client.sim.wait_until(lambda: any(e.kind == "callback-sent" for e in client.sim.journal()))
    assert [each["ResultCode"] for each in listener.callbacks] == [0]


def test_time_moves_over_http_and_callbacks_are_delivered_on_return(client: Client, listener: Listener) -> None:
    client.pushed("254708000000")
    got = client.control("/control/clock", {"advance_s": 1.5})
    assert got.json == {"now": "2026-11-23T06:12:01.845+00:00", "manual": True}
    assert len(listener.bodies) == 1


def test_a_seed_replays(simulate: Callable[..., Client], listener: Listener) -> None:
    def history(seed: int) -> list[object]:
        client = simulate(seed=seed)
        for phone in ("254708000000", "254708001032", "254708374149", "254799000000"):
            client.query(client.pushed(phone))
        client.sim.answer("254708374149")
        client.sim.advance(10)
        return [entry.to_json() for entry in client.sim.journal()]

    once, again, other = history(5), history(5), history(6)
    assert once == again
    assert once != other


def test_a_wait_that_never_holds_ends() -> None:
    with running_simulator(SimulatorSettings(manual_clock=True)) as sim, pytest.raises(TimeoutError):
        sim.wait_until(lambda: False, timeout_s=0.05)
