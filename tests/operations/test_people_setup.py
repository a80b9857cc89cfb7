"""Setting up facilities, people, prices and the M-Pesa account: what is made once, and what saying it again changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from daraja.certificates import PASSWORD, certificate_of
from rufaa import ids
from rufaa.daraja.credentials import C2bVersion, PullMethod
from rufaa.db.atomic import unit
from rufaa.errors import InvalidArgument
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import Facility, Membership, MpesaAccount, Price, User
from rufaa.facilities.operations import InvalidName
from rufaa.facilities.rights import Role
from rufaa.money import Money
from rufaa.secret import seal, unseal
from support import KEYS, World, credentials, execute, rows, someone, value


def test_a_facility_is_made_once_whatever_the_spaces(world: World) -> None:
    again = unit(lambda tx: facilities.add_facility(tx, "  Uhuru   Health Centre "))

    assert again.pk == world.uhuru.pk
    assert Facility.objects.count() == 3


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_facility_needs_a_name(world: World, name: str) -> None:
    with pytest.raises(InvalidName) as refused:
        unit(lambda tx: facilities.add_facility(tx, name))
    assert (refused.value.code, refused.value.data) == ("invalid-name", {"argument": "name"})
    assert Facility.objects.count() == 3


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 151, "a\x00b", "admin\n"])
def test_a_persons_sign_in_name_is_plain(world: World, name: str) -> None:
    before = User.objects.count()
    with pytest.raises(InvalidName) as refused:
        unit(lambda tx: facilities.add_user(tx, name))
    assert refused.value.data == {"argument": "username"}
    assert User.objects.count() == before


def test_a_person_is_made_once_and_signs_in_by_token_only(world: World) -> None:
    first = unit(lambda tx: facilities.add_user(tx, "newcomer"))
    again = unit(lambda tx: facilities.add_user(tx, "newcomer", full_name="New Comer"))

    assert (again.pk, again.full_name) == (first.pk, "New Comer")
    assert not User.objects.get(pk=first.pk).has_usable_password()
    assert (again.is_superuser, again.is_staff) == (False, False)


def test_an_operator_is_made_one_and_never_unmade_by_saying_it_again(world: World) -> None:
    unit(lambda tx: facilities.add_user(tx, "admin", operator=True))
    unit(lambda tx: facilities.add_user(tx, "admin", full_name="Someone Else"))

    assert User.objects.get(username="admin").is_superuser is True
    assert someone("admin").is_operator is True
    assert someone("physician").is_operator is False


def test_a_membership_is_given_once_and_again_after_it_was_revoked(world: World) -> None:
    user = User.objects.get(username="physician")

    def give() -> None:
        unit(lambda tx: facilities.add_member(tx, user, world.uhuru, Role.PHYSICIAN))

    give()
    assert Membership.objects.filter(user=user).count() == 1
    execute("UPDATE membership SET revoked_at = rufaa_now() WHERE user_id = %(id)s", id=user.pk)
    assert someone("physician").memberships == frozenset()
    give()

    assert Membership.objects.filter(user=user).count() == 2
    assert someone("physician").memberships == {(world.uhuru.pk, Role.PHYSICIAN)}


def test_a_price_is_kept_once_for_each_pair(world: World) -> None:
    def price(shillings: int, **more: Any) -> None:
        unit(
            lambda tx: facilities.set_price(
                tx,
                world.uhuru,
                amount=Money.from_shillings(shillings),
                payee=world.tumaini,
                account=world.account,
                **more,
            )
        )

    price(1200)
    price(700, receiving=world.tumaini)
    price(800, receiving=world.tumaini)

    assert rows("SELECT receiving_id, amount_cents FROM price ORDER BY amount_cents") == [
        {"receiving_id": world.tumaini.pk, "amount_cents": 80_000},
        {"receiving_id": None, "amount_cents": 120_000},
    ]


@pytest.mark.parametrize("cents", [-100_000, 0, 99, 100_050, 25_000_001, 25_000_100])
def test_a_price_that_mpesa_cannot_move_is_refused(world: World, cents: int) -> None:
    with pytest.raises(InvalidArgument):
        unit(
            lambda tx: facilities.set_price(
                tx, world.uhuru, amount=Money(cents), payee=world.tumaini, account=world.account
            )
        )
    assert Price.objects.get().amount_cents == 100_000


def test_the_accounts_keys_are_sealed_and_read_back(world: World) -> None:
    account = MpesaAccount.objects.get()
    sealed = bytes(account.sealed_keys)

    assert facilities.credentials_of(account, keys=KEYS) == credentials("http://127.0.0.1:1")
    for secret in ("demo-passkey", "demo-secret"):
        assert secret.encode() not in sealed


def test_the_initiator_is_sealed_with_the_keys_and_goes_when_it_is_not_said_again(world: World) -> None:
    plain = credentials("http://127.0.0.1:1")
    given = replace(
        plain,
        initiator_name="testapi",
        initiator_password=PASSWORD,
        certificate=certificate_of(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        c2b_version=C2bVersion.V1,
        pull_method=PullMethod.GET,
        nominated_number="254708374149",
    )
    for said in (given, plain):
        unit(lambda tx, said=said: facilities.keep_account(tx, said, keys=KEYS, pushes_per_s=7, queries_per_min=8))
        account = MpesaAccount.objects.get()
        assert facilities.credentials_of(account, keys=KEYS) == said
        for hidden in (PASSWORD, "testapi", "254708374149"):
            assert hidden.encode() not in bytes(account.sealed_keys)


def test_three_sealed_keys_are_what_older_nodes_write_and_read(world: World) -> None:
    account = MpesaAccount.objects.get()
    context = f"mpesa-account:{ids.wire(account.pk)}"
    ours = json.loads(unseal(KEYS, bytes(account.sealed_keys), context=context))
    demo = credentials("http://127.0.0.1:1")

    assert ours == [demo.consumer_key, demo.consumer_secret, demo.passkey]
    account.sealed_keys = seal(KEYS, b'["an-older-key", "an-older-secret", "an-older-passkey"]', context=context)
    account.save()
    read = facilities.credentials_of(MpesaAccount.objects.get(), keys=KEYS)
    assert (read.consumer_key, read.consumer_secret, read.passkey) == (
        "an-older-key",
        "an-older-secret",
        "an-older-passkey",
    )
    assert (read.initiator_name, read.c2b_version, read.pull_method) == (None, C2bVersion.V2, PullMethod.POST)


def test_the_same_keys_said_again_keep_the_token_and_new_ones_end_it(world: World) -> None:
    def keep(**change: str) -> None:
        given = replace(credentials("http://127.0.0.1:1"), **change)  # type: ignore[arg-type]
        unit(lambda tx: facilities.keep_account(tx, given, keys=KEYS, pushes_per_s=7, queries_per_min=8))

    execute(
        "INSERT INTO mpesa_access (account_id, token_expires_at) VALUES (%(id)s, rufaa_now()) ON CONFLICT (account_id)"
        " DO UPDATE SET token_expires_at = rufaa_now()",
        id=world.account.pk,
    )

    keep()
    account = MpesaAccount.objects.get()
    assert facilities.credentials_of(account, keys=KEYS) == credentials("http://127.0.0.1:1")
    assert (account.pushes_per_s, account.queries_per_min) == (7, 8)
    assert value("SELECT token_expires_at IS NULL FROM mpesa_access") is False
    keep(passkey="another")
    assert facilities.credentials_of(MpesaAccount.objects.get(), keys=KEYS).passkey == "another"
    assert value("SELECT token_expires_at IS NULL FROM mpesa_access") is True
