"""Addresses that are not there, and a page that broke: said in the reader's language, nothing told of the inside."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import pytest
from django.test import Client

from desks import Desk
from rufaa.facilities.queries import Actor
from support import World

At = Callable[[Actor], Desk]


@pytest.mark.parametrize("path", ["/nothing/", "/referrals/a/b/c/", "/money/x/steal/"])
@pytest.mark.parametrize(("language", "words"), [("en", "Nothing is here"), ("sw", "Hakuna kitu hapa")])
def test_an_address_that_is_not_there_is_said_to_be_none(database: str, path: str, language: str, words: str) -> None:
    answer = Client(headers={"accept-language": language}).get(path)

    assert answer.status_code == 404
    assert words in answer.content.decode()
    assert f'<html lang="{language}">' in answer.content.decode()
    assert "'unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.parametrize(("language", "words"), [("en", "Something broke here"), ("sw", "Kuna kilichoharibika hapa")])
def test_a_page_that_breaks_says_so_and_no_more(world: World, desk: At, language: str, words: str) -> None:
    client = desk(world.admin).client
    client.raise_request_exception = False
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = language

    with mock.patch("rufaa.console.acting.entries", side_effect=RuntimeError("patient Wanjiku")):
        answer = client.get("/work/")

    assert answer.status_code == 500
    text = answer.content.decode()
    assert words in text
    assert "Wanjiku" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize(("language", "words"), [("en", "Work here"), ("sw", "Fanya kazi hapa")])
def test_the_front_door_speaks_both(database: str, language: str, words: str) -> None:
    assert words in Client(headers={"accept-language": language}).get("/").content.decode()
