"""The places and people of one seed: three facilities that refer to a hospital, two M-Pesa accounts, one of which takes
the fees of two payees, and phones."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from rufaa.daraja.client import AccountKind, Credentials, Environment
from rufaa.db.atomic import Tx
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import Facility, MpesaAccount
from rufaa.facilities.queries import Actor, actor_named
from rufaa.facilities.rights import Role
from rufaa.money import Money
from rufaa.simulator.config import (
    DEMO_INITIATOR_NAME,
    DEMO_INITIATOR_PASSWORD,
    DEMO_MERCHANT,
    Initiator,
    Merchant,
)
from simulation.network import SAFARICOM

KEYS: Final = ("a secret of the tests that is long enough",)
STORE: Final = Merchant(
    short_code="600984",
    consumer_key="store-key",
    consumer_secret="store-secret",
    passkey="store-passkey",
    name="RUFAA STORE",
    till_number="5500123",
    initiator=Initiator(DEMO_INITIATOR_NAME, DEMO_INITIATOR_PASSWORD),
)
MERCHANTS: Final = (DEMO_MERCHANT, STORE)
NOMINATED: Final = "254708374149"
_AMOUNTS: Final = (1000, 350, 1000)
_OF_THE_MISSION: Final = 2
"""The facility whose fees are the mission's, on the account of the first one's."""


@dataclass(frozen=True)
class House:
    """A facility that refers, and whoever works there."""

    facility: Facility
    account: MpesaAccount
    merchant: Merchant
    amount: Money
    clerk: Actor
    second: Actor


@dataclass(frozen=True)
class Town:
    houses: tuple[House, ...]
    hospital: Facility
    reception: Actor
    finance: tuple[tuple[Facility, Actor, Actor], ...]
    """By payee, two people each."""
    accounts: dict[uuid.UUID, str]
    """The short code of each account."""


def build(tx: Tx, *, certificate: str) -> Town:
    hospital = facilities.add_facility(tx, "Tumaini Referral Hospital")
    mission = facilities.add_facility(tx, "Amani Mission Laboratory")
    accounts = [
        facilities.keep_account(tx, _credentials(each, certificate), keys=KEYS, pushes_per_s=5, queries_per_min=120)
        for each in MERCHANTS
    ]

    def person(name: str, *roles: tuple[Facility, Role]) -> Actor:
        user = facilities.add_user(tx, name, full_name=name.title())
        for facility, role in roles:
            facilities.add_member(tx, user, facility, role)
        return actor_named(tx, name)

    houses = []
    for number, shillings in enumerate(_AMOUNTS):
        facility = facilities.add_facility(tx, f"Health Centre {number}")
        amount, account = Money.from_shillings(shillings), accounts[number % len(accounts)]
        merchant = MERCHANTS[number % len(accounts)]
        payee = mission if number == _OF_THE_MISSION else hospital
        facilities.set_price(tx, facility, amount=amount, payee=payee, account=account)
        clerk = person(f"clerk{number}", (facility, Role.ADMINISTRATOR))
        second = person(f"second{number}", (facility, Role.ADMINISTRATOR))
        houses.append(House(facility, account, merchant, amount, clerk, second))
    return Town(
        houses=tuple(houses),
        hospital=hospital,
        reception=person("reception", (hospital, Role.RECEPTION)),
        finance=tuple(
            (payee, *(person(name, (payee, Role.FINANCE)) for name in names))
            for payee, names in ((hospital, ("finance", "treasurer")), (mission, ("cashier", "bursar")))
        ),
        accounts={each.pk: each.short_code for each in accounts},
    )


def _credentials(merchant: Merchant, certificate: str) -> Credentials:
    return Credentials(
        environment=Environment.SIMULATOR,
        base_url=SAFARICOM,
        short_code=merchant.short_code,
        till_number=merchant.till_number,
        kind=AccountKind.PAYBILL if merchant.till_number is None else AccountKind.TILL,
        consumer_key=merchant.consumer_key,
        consumer_secret=merchant.consumer_secret,
        passkey=merchant.passkey,
        initiator_name=DEMO_INITIATOR_NAME,
        initiator_password=DEMO_INITIATOR_PASSWORD,
        certificate=certificate,
        nominated_number=NOMINATED,
    )


AUTOMATIC: Final = ("0000", "0000", "0000", "1032", "0001", "1037", "2001", "1019", "1025")


def phones(count: int) -> list[str]:
    """Phones whose owners answer, and up to 100, one in four, that answer by their number. Families share them."""
    automatic = [f"2547{number:02}00{AUTOMATIC[number % len(AUTOMATIC)]}" for number in range(min(count // 4, 100))]
    return automatic + [f"25410000{number:04}" for number in range(count - len(automatic))]
