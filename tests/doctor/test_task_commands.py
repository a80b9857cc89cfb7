"""``rufaa task`` as an operator runs it, and what the doctor says of questions that are nobody's."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from rufaa.cli.diagnosis import database as looks
from rufaa.cli.diagnosis.finding import State
from rufaa.config import load
from support import KEYS, World, execute, rows

WHY = "A callback about a prompt that this server does not know: it cannot be read."


@pytest.fixture
def rufaa(run: Any, database: str) -> Any:
    return lambda *arguments: run("task", *arguments, DATABASE_URL=database)


def nobodys(world: World) -> uuid.UUID:
    task = uuid.uuid4()
    execute(
        "INSERT INTO task (id, kind, account_id, why) VALUES (%(id)s, 'unread', %(account)s, %(why)s)",
        id=task,
        account=world.account.pk,
        why=WHY,
    )
    return task


def test_listed_assigned_and_no_longer_nobodys(world: World, rufaa: Any) -> None:
    assert rufaa("list").stdout == "Every question for a person is somebody's.\n"
    task = nobodys(world)

    first, second = rufaa("list").stdout.splitlines()
    assert first.startswith(f"{task.hex}  20")
    assert first.endswith(" UTC  unread")
    assert second == f"  {WHY}"

    done = rufaa("assign", task.hex, "Tumaini Referral Hospital", "--by", "njeri")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "It is with the finance people of Tumaini Referral Hospital now.\n"
    assert rows("SELECT facility_id FROM task") == [{"facility_id": world.tumaini.pk}]

    again = rufaa("assign", task.hex, "Tumaini Referral Hospital")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "rufaa: There is no such task that is nobody's. See: rufaa task list\n"


def test_wrong_words_change_nothing(world: World, rufaa: Any) -> None:
    task = nobodys(world)
    for arguments, said in (
        (("assign", "x", "Tumaini Referral Hospital"), "task: this is no id. See: rufaa task list"),
        (("assign", task.hex, "Nowhere"), "facility: there is no facility of this name or id."),
    ):
        refused = rufaa(*arguments)
        assert refused.returncode == 1
        assert said in refused.stderr
    assert rows("SELECT facility_id FROM task") == [{"facility_id": None}]


def test_the_doctor_names_what_is_nobodys(world: World, database: str) -> None:
    def found() -> Any:
        given = load({"DATABASE_URL": database, "RUFAA_SECRET_KEYS": KEYS[0]})
        return {each.code: each for each in looks.look(given)[1]}["tasks-nobodys"]

    assert found().state is State.OK
    nobodys(world)
    assert found().state is State.WARNING
    assert "rufaa task list" in found().do
