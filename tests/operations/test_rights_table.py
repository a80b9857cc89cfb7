"""The rights table, written out by hand from the design and compared with the code's, role by role and side by side."""

from __future__ import annotations

import uuid
from typing import Final

import pytest

from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import RIGHTS, Right, Role, Side, rights

R = Right
PHY, ADM, REC, FIN = Role.PHYSICIAN, Role.ADMINISTRATOR, Role.RECEPTION, Role.FINANCE
HOME, THERE, PAYEE, ITSELF = Side.REFERRING, Side.RECEIVING, Side.PAYEE, Side.ITSELF

HELD_BY: Final[dict[Right, set[tuple[Role, Side]]]] = {
    R.SEE_OWN: {(PHY, HOME)},
    R.SEE: {(ADM, HOME), (ADM, THERE), (REC, THERE)},
    R.SEE_MONEY: {(FIN, PAYEE)},
    R.CREATE: {(PHY, HOME), (ADM, HOME)},
    R.APPROVE: {(ADM, HOME)},
    R.REJECT: {(ADM, HOME)},
    R.PARTICULARS: {(ADM, HOME)},
    R.PROMPT: {(ADM, HOME)},
    R.CANCEL: {(ADM, HOME)},
    R.CANCEL_OWN_EARLY: {(PHY, HOME)},
    R.PROPOSE_EXEMPTION: {(ADM, HOME)},
    R.SECOND_EXEMPTION: {(ADM, HOME), (FIN, PAYEE)},
    R.CONFIRM: {(ADM, THERE), (REC, THERE)},
    R.REFUSE: {(ADM, THERE), (REC, THERE)},
    R.COMPLETE: {(ADM, THERE), (REC, THERE)},
    R.REFER_ONWARD: {(PHY, THERE), (ADM, THERE)},
    R.BOOK: {(ADM, HOME), (ADM, THERE), (REC, THERE)},
    R.RECEIVE: {(ADM, THERE), (REC, THERE)},
    R.TELL: {(ADM, HOME), (ADM, THERE), (REC, THERE)},
    R.UNAPPLIED: {(FIN, PAYEE)},
    R.REFUND: {(FIN, PAYEE)},
    R.CLOSE_DAY: {(FIN, PAYEE)},
    R.SEE_PRICES: {(ADM, HOME), (FIN, PAYEE)},
    R.SEE_AUDIT: {(ADM, HOME), (ADM, THERE)},
    R.SEE_AUDIT_OWN: {(PHY, HOME)},
    R.SET_DETAILS: {(ADM, ITSELF)},
    R.SET_PRICES: {(ADM, ITSELF)},
    R.SET_MEMBERS: {(ADM, ITSELF)},
    R.SET_CLINICS: {(ADM, ITSELF)},
    R.SET_ACCOUNT: {(ADM, ITSELF)},
}


def test_every_right_has_its_line_here() -> None:
    assert set(HELD_BY) == set(Right)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("role", list(Role))
def test_each_role_on_each_side_has_exactly_its_rights(role: Role, side: Side) -> None:
    expected = {right for right, holders in HELD_BY.items() if (role, side) in holders}

    assert rights(role, side) == expected
    assert ((role, side) in RIGHTS) is bool(expected)


def test_who_may_refer_may_refer_onward_what_comes_to_them() -> None:
    assert {role for role, _side in HELD_BY[R.REFER_ONWARD]} == {role for role, _side in HELD_BY[R.CREATE]}


def actor(*memberships: tuple[uuid.UUID, Role], operator: bool = False) -> Actor:
    return Actor(uuid.UUID(int=1), "somebody", frozenset(memberships), is_operator=operator)


A, B = uuid.UUID(int=10), uuid.UUID(int=11)


def test_rights_are_those_of_the_own_facility_on_its_side_alone() -> None:
    both = actor((A, ADM), (B, FIN))

    assert both.rights_in({HOME: A}) == rights(ADM, HOME)
    assert both.rights_in({HOME: B, THERE: B}) == frozenset()
    assert both.rights_in({HOME: A, THERE: A, PAYEE: B}) == (
        rights(ADM, HOME) | rights(ADM, THERE) | rights(FIN, PAYEE)
    )


def test_an_operator_without_a_role_has_no_right_on_any_referral() -> None:
    assert actor(operator=True).rights_in({HOME: A, THERE: A, PAYEE: A}) == frozenset()


def test_facilities_with_a_right_are_those_of_a_role_that_gives_it() -> None:
    somebody = actor((B, ADM), (A, PHY), (A, FIN))

    assert somebody.facilities_with(R.CREATE, HOME) == [A, B]
    assert somebody.facilities_with(R.SEE, HOME) == [B]
    assert somebody.facilities_with(R.SEE_MONEY, PAYEE) == [A]
    assert somebody.facilities_with(R.CONFIRM, HOME) == []
