"""Refusals are said in the language of the page, with the names that its forms and lists use."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from django.utils import translation

import rufaa
from desks import Desk
from rufaa import errors
from rufaa.console.templatetags import refusals
from rufaa.errors import InvalidArgument, sentence
from rufaa.facilities.queries import Actor
from rufaa.payments.machine import FeeState
from rufaa.referrals import machine
from rufaa.referrals.machine import Status
from support import World

At = Callable[[Actor], Desk]
ROOT: Final = Path(rufaa.__file__).parent
SAID: Final = (
    "appointments",
    "notices",
    "referrals",
    "talk",
    "payments",
    "facilities",
    "audit",
    "console",
    "signin",
    "money.py",
    "phone.py",
    "law.py",
)
NOT_FOR_PAGES: Final = {
    "api_keys.py",
    "links.py",
    "issuers.py",
    "tokens.py",
    "dispatch.py",
    "orders.py",
    "unassigned.py",
    "arriving.py",
    "gateways.py",
}
"""What commands, tokens and the worker are told."""
OF_COMMANDS: Final = {"UnknownAccount"}
OTHERWISE: Final = {*machine.IGNORED.values(), "free", "promised", "applied"}
"""What is put into a sentence, and is written elsewhere."""
OF_THE_PATIENTS_PAGE: Final = {"There is no page with this address."}
"""Drawn as the page for addresses that are not there."""
_PLACES: Final = re.compile(r"%\(\w+\)s")


def refusing() -> set[str]:
    """The names of what a refusal is made with, in all pages."""
    import_module("rufaa.urls")
    made, below = {"sentence"}, [errors.RufaaError]
    while below:
        kind = below.pop()
        made.add(kind.__name__)
        below.extend(kind.__subclasses__())
    return made - OF_COMMANDS


def sentences() -> Iterator[str]:
    """Every sentence that a page may be told, as it is written in the code."""
    names = refusing()
    for top in SAID:
        for path in [ROOT / top] if top.endswith(".py") else sorted((ROOT / top).rglob("*.py")):
            if path.name in NOT_FOR_PAGES or "migrations" in path.parts:
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
                if isinstance(call.func, ast.Name | ast.Attribute) and _name(call.func) in names:
                    yield from _texts(call.args[0])
                if isinstance(call.func, ast.Attribute) and ast.unparse(call.func) == "super().__init__":
                    yield from _texts(call.args[0])


def _name(called: ast.Name | ast.Attribute) -> str:
    return called.id if isinstance(called, ast.Name) else called.attr


def _texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one)
            yield from _texts(other)
        case ast.JoinedStr():
            raise AssertionError(f"an f-string cannot be translated: {ast.unparse(node)}")


@pytest.fixture(scope="module")
def swahili() -> Mapping[str, str]:
    with (ROOT / "locale/sw/LC_MESSAGES/django.mo").open("rb") as file:
        return {str(key): str(text) for key, text in gettext.GNUTranslations(file)._catalog.items() if key}  # type: ignore[attr-defined]


def test_every_sentence_that_a_page_may_be_told_is_translated_and_none_else(swahili: Mapping[str, str]) -> None:
    wanted = {*sentences(), *OTHERWISE} - OF_THE_PATIENTS_PAGE

    assert len(wanted) > 100
    assert sorted(wanted - set(swahili)) == []
    assert sorted(set(swahili) - wanted) == []


def test_translated_sentences_have_the_same_places(swahili: Mapping[str, str]) -> None:
    for text, translated in swahili.items():
        assert sorted(_PLACES.findall(text)) == sorted(_PLACES.findall(translated)), text


def test_what_was_compiled_is_what_was_written(swahili: Mapping[str, str]) -> None:
    written = (ROOT / "locale/sw/LC_MESSAGES/django.po").read_text(encoding="utf-8")
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', written, re.MULTILINE)

    assert {a.replace('\\"', '"'): b.replace('\\"', '"') for a, b in pairs} == swahili


def test_every_sentence_with_plainer_words_is_one_that_is_said() -> None:
    assert set(refusals.PLAINER) <= set(sentences())


def test_states_stand_in_it_by_their_names_on_the_page() -> None:
    moved = sentence("The fee is %(state)s already.", state=FeeState.PAID)

    with translation.override("en"):
        assert refusals.refusal(InvalidArgument(moved)) == "The fee is “Paid” already."
    assert moved == "The fee is paid already."  # as a program reads it


def test_a_sentence_in_a_sentence_and_a_list_are_translated_too() -> None:
    said = sentence(
        "%(why)s You can move it to: %(options)s.",
        why=sentence("You may not %(action)s this referral.", action=sentence("change the phones of")),
        options=[Status.PAID, Status.CANCELLED],
    )

    with translation.override("sw"):
        told = refusals.refusal(InvalidArgument(said))

    assert told == "Huruhusiwi kubadilisha simu za rufaa hii. Unaweza kuipeleka hadi: “Imelipwa”, “Imeghairiwa”."
    assert said == "You may not change the phones of this referral. You can move it to: paid, cancelled."


@pytest.mark.parametrize("typed", ["%", "%s", "%(name)s", "100 %d {0} {x}", ""])
def test_what_somebody_typed_stands_in_it_as_it_was_typed(typed: str) -> None:
    said = sentence("%(shown)s is not an amount: give whole shillings from %(least)s to %(most)s, as a number.",
                    shown=typed, least=1, most=2)  # fmt: skip

    with translation.override("sw"):
        assert refusals.refusal(InvalidArgument(said)).startswith(f"{typed} si kiasi")
        assert refusals.refusal(InvalidArgument(typed)) == typed


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Patient&#x27;s phone is not a Kenyan mobile number: write it as 0712345678"),
        ("sw", "Simu ya mgonjwa: hii si namba ya simu ya Kenya. Iandike hivi: 0712345678"),
    ],
)
def test_a_page_says_it_with_the_label_of_the_field(world: World, desk: At, language: str, words: str) -> None:
    referral = world.approved()
    admin = desk(world.admin)
    admin.client.defaults["HTTP_ACCEPT_LANGUAGE"] = language

    page = admin.client.post(f"/referrals/{referral}/particulars/", {"patientPhone": "12", "shown": "awaiting-biodata"})

    assert page.status_code == 422
    text = page.content.decode()
    assert text.count(words) == 2  # above the page, and at the field
    assert "patientPhone is" not in text
