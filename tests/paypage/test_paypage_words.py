"""Every sentence of the page has its Swahili, with the same places to fill; and those of money that goes back."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import translation

import rufaa.paypage
from paypage.links import link_of
from rufaa import errors
from rufaa.db.atomic import unit
from rufaa.money import Money
from rufaa.payments import queries
from rufaa.payments.passage import Move
from rufaa.payments.refund_machine import RefundEvent
from rufaa.paypage import limits, story, words
from rufaa.referrals import bearer
from support import RINGS, World, execute, value

HERE = Path(str(rufaa.paypage.__file__)).parent
SWAHILI = HERE / "locale" / "sw" / "LC_MESSAGES"
_MARKED = {"_", "gettext", "gettext_lazy"}
_PLACE = re.compile(r"%\((\w+)\)s")


def in_code(path: Path) -> Iterator[str]:
    """The texts that a module marks for translation."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text))]) if name in _MARKED:
                yield text


def in_template(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    yield from re.findall(r'{% translate "([^"]+)"', text)
    yield from re.findall(r'_\("([^"]+)"\)', text)
    for block in re.findall(r"{% blocktranslate %}(.*?){% endblocktranslate %}", text):
        yield re.sub(r"{{ (\w+) }}", r"%(\1)s", block)


TEXTS = sorted(
    {text for path in HERE.glob("*.py") for text in in_code(path)}
    | {text for path in HERE.glob("templates/paypage/*.html") for text in in_template(path)}
)


def catalog() -> gettext.GNUTranslations:
    with (SWAHILI / "django.mo").open("rb") as compiled:
        return gettext.GNUTranslations(compiled)


def test_there_are_texts() -> None:
    assert len(TEXTS) > 130


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_said_in_swahili_too(text: str) -> None:
    told = catalog().gettext(text)

    assert told != text or text == "Receipt (PDF)"
    assert sorted(_PLACE.findall(told)) == sorted(_PLACE.findall(text))


def test_what_is_compiled_is_what_is_written() -> None:
    written = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', (SWAHILI / "django.po").read_text(encoding="utf-8"), re.M)
    compiled = {key: text for key, text in catalog()._catalog.items() if key}  # type: ignore[attr-defined]

    assert dict(written) == compiled
    assert set(compiled) == set(TEXTS)


def test_no_sentence_is_django_s_by_chance() -> None:
    with translation.override("sw"):
        assert translation.gettext("Where is my money?") == "Pesa zangu ziko wapi?"
        assert translation.gettext("Paid on") == "Imelipwa tarehe"


def test_every_rule_has_words() -> None:
    rules = {rule.name for rule in vars(limits).values() if isinstance(rule, limits.Rule)}

    assert set(words.TOO_OFTEN) == rules


def test_a_refusal_without_words_of_its_own_says_that_nothing_was_sent() -> None:
    assert words.refusal(errors.InvalidArgument("whatever it was")) == "That cannot be done now. Nothing was sent."


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (RefundEvent.APPROVE, "Two people agreed to give KES 600 back."),
        (RefundEvent.ACCEPTED, "M-Pesa was told to give KES 600 back."),
        (RefundEvent.SUCCEEDED, "KES 600 was given back. M-Pesa receipt SKR1AB2CD3."),
        (RefundEvent.REJECTED, "M-Pesa did not give the money back. A person is looking."),
    ],
)
def test_money_that_goes_back_is_told(event: RefundEvent, text: str) -> None:
    number = "SKR1AB2CD3" if event is RefundEvent.SUCCEEDED else ""
    at = datetime(2026, 11, 28, tzinfo=UTC)
    move = Move(at, "refund", event, None, "254708374149", "", number, Money(60_000))

    (line,) = story.lines([move])

    assert line.text.replace("\u00a0", " ") == text
    assert line.good == (event is RefundEvent.SUCCEEDED)


def test_a_refunded_fee_was_given_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    link = link_of(world.waiting())
    execute("ALTER TABLE fee DISABLE TRIGGER USER")
    execute("UPDATE fee SET state = 'refunded', event = 'refund'")
    execute("ALTER TABLE fee ENABLE TRIGGER USER")

    assert "<h1>Your KES 1,000 was given back.</h1>" in link.source()
    assert "Pay Bill" not in link.text()


def test_a_till_has_no_account_number(world: World) -> None:
    execute("UPDATE mpesa_account SET kind = 'till', till_number = '567890'")
    text = link_of(world.waiting()).text()

    assert "Or pay by Buy Goods" in text
    assert "Till number 567890" in text
    assert "Account number" not in text
    assert "Show the M-Pesa message at the health facility." in text


def test_only_who_asked_here_is_the_patient_page() -> None:
    at = datetime(2026, 11, 28, tzinfo=UTC)
    for actor, text in [
        (bearer.ACTOR, "The phone 0708 *** 149 was asked for the money, from this page."),
        (None, "The facility asked the phone 0708 *** 149 for the money."),
    ]:
        move = Move(at, "prompt", "create", actor, RINGS, "", "", Money(100_000))
        assert story.text_of(move).replace("\u00a0", " ") == text


def test_the_newest_hundred_moves_are_enough(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.waiting()
    fee = value("SELECT id FROM fee")
    monkeypatch.setattr("rufaa.payments.passage.MOST", 0)

    assert unit(lambda tx: queries.attempts(tx, fee)) == []
    assert "Where is my money?" not in link_of(str(value("SELECT id FROM referral").hex)).text()
