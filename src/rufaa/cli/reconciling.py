"""What ``rufaa reconcile`` does: the worker's rounds once over.

What to ask is decided by ``payments.unsettled``, what the answers mean by settlement; nothing is decided here.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rufaa import secret
from rufaa.cli.reconcile_report import Able, report, would_ask
from rufaa.cli.work import HANDLERS
from rufaa.config import Config
from rufaa.daraja.client import Daraja, new_session
from rufaa.db.aside import Aside
from rufaa.db.atomic import look, unit
from rufaa.db.failpoints import Step
from rufaa.errors import RufaaError
from rufaa.facilities.models import MpesaAccount
from rufaa.facilities.operations import credentials_of
from rufaa.ingest.address import order_urls
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import dispatch, unsettled
from rufaa.payments.access import Accounts
from rufaa.payments.orders import Orders
from rufaa.payments.pulls import Pulls
from rufaa.payments.reconcile import Reconciler
from rufaa.payments.strays import Strays
from rufaa.payments.unsettled import Item, Now
from rufaa.referrals.operations import fees_paid

_LOOK_EVERY_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What to print, and what is left."""

    lines: Sequence[str]
    tasks: int
    left_open: int


def reconcile(config: Config, *, dry_run: bool, wait_s: float) -> Reconciled:
    """One pass, or with ``dry_run`` only a look. ``wait_s``: how long posted answers are waited for. Needs Django."""
    before = look(unsettled.now)
    able = _able(config)
    if dry_run:
        return _done(before, list(would_ask(before, able)))
    asked = [item for item in before.items if able.ask(item)]
    asyncio.run(_one_pass(config, asked, before, wait_s=wait_s))
    after = look(lambda tx: unsettled.now(tx, also=[item.id for item in before.items]))
    arrived = look(lambda tx: unsettled.arrived(tx, since=before.at))
    return _done(after, list(report(before, after, asked, able, arrived)))


def _done(now: Now, lines: list[str]) -> Reconciled:
    left = len(now.left_open) + now.reports
    if not lines:
        lines = ["There is no M-Pesa account, and nothing that could be asked about."]
    return Reconciled(lines, len(now.tasks), left)


def _able(config: Config) -> Able:
    def has_initiator(account: MpesaAccount) -> bool:
        try:
            return credentials_of(account, keys=config.secret_keys).initiator_name is not None
        except (secret.CannotUnseal, RufaaError, ValueError):  # 'rufaa doctor' says so
            return False

    accounts = look(lambda _: list(MpesaAccount.objects.all()))
    return Able(
        initiators=frozenset(account.pk for account in accounts if has_initiator(account)),
        answers=order_urls(config) is not None,
    )


# --- asking --------------------------------------------------------------------------------------------------------


async def _one_pass(config: Config, asked: Sequence[Item], before: Now, *, wait_s: float) -> None:
    aside = Aside(threads=4, name="reconcile")
    try:
        async with new_session() as session:
            daraja = Daraja(session)
            accounts = Accounts(daraja, aside, keys=config.secret_keys)
            reconciler = Reconciler(daraja, accounts, aside, hand_on=fees_paid)
            strays = Strays(daraja, accounts, aside)
            orders = Orders(daraja, accounts, aside, addresses=order_urls(config))
            pulls = Pulls(daraja, accounts, aside, hand_on=fees_paid)

            async def settle() -> None:
                while await aside.run(lambda: settle_inbox(HANDLERS)):
                    pass

            async def once_around() -> float | None:
                """One round of each; seconds until a rate lets more go."""
                waits = [await reconciler.round(), await strays.round()]
                await orders.ask()
                await pulls.round()
                return min((each for each in waits if each is not None), default=None)

            await aside.run(lambda: unit(dispatch.tidy, step=Step.DISPATCH_TIDY))
            await settle()
            await aside.run(lambda: unit(lambda tx: unsettled.make_due(tx, asked)))
            left = None
            while True:
                held_back_s = await once_around()
                remaining = await aside.run(lambda: look(lambda tx: unsettled.still_to_ask(tx, asked)))
                if not remaining:
                    break
                if held_back_s is not None:
                    print(f"rufaa: {remaining} still to ask, as fast as the rate allows.", file=sys.stderr)
                    await asyncio.sleep(min(max(held_back_s, _LOOK_EVERY_S), _LONGEST_PAUSE_S))
                elif remaining == left:  # another worker has them in its hands
                    await asyncio.sleep(_LOOK_EVERY_S)
                left = remaining
            until = asyncio.get_running_loop().time() + wait_s
            while True:
                await settle()
                waited_for = await aside.run(lambda: look(lambda tx: unsettled.unanswered(tx, since=before.at)))
                if not waited_for or asyncio.get_running_loop().time() >= until:
                    break
                await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        aside.close()
