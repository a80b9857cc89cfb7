"""Seeds of the simulation: what failed once, a few more, one twice, and the server with a guard taken away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from simulation.mutants import MUTANTS
from simulation.run import Outcome, run

_LONG: Final = bool(os.environ.get("RUFAA_LONG"))
_SHORT: Final = 200
"""Payments of a kept seed that every test run can afford; the others are for RUFAA_LONG."""


def kept() -> list[tuple[int, int]]:
    lines = Path(__file__).with_name("seeds.txt").read_text(encoding="utf-8").splitlines()
    seeds = [line.partition("#")[0].split() for line in lines]
    return [(int(seed), int(payments)) for seed, payments in (each for each in seeds if each)]


def failed(outcome: Outcome) -> str:
    """Everything that whoever looks for the fault needs."""
    wrong = "\n".join((*outcome.violations, *outcome.complaints))
    tail = "\n".join(outcome.lines[-200:])
    return f"{tail}\n{wrong}\nagain: make sim SEED={outcome.seed} PAYMENTS={outcome.payments}"


@pytest.mark.parametrize(("seed", "payments"), [each for each in kept() if _LONG or each[1] <= _SHORT])
def test_what_failed_once_fails_no_more(database_url: str, seed: int, payments: int) -> None:
    outcome = run(seed, payments)

    assert outcome.ok, failed(outcome)


@pytest.mark.parametrize(("seed", "payments"), [(1, 80)])
def test_a_town_under_all_faults_loses_no_shilling(database_url: str, seed: int, payments: int) -> None:
    outcome = run(seed, payments)

    assert outcome.ok, failed(outcome)
    assert outcome.counts["looks at all rules"] > 1  # not at the end alone
    assert outcome.counts["money moved: stk"] > payments / 3


def test_one_seed_is_one_story_statement_by_statement(database_url: str) -> None:
    first, again, other = run(3, 6), run(3, 6), run(4, 1)

    assert (first.trace, first.steps) == (again.trace, again.steps)
    assert other.trace != first.trace


@pytest.mark.parametrize("name", MUTANTS)
def test_a_guard_can_be_taken_away(database_url: str, name: str) -> None:
    """What stands in its place still fits the server; else a long run alone would find out."""
    with MUTANTS[name]():
        pass


CAUGHT_BY: Final = {"trusts any callback": 60}
"""Payments that are enough to notice, for the guard that every run takes away; the others are for RUFAA_LONG."""
_MANY: Final = 400
_TRIES: Final = 6


@pytest.mark.parametrize("name", [name for name in MUTANTS if _LONG or name in CAUGHT_BY])
def test_a_guard_taken_away_is_noticed(database_url: str, name: str) -> None:
    payments = CAUGHT_BY.get(name, _MANY)

    noticed = any(not run(seed, payments, broken_by=[MUTANTS[name]], harsh=True).ok for seed in range(1, _TRIES + 1))

    assert noticed, f"{_TRIES} seeds of {payments} payments did not notice that the server {name}"
