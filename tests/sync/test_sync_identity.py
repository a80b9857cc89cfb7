"""The identity that a token names: one person's queries are shared, whenever their tokens end."""

from __future__ import annotations

import uuid

from rufaa.sync.runtime import Identity

WHO = uuid.UUID("01890000-0000-7000-8000-000000000001")


def test_identities_of_one_user_are_equal_whenever_they_end() -> None:
    same = [Identity(WHO), Identity(WHO, 1_790_000_000), Identity(WHO, 1_790_000_600)]

    assert len(set(same)) == 1
    assert [each.expires_at for each in same] == [None, 1_790_000_000, 1_790_000_600]


def test_identities_of_two_users_differ() -> None:
    assert Identity(WHO, 1) != Identity(uuid.uuid4(), 1)
