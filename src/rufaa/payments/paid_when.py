"""Whether a payment that nobody has tied to a prompt can be the prompt's own: by its time, and by the phone it shows.

Settlement (``plan``) asks it of money that was told before the prompt's success, ``arrival_plan`` of money told after.
Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from rufaa.payments.machine import GIVE_UP_ASKING_S, PROMPT_LIFE_S

CLOCKS_APART: Final = timedelta(minutes=5)
"""How far M-Pesa's clock and ours may be apart before a payment is no longer taken for a prompt's."""
CLOCKS_ALIKE: Final = timedelta(minutes=1)
"""So much alone is put down to the clocks where money of before a prompt has been used for something else: were it
taken wrongly, the fee of who paid would stay open."""
_ASKED_ABOUT: Final = timedelta(seconds=GIVE_UP_ASKING_S)
LATEST: Final = timedelta(seconds=PROMPT_LIFE_S) + CLOCKS_APART
"""So long after a prompt was sent its payment may be dated, at most, where nothing else tells whose it is."""


def out_of_life(paid_at: datetime, sent_at: datetime, *, doubt: timedelta = timedelta(0)) -> timedelta:
    """How far a payment lies outside the time in which a prompt can be paid (daraja.md §12); zero within it."""
    after = paid_at - sent_at
    off = max(-after, after - timedelta(seconds=PROMPT_LIFE_S))
    return max(off - doubt, timedelta(0))


def latest(*, referenced: bool, noticed: bool) -> timedelta | None:
    """How long after a prompt's life a payment of its amount and phone is still taken for the prompt's own; None: ever.

    To take it wrongly is set right when the number of the prompt's own payment comes, while a receipt too many stays in
    the books. So it is taken as long as that number will come: ``referenced`` by the fee's code, or at least
    ``noticed`` by C2B or Pull, which tell of every payment of an account. Without code not for ever: a masked phone is
    that of others too.
    """
    if referenced:
        return None
    return _ASKED_ABOUT if noticed else timedelta(0)


def can_be_of(paid_at: datetime, sent_at: datetime, *, doubt: timedelta, how_late: timedelta | None) -> bool:
    """Whether a payment can have been made by a prompt that was sent then."""
    if paid_at < sent_at:
        return out_of_life(paid_at, sent_at, doubt=doubt) <= CLOCKS_APART
    return how_late is None or out_of_life(paid_at, sent_at, doubt=doubt) <= CLOCKS_APART + how_late


def life(sent_at: datetime) -> tuple[datetime, datetime]:
    """From when to when money that has been used for something else can be of a prompt that was sent then."""
    return sent_at - CLOCKS_ALIKE, sent_at + LATEST


def shows_somebody(phone_shown: str | None) -> bool:
    """Whether a phone as it is shown tells one payer from another; a wholly masked one agrees with everybody."""
    return phone_shown is not None and any(letter.isalnum() for letter in phone_shown)
