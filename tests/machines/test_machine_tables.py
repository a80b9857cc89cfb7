"""Every state × event of every machine against a table written from the design, not from the code.

A cell is the state that it leads to, ``-`` for heard and ignored (a doubled callback), nothing for refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from rufaa.law import Ignored, Machine, Moved, Refused
from rufaa.payments.machine import FEE, LIVE, OF_PROMPT, OPEN_FEE, PROMPT, RECEIPT
from rufaa.payments.refund_machine import LIVE_REFUND, REFUND
from rufaa.referrals.machine import CLOSED, MACHINE, NEEDS_REASON

REFERRAL_LAW: Final = """
pending-admin     approve            awaiting-biodata
pending-admin     reject             rejected
pending-admin     confirm-emergency  confirmed
pending-admin     cancel             cancelled
awaiting-biodata  ask-payment        pending-payment
awaiting-biodata  confirm-emergency  confirmed
awaiting-biodata  cancel             cancelled
pending-payment   money-seen         paid
pending-payment   confirm            confirmed
pending-payment   confirm-emergency  confirmed
pending-payment   cancel             cancelled
paid              confirm            confirmed
paid              cancel             cancelled
confirmed         complete           completed
confirmed         cancel             cancelled
pending-admin     money-seen         -
awaiting-biodata  money-seen         -
paid              money-seen         -
confirmed         money-seen         -
completed         money-seen         -
rejected          money-seen         -
cancelled         money-seen         -
"""

FEE_LAW: Final = """
due       pay     paid
due       waive   waived
due       defer   deferred
due       cancel  waived
deferred  pay     paid
deferred  waive   waived
deferred  cancel  waived
paid      refund  refunded
"""

PROMPT_LAW: Final = """
created  claim          sending
created  gave-up        refused
created  withdrawn      refused
created  restored       unknown
created  confirmed      paid
created  failed         unpaid
created  doubted        review
sending  accepted       pending
sending  declined       refused
sending  not-sent       created
sending  answer-lost    unknown
sending  lease-expired  unknown
sending  confirmed      paid
sending  failed         unpaid
sending  doubted        review
pending  confirmed      paid
pending  failed         unpaid
pending  doubted        review
pending  overdue        review
unknown  accepted       -
unknown  declined       -
unknown  not-sent       -
unknown  answer-lost    -
unknown  confirmed      paid
unknown  failed         unpaid
unknown  doubted        review
unknown  overdue        review
refused  confirmed      paid
refused  failed         -
refused  doubted        review
paid     accepted       -
paid     declined       -
paid     not-sent       -
paid     answer-lost    -
paid     lease-expired  -
paid     confirmed      -
paid     failed         -
paid     doubted        -
unpaid   accepted       -
unpaid   declined       -
unpaid   not-sent       -
unpaid   answer-lost    -
unpaid   lease-expired  -
unpaid   confirmed      paid
unpaid   failed         -
unpaid   doubted        review
review   accepted       -
review   declined       -
review   not-sent       -
review   answer-lost    -
review   lease-expired  -
review   confirmed      paid
review   failed         unpaid
review   doubted        -
"""

RECEIPT_LAW: Final = """
unapplied  apply           applied
unapplied  part-apply      unapplied
unapplied  give-back       refunded
unapplied  part-give-back  unapplied
unapplied  give-back-rest  applied
unapplied  part-return     unapplied
applied    return          refunded
applied    part-return     applied
"""

REFUND_LAW: Final = """
proposed  withdraw       withdrawn
proposed  approve        approved
withdrawn  succeeded     done
withdrawn  rejected      -
withdrawn  silent        -
approved  withdraw       withdrawn
approved  claim          sending
approved  silent         unknown
approved  restored       unknown
approved  succeeded      done
approved  rejected       failed
sending   accepted       ordered
sending   declined       failed
sending   not-sent       approved
sending   answer-lost    unknown
sending   lease-expired  unknown
sending   silent         unknown
sending   succeeded      done
sending   rejected       failed
ordered   silent         unknown
ordered   succeeded      done
ordered   rejected       failed
unknown   accepted       -
unknown   declined       -
unknown   not-sent       -
unknown   answer-lost    -
unknown   silent         -
unknown   resend         resending
unknown   succeeded      done
unknown   rejected       failed
resending  accepted       ordered
resending  declined       unknown
resending  not-sent       unknown
resending  answer-lost    unknown
resending  lease-expired  unknown
resending  silent         unknown
resending  succeeded      done
resending  rejected       failed
done      accepted       -
done      declined       -
done      not-sent       -
done      answer-lost    -
done      lease-expired  -
done      silent         -
done      succeeded      -
done      rejected       -
failed    accepted       -
failed    declined       -
failed    not-sent       -
failed    answer-lost    -
failed    lease-expired  -
failed    silent         -
failed    succeeded      done
failed    rejected       -
"""

LAWS: Final[dict[str, tuple[Machine[Any, Any], str]]] = {
    "referral": (MACHINE, REFERRAL_LAW),
    "fee": (FEE, FEE_LAW),
    "prompt": (PROMPT, PROMPT_LAW),
    "receipt": (RECEIPT, RECEIPT_LAW),
    "refund": (REFUND, REFUND_LAW),
}

BIRTHS: Final = {
    "referral": {"create": "pending-admin"},
    "fee": {"raise": "due", "raise-deferred": "deferred"},
    "prompt": {"create": "created"},
    "receipt": {"arrive": "unapplied"},
    "refund": {"propose": "proposed"},
}

STATES: Final = {
    "referral": {
        *("pending-admin", "awaiting-biodata", "pending-payment", "paid", "confirmed", "completed", "rejected"),
        "cancelled",
    },
    "fee": {"due", "paid", "waived", "deferred", "refunded"},
    "prompt": {"created", "sending", "pending", "unknown", "refused", "paid", "unpaid", "review"},
    "receipt": {"unapplied", "applied", "refunded"},
    "refund": {"proposed", "withdrawn", "approved", "sending", "ordered", "unknown", "resending", "done", "failed"},
}

FINALS: Final = {
    "referral": {"completed", "rejected", "cancelled"},
    "fee": {"waived", "refunded"},
    "prompt": {"paid"},  # left only by a recorded refund, which is the fee's move
    "receipt": {"refunded"},
    "refund": {"done"},  # failed and withdrawn are left by a success alone: money that went is gone
}


def table(name: str) -> dict[tuple[str, str], str]:
    lines = [line.split() for line in LAWS[name][1].split("\n") if line]
    cells = {(state, event): outcome for state, event, outcome in lines}
    assert len(cells) == len(lines), "a cell is written twice"
    return cells


def cells() -> Iterator[tuple[str, str, str]]:
    for name, (machine, _) in LAWS.items():
        for state in machine.states:
            for event in machine.events:
                yield name, str(state), str(event)


@pytest.mark.parametrize(("name", "state", "event"), list(cells()))
def test_every_state_takes_every_event_as_the_design_says(name: str, state: str, event: str) -> None:
    machine, expected = LAWS[name][0], table(name).get((state, event))

    decision = machine.decide(machine.states(state), machine.events(event))

    match decision:
        case Moved(state=target):
            assert str(target) == expected
        case Ignored(why=why):
            assert expected == "-"
            assert why
        case Refused(why=why, allowed=allowed):
            assert expected is None
            moves = {said for (source, said), outcome in table(name).items() if source == state and outcome != "-"}
            assert set(allowed) == moves
            assert state in why
            assert event in why
            assert (", ".join(allowed) or "it is final") in why


@pytest.mark.parametrize("name", LAWS)
def test_the_states_and_births_are_those_of_the_design(name: str) -> None:
    machine = LAWS[name][0]

    assert {str(state) for state in machine.states} == STATES[name]
    assert {str(event): str(state) for event, state in machine.first.items()} == BIRTHS[name]


@pytest.mark.parametrize("name", LAWS)
def test_no_event_is_both_a_birth_and_a_move_and_none_is_idle(name: str) -> None:
    machine = LAWS[name][0]
    moving = {event for _, event in machine.transitions}

    assert not moving & set(machine.first)
    assert moving | set(machine.first) == set(machine.events)
    assert not set(machine.transitions) & set(machine.ignored)


@pytest.mark.parametrize("name", LAWS)
def test_every_state_can_be_reached(name: str) -> None:
    machine = LAWS[name][0]
    reached = set(machine.first.values())
    while more := {target for (source, _), target in machine.transitions.items() if source in reached} - reached:
        reached |= more

    assert reached == set(machine.states)


@pytest.mark.parametrize("name", LAWS)
def test_only_the_finals_have_no_way_on(name: str) -> None:
    machine = LAWS[name][0]

    assert {str(state) for state in machine.states if not machine.allowed(state)} == FINALS[name]


@pytest.mark.parametrize("name", LAWS)
def test_the_rows_for_the_database_are_the_births_and_the_moves(name: str) -> None:
    machine = LAWS[name][0]
    births = [(name, "", event, state) for event, state in BIRTHS[name].items()]
    moves = [(name, state, event, target) for (state, event), target in table(name).items() if target != "-"]

    assert sorted(machine.rows()) == sorted(births + moves)


def test_money_beats_every_verdict_of_ours() -> None:
    for state in PROMPT.states:
        expected = Ignored if state == "paid" else Moved
        assert isinstance(PROMPT.decide(state, PROMPT.events("confirmed")), expected)


def test_a_prompt_whose_answer_was_lost_is_never_sent_again() -> None:
    """From unknown, and from all that may have rung, no way leads back to created or sending."""
    reached = {PROMPT.states("unknown"), PROMPT.states("pending"), PROMPT.states("unpaid"), PROMPT.states("review")}
    while more := {target for (source, _), target in PROMPT.transitions.items() if source in reached} - reached:
        reached |= more

    assert {str(state) for state in reached} == {"unknown", "pending", "unpaid", "review", "paid"}


def test_a_refund_that_may_have_been_ordered_is_never_claimed_as_new() -> None:
    """It is ordered again by ``resend`` alone, under its first id, and only a result ends it."""
    reached = {REFUND.states("unknown"), REFUND.states("ordered")}
    while more := {target for (source, _), target in REFUND.transitions.items() if source in reached} - reached:
        reached |= more

    assert {str(state) for state in reached} == {"unknown", "ordered", "resending", "done", "failed"}
    for (source, event), target in REFUND.transitions.items():
        if source in reached and target in {REFUND.states("done"), REFUND.states("failed")}:
            assert event in {REFUND.events("succeeded"), REFUND.events("rejected")}


def test_the_named_sets_of_states() -> None:
    assert {str(state) for state in LIVE_REFUND} == {
        "proposed",
        "approved",
        "sending",
        "ordered",
        "unknown",
        "resending",
    }
    assert {str(channel) for channel in OF_PROMPT} == {"callback", "query"}
    assert {str(state) for state in LIVE} == {"created", "sending", "pending", "unknown"}
    assert {str(state) for state in OPEN_FEE} == {"due", "deferred"}
    assert {str(state) for state in CLOSED} == {"rejected", "cancelled"}
    assert {str(event) for event in NEEDS_REASON} == {"reject", "cancel", "complete"}
