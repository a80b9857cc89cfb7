"""Pages of signing in, in Swahili: nothing English is left on them, and what is compiled is what was written."""

from __future__ import annotations

import gettext
import re
from html import unescape
from pathlib import Path
from typing import Final

import pytest
from django.test import Client
from django.utils import translation

import rufaa
from people.signing import sign_in, text, with_password
from support import World, execute

FOLDER: Final = Path(rufaa.__file__).parent / "signin" / "locale" / "sw" / "LC_MESSAGES"
PAGES: Final = ("/account/", "/account/app/", "/account/passkeys/add/", "/account/codes/new/", "/sign-in/again/")


def catalog() -> dict[str, str]:
    """English to Swahili, as compiled."""
    with (FOLDER / "django.mo").open("rb") as file:
        found = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {(key[0] if isinstance(key, tuple) else key): said for key, said in found.items() if key}


def written() -> list[tuple[str, str]]:
    """English and Swahili of each entry of one sentence, as written."""
    source = (FOLDER / "django.po").read_text(encoding="utf-8")
    joined = re.sub(r'"\n"', "", source)
    return re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', joined, re.MULTILINE)


def in_swahili(client: Client) -> Client:
    client.post("/sign-in/language/", {"language": "sw"})
    return client


def english_on(page: str) -> set[str]:
    """What stands on a page between tags, and is the English of something."""
    shown = {" ".join(unescape(each).split()) for each in re.findall(r">([^<>]+)<", page)}
    return shown & {english for english in catalog() if english not in set(catalog().values())}


def test_everything_is_translated_and_compiled() -> None:
    entries = written()

    assert len(entries) > 100
    assert [english for english, swahili in entries if not swahili] == []
    compiled = catalog()
    for english, swahili in entries:
        assert compiled[english.replace("\\n", "\n")] == swahili.replace("\\n", "\n")
        assert sorted(re.findall(r"%\(\w+\)[sd]", english)) == sorted(re.findall(r"%\(\w+\)[sd]", swahili))


def test_no_other_part_says_it_otherwise() -> None:
    """Django takes the first part that knows a sentence."""
    with translation.override("sw"):
        assert [
            english
            for english, swahili in written()
            if translation.gettext(english.replace("\\n", "\n")) != swahili.replace("\\n", "\n")
        ] == []


@pytest.mark.parametrize("path", ["/sign-in/", "/sign-in/forgotten/", "/sign-in/password/x/"])
def test_a_stranger_reads_swahili(world: World, path: str) -> None:
    page = text(in_swahili(Client()).get(path))

    assert '<html lang="sw">' in page
    assert english_on(page) <= {"Physician", "Finance"}  # so are people of this world called


def test_a_browser_that_asks_for_swahili_gets_it(world: World) -> None:
    assert "<h1>Ingia</h1>" in text(Client().get("/sign-in/", headers={"accept-language": "sw-KE,sw;q=0.9"}))


@pytest.mark.parametrize("path", PAGES)
def test_a_member_reads_swahili(world: World, path: str) -> None:
    with_password("admin")
    client = in_swahili(Client())
    sign_in(client, "admin")

    page = text(client.get(path))

    assert '<html lang="sw">' in page
    assert english_on(page) <= {"Work", "New referral", "Facility", "Money"}  # the bar is the console's


def test_what_is_refused_is_said_in_swahili(world: World) -> None:
    with_password("admin")
    client = in_swahili(Client())

    assert "Jina hili na nenosiri hili havilingani." in text(sign_in(client, "admin", "wrong"))
    for _ in range(3):
        sign_in(client, "admin", "wrong")
    assert "Subiri dakika 15, kisha ujaribu tena." in text(sign_in(client, "admin", "wrong"))


def test_the_look_for_english_finds_it(world: World) -> None:
    execute("UPDATE rufaa_user SET language = ''")
    assert "Sign in" in english_on(text(Client().get("/sign-in/")))
