"""``tasks:…``: the work list of finance people, by kind and referral, in pages and in numbers."""

from __future__ import annotations

import uuid
from typing import Any, Final

import pytest

from rufaa.facilities.queries import Actor
from rufaa.payments import finance
from support import Running, World, execute, rows

KINDS: Final = ("contradiction", "review", "contradiction", "refund", "contradiction")


def fee_of(referral: str) -> uuid.UUID:
    (row,) = rows("SELECT fee_id FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    fee: uuid.UUID = row["fee_id"]
    return fee


def opened(world: World, referral: str, kind: str, *, at_s: float) -> str:
    """A task about the referral's fee, opened so many seconds after a certain instant."""
    task = uuid.uuid4()
    execute(
        "INSERT INTO task (id, kind, facility_id, fee_id, why, opened_at)"
        " VALUES (%(id)s, %(kind)s, %(facility)s, %(fee)s, 'to test',"
        " timestamptz '2026-11-01 08:00Z' + %(at_s)s * interval '1 s')",
        id=task, kind=kind, facility=world.tumaini.pk, fee=fee_of(referral), at_s=at_s,
    )  # fmt: skip
    return task.hex


def several(world: World) -> list[tuple[str, str, str]]:
    """(task, kind, referral) of five tasks in the order of the list; the first two were opened in the same instant."""
    made = []
    for number, kind in enumerate(KINDS):
        referral = world.waiting()
        made.append((opened(world, referral, kind, at_s=max(0, number - 1)), kind, referral))
    return sorted(made[:2]) + made[2:]


def listed(gateway: Running, by: Actor, **args: Any) -> Any:
    return gateway.do("query", "tasks:listOpen", args, by=by)


def ids(found: Any) -> list[str]:
    return [row["_id"] for row in found]


def test_each_task_names_its_referral(world: World, gateway: Running) -> None:
    tasks = several(world)

    found = [(row["_id"], row["kind"], row["referralId"]) for row in listed(gateway, world.finance)]

    assert found == tasks


def test_tasks_of_a_kind_and_of_a_referral(world: World, gateway: Running) -> None:
    tasks = several(world)
    first, kind, referral = tasks[2]
    second = opened(world, referral, "review", at_s=100)
    (bare,) = [world.approved()]

    assert ids(listed(gateway, world.finance, kind=kind)) == [task for task, other, _ in tasks if other == kind]
    assert ids(listed(gateway, world.finance, referralId=referral)) == [first, second]
    assert ids(listed(gateway, world.finance, referralId=referral, kind="review")) == [second]
    assert listed(gateway, world.finance, kind="stray") == listed(gateway, world.finance, referralId=bare) == []
    error = gateway.error("query", "tasks:listOpen", {"referralId": "f" * 32}, by=world.finance)
    assert error["code"] == "referral-not-found"
    answer = gateway.call("query", "tasks:listOpen", {"kind": "other"}, by=world.finance)
    assert "ArgumentValidationError: 'kind'" in answer["errorMessage"]


def test_a_task_that_only_proposes_a_fee_is_about_it_too(world: World, gateway: Running) -> None:
    referral = world.waiting()
    execute(
        "INSERT INTO task (id, kind, facility_id, account_id, proposed_fee_id, why)"
        " VALUES (gen_random_uuid(), 'stray', %(facility)s, %(account)s, %(fee)s, 'to test')",
        facility=world.tumaini.pk, account=world.account.pk, fee=fee_of(referral),
    )  # fmt: skip

    (task,) = listed(gateway, world.finance, referralId=referral)

    assert (task["kind"], task["referralId"]) == ("stray", None)


def test_pages_hold_while_tasks_are_closed(world: World, gateway: Running) -> None:
    tasks = [task for task, _, _ in several(world)]
    one = listed(gateway, world.finance, paginationOpts={"numItems": 2, "cursor": None})
    closing = {"taskId": tasks[2], "outcome": "looked into"}
    assert gateway.do("mutation", "tasks:close", closing, by=world.finance) is True
    two = listed(gateway, world.finance, paginationOpts={"numItems": 1, "cursor": one["continueCursor"]})
    execute("UPDATE task SET closed_at = rufaa_now() WHERE id = %(id)s", id=uuid.UUID(tasks[1]))  # the cursor's own
    again = listed(
        gateway,
        world.finance,
        paginationOpts={"numItems": 9, "cursor": None, "endCursor": one["continueCursor"]},
    )
    rest = listed(gateway, world.finance, paginationOpts={"numItems": 9, "cursor": one["continueCursor"]})

    assert (ids(one["page"]), ids(two["page"]), two["isDone"]) == (tasks[:2], [tasks[3]], False)
    assert ids(again["page"]) == [tasks[0]]
    assert (ids(rest["page"]), rest["isDone"]) == (tasks[3:], True)


def test_the_numbers_of_each_kind(world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    several(world)

    counted = gateway.do("query", "tasks:countOpen", {}, by=world.finance)

    assert {kind: count for kind, count in counted["counts"].items() if count} == {
        "contradiction": 3, "review": 1, "refund": 1,
    }  # fmt: skip
    assert counted["counts"]["unapplied"] == 0
    assert counted["countedTo"] == 1000
    monkeypatch.setattr(finance, "COUNTED_TO", 2)
    bounded = gateway.do("query", "tasks:countOpen", {}, by=world.finance)
    assert (sum(bounded["counts"].values()), bounded["countedTo"]) == (2, 2)


def test_other_peoples_tasks_are_in_no_list_and_no_number(world: World, gateway: Running) -> None:
    several(world)

    assert listed(gateway, world.stranger) == []
    assert sum(gateway.do("query", "tasks:countOpen", {}, by=world.stranger)["counts"].values()) == 0
    for function in ("tasks:listOpen", "tasks:countOpen"):
        assert gateway.error("query", function, {}, by=world.admin)["code"] == "forbidden"
