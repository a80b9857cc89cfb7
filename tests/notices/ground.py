"""Facilities that tell, and a worker's round of it by hand."""

from __future__ import annotations

import asyncio
import json
import urllib.request
import uuid
from datetime import time
from typing import Any, Final

from rufaa.carriers import Sms, SmsKind
from rufaa.daraja.client import new_session
from rufaa.db.aside import Aside
from rufaa.db.atomic import unit
from rufaa.facilities.models import Facility
from rufaa.notices import operations
from rufaa.notices.gateways import gateways
from rufaa.notices.models import Mode
from rufaa.notices.sending import Notices
from rufaa.simulator.testing import RunningSimulator
from support import World, execute, rows

PUBLIC: Final = "https://rufaa.example.org"
PHONE: Final = "254708000321"
"""The patient's; nothing rings on it."""


def tells(world: World, *facilities: Facility, mode: str = Mode.UNLESS_REFUSED, **other: Any) -> None:
    """These facilities send messages, both if none is named; at any hour."""
    given: dict[str, Any] = {"language": "en", "quiet_from": time(0), "quiet_until": time(0), "silent": []} | other
    for each in facilities or (world.uhuru, world.tumaini):
        unit(lambda tx, each=each: operations.set_policy(tx, each, mode=mode, **given))  # type: ignore[misc]


def known_phone(referral: str, phone: str = PHONE, payer: str = "") -> None:
    execute(
        "UPDATE particulars SET phone = %(phone)s, payer_phone = %(payer)s FROM referral"
        " WHERE referral.particulars_id = particulars.id AND referral.id = %(id)s",
        phone=phone,
        payer=payer or phone,
        id=uuid.UUID(referral),
    )


def notices(referral: str) -> list[dict[str, Any]]:
    return rows("SELECT * FROM notice WHERE referral_id = %(id)s ORDER BY created_at, id", id=uuid.UUID(referral))


def states(referral: str) -> dict[str, str]:
    """Kind by kind, the last of its kind."""
    return {row["kind"]: row["state"] for row in notices(referral)}


def told(simulator: RunningSimulator, phone: str = PHONE) -> list[str]:
    """What the phone was told by us, oldest first."""
    return [each.text for each in reversed(simulator.messages(phone)) if each.sender != "MPESA"]


def handset(simulator: RunningSimulator) -> Sms:
    return Sms(SmsKind.HANDSET, simulator.url, "", "", "RUFAA")


def africas_talking(simulator: RunningSimulator) -> Sms:
    return Sms(SmsKind.AFRICAS_TALKING, simulator.url, "sandbox", "a key of the sandbox", "RUFAA")


def send(sms: Sms | None, *, rounds: int = 1) -> None:
    """The worker's rounds of telling."""

    async def go() -> None:
        aside = Aside(threads=2, name="notices")
        try:
            async with new_session() as session:
                found = gateways(session, aside, sms=sms, mail_host=None)
                notices = Notices(found, aside, public_url=PUBLIC)
                for _ in range(rounds):
                    while await notices.round() == 0.0:
                        pass
        finally:
            aside.close()

    asyncio.run(go())


def goes_wrong(simulator: RunningSimulator, *faults: str, **more: str) -> None:
    """What Africa's Talking does with the next messages, and where it tells of them."""
    body = json.dumps({"next": list(faults), **more}).encode()
    request = urllib.request.Request(f"{simulator.url}/control/sms", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
