"""What a run must have met to prove anything: each kind of fault, each move of the machines, each place to die at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from rufaa.db.failpoints import POINTS, Step
from rufaa.payments import machine as payments
from rufaa.payments.machine import PromptEvent
from rufaa.payments.refund_machine import REFUND, RefundEvent
from rufaa.referrals import machine as referrals
from rufaa.simulator.faults import FaultKind
from rufaa.simulator.notices import Tells
from rufaa.simulator.plans import Says
from simulation.people import Forgers

WHOLE: Final = 20_000
"""From so many payments on, each fault must have happened, each state been reached and each place to die at passed. A
seed has some of the faults: of a hundred seeds of 1,000 payments each twenty in a row met all, and of the tens nine."""
EVERY_MOVE: Final = 100_000
"""From so many on, each move must have been made."""

_NEVER_DRAWN: Final = frozenset({FaultKind.ANSWER_REPLACED, FaultKind.ID_REPEATED})
"""Presets take the first one's place. The second answers a push with another's id: where the other is known,
tests/money/test_money_unknown.py has it. Where the other's own answer was lost, a query about the id tells of the
other's payment, and nobody can know: that Safaricom gives no id twice is assumed."""
_RARE_STEPS: Final = frozenset(
    {
        *(Step.SETTLE_GIVE_UP, Step.STRAY_CLAIM, Step.STRAY_CALL, Step.STRAY_NOTE),
        *(Step.NOTICE_TIDY, Step.NOTICE_CLAIM, Step.NOTICE_CALL, Step.NOTICE_RECORD),
    }
)
"""A callback that can never be settled would be a fault of ours; strays come of restored backups alone; messages to
people move no money, and nobody sends them here: tests/notices."""

FAULTS: Final = (
    *(f"fault {each}" for each in FaultKind if each not in _NEVER_DRAWN),
    *(f"posted {each}" for each in Says),
    *(f"posted {each}" for each in Tells),
    *(f"forged: {each}" for each in Forgers.KINDS),
    "query misled",
    "process died",
    "died between two statements",
    "process frozen",
    "connection lost at a statement",
    "connection lost before a COMMIT",
    "connection lost after a COMMIT",
    "rolled back by PostgreSQL",
    "idle in transaction too long",
    "lock timeout",
    "parked on a lock",
    "slow statement",
    "notification lost",
    "request found no connection",
    "request lost on its way",
    "answer lost on its way",
    "callback found nobody",
    "callback timed out",
    "callback broke off",
    "account held",
)
PEOPLE: Final = (
    "clerk clicked twice",
    "clerk pressed for two phones at once",
    "clerk pressed retry",
    "clerk cancelled",
    "clerk cancelled what was paid",
    "clerk typed a code",
    "clerk got no answer",
    "two people agreed to waive",
    "two people agreed to defer",
    "payer was too late",
    "payer: PinEntered",
    "payer: Cancelled",
    "payer: PutAside",
    "paid by hand: right",
    "paid by hand: one slip",
    "paid by hand: less",
    "paid by hand: more",
    "paid by hand: to a till",
    "finance applied a receipt",
    "cancelled what finance applied",
    "finance proposed to give back",
    "finance proposed to give a fee back",
    "finance withdrew a refund",
    "operator assigned a task",
    "finance withdrew what was agreed to",
    "money moved: stk",
    "money moved: by-hand",
    "money moved: reversal",
    "money moved: payout",
)
_UNREACHED: Final = frozenset(
    {
        # Of a restore alone
        *((payments.PROMPT.name, str(PromptEvent.RESTORED)), (REFUND.name, str(RefundEvent.RESTORED))),
    }
)
_MACHINES: Final = (*payments.MACHINES, REFUND, referrals.MACHINE)
_LIES: Final = ("confirmed", "doubted", "failed")
_NOT_HERE: Final[Mapping[tuple[str, str, str], str]] = {
    ("referral", "pending-admin", "reject"): "nothing of money",
    ("referral", "pending-admin", "cancel"): "nothing of money",
    ("referral", "awaiting-biodata", "cancel"): "nothing of money",
    ("referral", "awaiting-biodata", "confirm-emergency"): "the town confirms them later",
    ("referral", "pending-admin", "confirm-emergency"): "the town approves all",
    # "Not sent" and "declined" are what the simulator says of what it has not taken; that M-Pesa took it all the same
    # would be a lie, which tests/machines and tests/money tell by hand.
    **{("prompt", state, event): "a lie of M-Pesa's" for state in ("created", "refused") for event in _LIES},
    **{("refund", "approved", event): "a lie of M-Pesa's" for event in ("rejected", "silent", "succeeded")},
    ("refund", "failed", "succeeded"): "a lie of M-Pesa's: it said that nothing went",
    ("refund", "withdrawn", "succeeded"): "a lie of M-Pesa's: it said that it took no order",
    # A result before its order's answer: of 717 refunds that succeeded in 100,000 payments eight were told of so. Few
    # fail.
    **{("refund", state, "rejected"): "too seldom: a table of tests/machines" for state in ("sending", "resending")},
    ("refund", "resending", "silent"): "too seldom: a table of tests/machines",
}
"""Moves of the law that this town never makes, and why not; other tests do."""


def expected_moves() -> list[tuple[str, str, str, str]]:
    """Every lawful move that a town without restores can make."""
    rows = {row for each in _MACHINES for row in each.rows()}
    return sorted(
        row for row in rows if (row[0], row[2]) not in _UNREACHED and (row[0], row[1], row[2]) not in _NOT_HERE
    )


def points() -> list[str]:
    rare = {point for step in _RARE_STEPS for point in (step.before, step.after)}
    return [point for point in POINTS if point not in rare]


def missed(counts: Counter[str], moves: Counter[tuple[str, str, str, str]], *, payments: int) -> list[str]:
    """What should have happened in a run of so many payments, and did not."""
    if payments < WHOLE:
        return []
    expected = expected_moves()
    reached = {(machine, state) for machine, _, _, state in moves}
    return [
        *(each for each in (*FAULTS, *PEOPLE) if not counts[each]),
        *(f"{point} passed" for point in points() if not counts[f"passed {point}"]),
        *sorted({f"{machine} {state}" for machine, _, _, state in expected if (machine, state) not in reached}),
        *(" ".join(each) for each in expected if not moves[each] and payments >= EVERY_MOVE),
    ]


def moved(counts: Counter[str]) -> int:
    return sum(number for name, number in counts.items() if name.startswith("money moved"))


def table(counts: Counter[str], moves: Counter[tuple[str, str, str, str]]) -> str:
    lines = ["", "--- what happened"]
    lines += [f"{number:>9}  {name}" for name, number in sorted(counts.items()) if not name.startswith("passed ")]
    lines += [f"{sum(n for name, n in counts.items() if name.startswith('passed ')):>9}  failpoints passed"]
    lines += ["", "--- moves of the machines"]
    expected = expected_moves()
    lines += [f"{moves[each]:>9}  {each[0]}: {each[1] or '(new)'} --{each[2]}--> {each[3]}" for each in expected]
    lines += [f"{number:>9}  {' '.join(each)}" for each, number in sorted(moves.items()) if each not in expected]
    return "\n".join(lines)
