"""What the owner of a phone said about messages to it. The newest word counts, by whichever way it came."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Final

from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.phone import Phone

_SQL: Final = sql.load(__file__, "wishes.sql")


class Said(StrEnum):
    """By which way."""

    SMS = "sms"  # STOP or START
    DESK = "desk"  # to somebody who works with the referral
    GATEWAY = "gateway"  # the operator lets nothing through any more


def wish(tx: Tx, phone: Phone, *, wants: bool, said: Said, actor: uuid.UUID | None = None) -> bool:
    """Note it; False where that stands there already."""
    tx.execute(_SQL["lock"], {"phone": phone})
    given = {"phone": phone, "wants": wants, "said": said.value, "actor": actor}
    return tx.execute(_SQL["wish"], given) > 0
