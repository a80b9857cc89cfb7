"""``rufaa user add --invite``, ``invite``, ``switch-off`` and ``switch-on`` as an operator runs them."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from support import World, rows, value

LINK: Final = r"https://rufaa\.example/sign-in/password/[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{32}/\n"


@pytest.fixture
def rufaa(run: Any, database: str) -> Any:
    return lambda *arguments, **more: run(
        *arguments, DATABASE_URL=database, RUFAA_PUBLIC_URL="https://rufaa.example", **more
    )


def test_a_person_is_added_and_invited_in_one_command(world: World, rufaa: Any) -> None:
    added = rufaa("user", "add", "amina", "--email", "Amina@Uhuru.example", "--invite")

    assert added.returncode == 0, added.stderr
    assert re.fullmatch(r"[0-9a-f]{32}\n" + LINK, added.stdout)
    assert rows("SELECT email, is_active FROM rufaa_user WHERE username = 'amina'") == [
        {"email": "amina@uhuru.example", "is_active": True}
    ]
    assert re.fullmatch(LINK, rufaa("user", "invite", "amina").stdout)


def test_a_mail_server_that_is_away_is_said_and_the_person_is_there(world: World, rufaa: Any) -> None:
    mail = {"RUFAA_EMAIL_URL": "smtp://127.0.0.1:1", "RUFAA_EMAIL_FROM": "rufaa@uhuru.example"}
    added = rufaa("user", "add", "amina", "--email", "amina@uhuru.example", "--invite", **mail)

    assert added.returncode == 1
    assert "rufaa: The mail server did not take the e-mail. See RUFAA_EMAIL_URL.\n" in added.stderr
    assert value("SELECT count(*) FROM rufaa_user WHERE username = 'amina'") == 1


@pytest.mark.parametrize("email", ["amina", "a b@c.example", "a@b", "<a@b.example>", "a@b.example\n"])
def test_what_is_no_e_mail_address_is_refused(world: World, rufaa: Any, email: str) -> None:
    refused = rufaa("user", "add", "amina", "--email", email)

    assert (refused.returncode, refused.stderr) == (1, "rufaa: This is no e-mail address.\n")
    assert value("SELECT count(*) FROM rufaa_user WHERE username = 'amina'") == 0


def test_a_person_is_switched_off_and_on_again(world: World, rufaa: Any) -> None:
    off = rufaa("user", "switch-off", "admin")
    assert (off.returncode, off.stdout) == (0, "admin may no longer sign in. Sessions that ended: 0.\n")
    assert value("SELECT is_active FROM rufaa_user WHERE username = 'admin'") is False
    assert "There is nobody of this name" in rufaa("user", "invite", "admin").stderr
    assert "There is nobody of this name" in rufaa("token", "--user", "admin").stderr

    assert rufaa("user", "switch-on", "admin").stdout == "admin may sign in.\n"
    assert value("SELECT is_active FROM rufaa_user WHERE username = 'admin'") is True


@pytest.mark.parametrize("command", ["invite", "switch-off", "switch-on"])
def test_nobody_of_this_name(world: World, rufaa: Any, command: str) -> None:
    refused = rufaa("user", command, "nobody")

    assert (refused.returncode, refused.stderr) == (1, "rufaa: There is nobody of this name here.\n")


def test_a_facility_asks_for_a_second_factor_and_no_more(world: World, rufaa: Any) -> None:
    asks = "SELECT second_factor_required FROM facility WHERE name = 'Uhuru Health Centre'"

    assert rufaa("facility", "second-factor", "Uhuru Health Centre", "--required").stdout == (
        "Uhuru Health Centre: a second factor is required.\n"
    )
    assert value(asks) is True
    rufaa("facility", "second-factor", "Uhuru Health Centre", "--optional")
    assert value(asks) is False
    assert value("SELECT count(*) FROM facility WHERE second_factor_required") == 0
