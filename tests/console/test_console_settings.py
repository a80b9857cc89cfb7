"""The facility's page: what each person reads there."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext

from desks import Desk
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from support import World

At = Callable[[Actor], Desk]


def test_an_administrator_reads_prices_and_colleagues(world: World, desk: At) -> None:
    html = desk(world.admin).text("/settings/")

    assert "Uhuru Health Centre" in html
    assert "KES 1,000.00" in html
    assert "174379" in html
    for name in ("Physician", "Second-Admin"):
        assert f"<dt>{name}</dt>" in html
    assert "Finance" not in html


def test_a_physician_reads_no_prices(world: World, desk: At) -> None:
    html = desk(world.physician).text("/settings/")

    assert "KES" not in html
    assert "No prices that you may see." in html


def test_an_operator_works_nowhere(world: World, desk: At) -> None:
    assert "You work in no facility here." in desk(world.operator).text("/settings/")


def test_who_was_sent_away_is_not_listed(world: World, desk: At) -> None:
    unit(lambda tx: tx.execute("UPDATE membership SET revoked_at = rufaa_now() WHERE user_id = %(who)s",
                               {"who": world.physician.user}))  # fmt: skip

    assert "<dt>Physician</dt>" not in desk(world.admin).text("/settings/")


def test_the_same_number_of_queries_for_two_colleagues_and_for_twenty(world: World, desk: At) -> None:
    def asked() -> int:
        admin = desk(world.admin)
        with CaptureQueriesContext(connection) as captured:
            admin.text("/settings/")
        return len(captured)

    few = asked()
    for number in range(20):
        unit(
            lambda tx, name=f"nurse{number}": facilities.add_member(  # type: ignore[misc]
                tx, facilities.add_user(tx, name), world.uhuru, Role.PHYSICIAN
            )
        )

    assert asked() == few
    assert few <= 11
