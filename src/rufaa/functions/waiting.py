"""A call whose work is committed, and whose answer Daraja has to give first."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from rufaa.db.atomic import Tx
from rufaa.functions import documents, shapes
from rufaa.payments import queries as payments
from rufaa.payments.machine import PromptState


@dataclass(frozen=True, slots=True)
class Waiting:
    """``look`` gives the answer once there is one, ``at_last`` the one after the wait.

    It is nothing but what the answer is made of, so that it can be remembered, and asked again by another process.
    """

    referral: uuid.UUID
    prompt: uuid.UUID
    joined: bool

    def look(self, tx: Tx) -> shapes.PromptAnswer | None:
        row = payments.attempt(tx, self.prompt)
        if row.state in {PromptState.CREATED, PromptState.SENDING} and not row.held:
            return None
        return documents.sent(self.referral, row, joined=self.joined)

    def at_last(self, tx: Tx) -> shapes.PromptAnswer:
        return documents.sent(self.referral, payments.attempt(tx, self.prompt), joined=self.joined)

    def remembered(self) -> dict[str, object]:
        """As JSON."""
        return {"referral": self.referral.hex, "prompt": self.prompt.hex, "joined": self.joined}


def again(remembered: Mapping[str, object]) -> Waiting:
    """What ``remembered`` gave."""
    return Waiting(
        referral=uuid.UUID(str(remembered["referral"])),
        prompt=uuid.UUID(str(remembered["prompt"])),
        joined=bool(remembered["joined"]),
    )
