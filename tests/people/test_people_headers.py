"""What goes with every page of people: the content policy, the cookies, and nothing that is kept on the way."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Final

import pytest
from django.test import Client

from people.signing import member, sign_in, text, with_password
from support import KEYS, World

DOOR: Final = ("/sign-in/", "/sign-in/forgotten/", "/sign-in/password/x/")
SAYS: Final = """
from rufaa import settings as s
print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.LANGUAGE_COOKIE_SECURE, s.CSRF_TRUSTED_ORIGINS)
"""
OWN: Final = ("/account/", "/account/app/", "/account/passkeys/add/", "/work/")


@pytest.mark.parametrize("path", DOOR + OWN)
def test_the_policy_lets_nothing_in_that_is_not_ours(world: World, path: str) -> None:
    answer = (member("admin") if path in OWN else Client()).get(path)

    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer.headers["Cache-Control"]
    page = text(answer)
    assert re.findall(r"\sstyle=|\son\w+=|<style|javascript:", page) == []
    scripts = re.findall(r"<script([^>]*)>([^<]*)", page)
    assert [given for given, inside in scripts if inside.strip() and "application/json" not in given] == []


def test_the_session_is_nothing_that_a_script_can_read(world: World) -> None:
    with_password("admin")
    answer = sign_in(Client(), "admin")

    session = answer.cookies["sessionid"]
    assert (session["httponly"], session["samesite"], session["max-age"]) == (True, "Lax", 12 * 3600)


def test_who_signed_in_has_the_secret_of_forms_before_there_is_a_form(world: World) -> None:
    """Two pages that load at once, each with the first form, would bring a secret each, and one form be refused."""
    with_password("admin")
    assert sign_in(Client(), "admin").cookies["csrftoken"].value


@pytest.mark.parametrize(("public", "secure"), [("https://rufaa.example/at/home", True), ("http://localhost:1", False)])
def test_under_https_cookies_are_for_https_alone(public: str, secure: bool) -> None:
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            SAYS,
        ],
        env={"RUFAA_PUBLIC_URL": public, "RUFAA_SECRET_KEYS": KEYS[0], "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    origins = "['https://rufaa.example']" if secure else "[]"
    assert shown.stdout == f"{secure} {secure} {secure} {origins}\n"


def test_a_stale_form_is_told_so_in_the_houses_words(world: World) -> None:
    answer = Client(enforce_csrf_checks=True).post("/sign-in/", {"login": "admin", "password": "x"})

    assert answer.status_code == 403
    assert "This form was open for too long" in text(answer)
    assert "Nothing was changed." in text(answer)


def test_who_has_nothing_to_show_again_is_told_so(world: World) -> None:
    answer = member("admin").get("/sign-in/again/")

    assert answer.status_code == 403
    assert "This is not for you" in text(answer)
