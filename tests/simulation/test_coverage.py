"""What a run must have met, by how large it is."""

from __future__ import annotations

from collections import Counter

from simulation import coverage
from simulation.coverage import EVERY_MOVE, WHOLE

MOVES = Counter(coverage.expected_moves())
COUNTS = Counter([*coverage.FAULTS, *coverage.PEOPLE, *(f"passed {point}" for point in coverage.points())])


def test_a_large_run_lacks_what_never_happened() -> None:
    unfailing = Counter({move: 1 for move in MOVES if move[::3] != ("refund", "failed")})

    assert coverage.missed(COUNTS, MOVES, payments=EVERY_MOVE) == []
    assert coverage.missed(COUNTS - Counter(["account held"]), MOVES, payments=WHOLE) == ["account held"]
    assert coverage.missed(COUNTS - Counter(["passed query.call:after"]), MOVES, payments=WHOLE) == [
        "query.call:after passed"
    ]
    assert coverage.missed(COUNTS, unfailing, payments=WHOLE) == ["refund failed"]


def test_a_move_is_wanted_of_the_largest_alone_and_nothing_of_a_small_one() -> None:
    one = ("refund", "ordered", "rejected", "failed")
    others = MOVES - Counter([one])

    assert coverage.missed(COUNTS, others, payments=EVERY_MOVE) == [" ".join(one)]
    assert coverage.missed(COUNTS, others, payments=EVERY_MOVE - 1) == []
    assert coverage.missed(Counter(), Counter(), payments=WHOLE - 1) == []
