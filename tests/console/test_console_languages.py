"""Swahili is complete, in step with what was compiled, and has the same places for names and numbers."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

import rufaa
from desks import Desk
from rufaa.console import words
from rufaa.daraja import codes
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.payments.machine import FeeState
from rufaa.referrals.machine import Priority, Status
from support import World

At = Callable[[Actor], Desk]
ROOT: Final = Path(rufaa.__file__).parent
APPS: Final = {"console": 50, "referrals": 50, "talk": 25, "appointments": 15, "notices": 30}
"""With how many texts each has at least."""
_PLACES: Final = re.compile(r"%\(\w+\)s|\{\w+\}")
_TAG: Final = re.compile(r'{% translate "((?:[^"\\]|\\.)*)"')
_BLOCK: Final = re.compile(r"{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}", re.DOTALL)


def catalogue(app: str) -> dict[str, str]:
    """What was compiled, which is what is read."""
    with (ROOT / app / "locale/sw/LC_MESSAGES/django.mo").open("rb") as file:
        return {str(key): str(text) for key, text in gettext.GNUTranslations(file)._catalog.items() if key}  # type: ignore[attr-defined]


def marked(app: str) -> Iterator[str]:
    """Every text of an app that is to be translated."""
    for path in (ROOT / app).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        yield from _TAG.findall(text)
        yield from (re.sub(r"{{ *(\w+) *}}", r"%(\1)s", each) for each in _BLOCK.findall(text))
    for path in (ROOT / app).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                named = node.func.id in {"_", "gettext", "gettext_lazy", "gettext_noop"}
                if named and isinstance(node.args[0], ast.Constant):
                    yield str(node.args[0].value)


@pytest.mark.parametrize("app", APPS)
def test_every_text_is_translated(app: str) -> None:
    known, wanted = catalogue(app), set(marked(app))

    assert len(wanted) > APPS[app]
    assert sorted(wanted - set(known)) == []
    assert [each for each, text in known.items() if not text.strip()] == []


@pytest.mark.parametrize("app", APPS)
def test_translations_have_the_same_places(app: str) -> None:
    for text, translated in catalogue(app).items():
        assert sorted(_PLACES.findall(text)) == sorted(_PLACES.findall(translated)), text


@pytest.mark.parametrize("app", APPS)
def test_what_was_compiled_is_what_was_written(app: str) -> None:
    written = (ROOT / app / "locale/sw/LC_MESSAGES/django.po").read_text(encoding="utf-8")
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', written, re.MULTILINE)

    assert {a.replace('\\"', '"'): b.replace('\\"', '"') for a, b in pairs} == catalogue(app)
    assert "fuzzy" not in written


def test_everything_that_m_pesa_says_has_its_words() -> None:
    assert {codes.in_plain_words(code) for code in codes.KNOWN_CODES} <= set(words._SAID)


def test_every_status_priority_fee_and_role_has_its_words() -> None:
    assert set(words.STATUS) == set(words.LOOKS) == set(words.WAITS_FOR) == set(Status)
    assert set(words.PRIORITY) == set(Priority)
    assert set(words.FEE) == set(FeeState)
    assert set(words.ROLE) == set(Role)


def test_pages_speak_swahili_to_who_wants_it(world: World, desk: At) -> None:
    referral, prompt = world.prompted()
    admin = desk(world.admin)
    admin.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "sw"
    assert prompt

    page = admin.text(f"/referrals/{referral}/")

    assert '<html lang="sw">' in page
    assert "Ghairi rufaa hii" in page
    assert "Ombi liko njiani. Simu isipoita karibuni" in page
    assert "Rufaa iliidhinishwa." in page
    assert "Ombi la 1 kwa 0708 374 149 liliagizwa." in page
    assert "Rufaa mpya" in admin.text("/work/")
    assert "Jina la mgonjwa" in admin.text("/referrals/new/")
