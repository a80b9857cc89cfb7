"""The page of one referral's audit: who may see it, what it says, and how it is paged."""

from __future__ import annotations

import uuid
from typing import Final

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from rufaa.appointments.machine import Event as Appointed
from rufaa.console.audit import CHANNELS, KINDS
from rufaa.facilities.models import User
from rufaa.referrals.machine import Event, Status
from rufaa.trail import Channel, Reading
from support import World, execute, referral_in, rows

BACKEND: Final = "allauth.account.auth_backends.AuthenticationBackend"


def get(world: World, who: str, referral: str, query: str = "") -> tuple[int, str]:
    client = Client()
    client.force_login(User.objects.get(pk=getattr(world, who).user), backend=BACKEND)
    answer = client.get(f"/referrals/{referral}/audit/{query}")
    return answer.status_code, answer.content.decode()


ALLOWED: Final = {
    "admin": 200,
    "second_admin": 200,
    "physician": 200,
    "receiver": 403,
    "receiving_admin": 200,
    "finance": 403,
    "operator": 404,
    "stranger": 404,
}


@pytest.mark.parametrize("who", ALLOWED)
def test_who_may_see_it(world: World, who: str) -> None:
    referral = referral_in(world, Status.PAID)

    status, page = get(world, who, referral)

    assert status == ALLOWED[who]
    assert ("Rufaa</strong> saw its money come" in page) is (status == 200)


@pytest.mark.parametrize("who", ["receiver", "receiving_admin"])
def test_before_its_release_the_receiving_facility_sees_nothing(world: World, who: str) -> None:
    assert get(world, who, world.waiting())[0] == 404


def test_a_physician_sees_that_of_own_referrals_alone(world: World) -> None:
    referral = world.referral(by=world.admin)

    assert get(world, "physician", referral)[0] == 404


@pytest.mark.parametrize("word", ["nothing", "0" * 32, "%00", "..", "x" * 300])
def test_of_no_referral_there_is_none(world: World, word: str) -> None:
    assert get(world, "admin", word)[0] == 404


def test_a_stranger_is_sent_to_sign_in(world: World) -> None:
    answer = Client().get(f"/referrals/{world.referral()}/audit/")

    assert answer.status_code == 302


def test_it_says_who_did_what_by_which_way(world: World) -> None:
    referral = world.approved()

    get(world, "admin", referral)
    _, page = get(world, "physician", referral)

    assert "<strong>Admin</strong> approved it" in page
    assert "<strong>Admin</strong> opened it" in page
    assert "on a page" in page
    assert "fracture" not in page


def test_it_can_be_narrowed(world: World) -> None:
    referral = world.approved()
    get(world, "admin", referral)

    read, written = get(world, "admin", referral, "?what=read")[1], get(world, "admin", referral, "?what=write")[1]

    assert ("opened it" in read, "approved it" in read) == (True, False)
    assert ("opened it" in written, "approved it" in written) == (False, True)


def test_long_ones_are_paged(world: World) -> None:
    referral = world.referral()
    execute(
        "INSERT INTO audit (kind, referral, actor, channel)"
        " SELECT 'referral.read', %(referral)s, %(who)s, 'page' FROM generate_series(1, 60)",
        referral=uuid.UUID(referral),
        who=world.second_admin.user,
    )

    first = get(world, "admin", referral)[1]
    after = first.partition("after=")[2].partition('"')[0]
    second = get(world, "admin", referral, f"?after={after}")[1]

    assert (first.count("</li>"), second.count("</li>")) == (50 + 3, 11 + 3)
    assert "made it" in second
    assert "after=" not in second


@pytest.mark.parametrize("query", ["?after=x", "?after=-1", "?after=99999999999999999999", "?what='", "?what=x&what="])
def test_a_strange_address_is_no_error(world: World, query: str) -> None:
    assert get(world, "admin", world.referral(), query)[0] == 200


def test_however_many_there_are_the_queries_are_as_many(world: World) -> None:
    referral = world.referral()

    def queries() -> int:
        get(world, "admin", referral)
        with CaptureQueriesContext(connection) as few:
            get(world, "admin", referral)
        return len(few)

    one = queries()
    execute(
        "INSERT INTO audit (kind, referral, actor, channel)"
        " SELECT 'referral.read', %(referral)s, %(who)s, 'page' FROM generate_series(1, 20)",
        referral=uuid.UUID(referral),
        who=world.second_admin.user,
    )

    assert queries() == one


def test_a_hostile_name_is_only_a_name(world: World) -> None:
    User.objects.filter(pk=world.admin.user).update(full_name="<script>alert(1)</script>")
    referral = world.approved()

    page = get(world, "physician", referral)[1]

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_every_kind_has_words() -> None:
    moves = {f"referral.{event}" for event in Event}
    written = {"medical.write", "particulars.write", "phones.write", "prompt.ask"}
    exempted = {"exemption.propose", "exemption.agree", "referral.release"}
    talked = {"comment.write", "attachment.add", "attachment.remove"}

    appointed = {f"appointment.{event}" for event in Appointed}

    assert set(KINDS) == moves | written | exempted | talked | appointed | set(Reading)
    assert set(CHANNELS) == set(Channel) - {Channel.SERVER}


@pytest.mark.parametrize("words", [KINDS, CHANNELS])
def test_every_kind_has_words_in_swahili(words: dict[str, str]) -> None:
    english = {key: str(word) for key, word in words.items()}
    with translation.override("sw"):
        assert [key for key, word in words.items() if str(word) == english[key]] == []


def test_in_swahili_it_is_swahili(world: World) -> None:
    referral = world.approved()
    client = Client(headers={"accept-language": "sw"})
    client.force_login(User.objects.get(pk=world.admin.user), backend=BACKEND)

    page = client.get(f"/referrals/{referral}/audit/").content.decode()

    assert '<html lang="sw">' in page
    assert "aliidhinisha" in page


def test_looking_at_the_audit_is_a_reading_too(world: World) -> None:
    referral = world.referral()

    get(world, "second_admin", referral)

    (row,) = rows("SELECT actor, place FROM audit WHERE kind = 'referral.read'")
    assert row == {"actor": world.second_admin.user, "place": "/referrals/<str:referral>/audit/"}
