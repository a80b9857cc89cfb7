"""``rufaa key`` as an operator runs it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rufaa.cli.key import InvalidTime, _time
from rufaa.clock import EAT
from support import World, execute, rows, value

NOW = datetime(2026, 11, 28, 22, 30, tzinfo=UTC)


@pytest.fixture
def rufaa(run: Any, database: str) -> Any:
    return lambda *arguments: run("key", *arguments, DATABASE_URL=database, RUFAA_MODE="development")


def test_made_shown_once_listed_and_revoked(world: World, rufaa: Any) -> None:
    made = rufaa("add", "--user", "admin", "--name", "front end", "--expires", "90d")
    assert (made.returncode, made.stderr) == (0, "")
    key = made.stdout.strip()
    assert re.fullmatch("rk_[0-9a-f]{48}", key)

    (line,) = rufaa("list").stdout.splitlines()
    assert line.startswith(f"{key[:11]}  admin  front end: in force until 20")
    assert line.endswith(" EAT, never used")
    assert key not in line
    left = value("SELECT expires_at - rufaa_now() FROM api_key")
    assert timedelta(days=89, hours=23) < left < timedelta(days=90)

    revoked = rufaa("revoke", key[:11])
    assert (revoked.returncode, revoked.stdout) == (0, f"{key[:11]} of admin (front end) counts no more.\n")
    assert rufaa("revoke", key[:11]).stdout == revoked.stdout
    (line,) = rufaa("list").stdout.splitlines()
    assert ": revoked 20" in line


def test_the_list_says_why_a_key_does_not_count(world: World, rufaa: Any) -> None:
    for user in ("admin", "physician"):
        assert rufaa("add", "--user", user, "--name", user).returncode == 0
    execute("UPDATE rufaa_user SET is_active = false WHERE username = 'admin'")

    first, second = rufaa("list").stdout.splitlines()

    assert "admin  admin: not in force, since the person may not sign in; made 20" in first
    assert "physician  physician: in force; made 20" in second


def test_what_cannot_be_is_one_line_and_makes_nothing(world: World, rufaa: Any) -> None:
    for arguments, said in (
        (("add", "--user", "nobody", "--name", "x"), "There is nobody of this name"),
        (("add", "--user", "admin", "--name", " "), "A key's name has 1 to 100 characters"),
        (("add", "--user", "admin", "--name", "x", "--expires", "soon"), "--expires 'soon': give a day"),
        (("add", "--user", "admin", "--name", "x", "--expires", "2020-01-01"), "The key would be expired already"),
        (("revoke", "rk_00000000"), "There is no API key with this prefix."),
    ):
        refused = rufaa(*arguments)
        assert (refused.returncode, refused.stdout) == (1, "")
        (line,) = refused.stderr.splitlines()
        assert line.startswith(f"rufaa: {said}")
    assert rows("SELECT * FROM api_key") == []


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("90d", datetime(2027, 2, 26, 22, 30, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 29, 10, 30, tzinfo=UTC)),
        ("2026-11-29", datetime(2026, 11, 30, tzinfo=EAT)),  # good to the end of the day in Nairobi
        ("2027-06-30", datetime(2027, 7, 1, tzinfo=EAT)),
    ],
)
def test_when_a_key_expires(text: str, until: datetime) -> None:
    assert _time(text, now=NOW) == until


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5d", "90", "2027-02-30", "30.6.2027", "9999-12-31", "٣d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidTime):
        _time(text, now=NOW)
