"""``rufaa sms addresses`` and ``try``: what the SMS gateway is told, and whether it takes a message."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, assert_never

import typer

from rufaa import ids, phone
from rufaa.cli.database import database
from rufaa.config import Config, config
from rufaa.errors import InvalidSetting

app = typer.Typer(help="The gateway that sends SMS (RUFAA_SMS_URL).", no_args_is_help=True)


@app.command("addresses")
def addresses() -> None:
    """Print the addresses to enter as callback URLs with Africa's Talking: delivery reports, incoming messages and
    opt-outs. They hold a secret: whoever has one can say that a message arrived."""
    with database():
        from rufaa.notices import arriving  # noqa: PLC0415 - needs Django set up

        ours = arriving.addresses(config().public_url, config().secret_keys)
    print(
        f"delivery reports    {ours.reports}\nincoming messages   {ours.incoming}\nopt-outs            {ours.opt_out}"
    )


@app.command("try")
def try_(to: Annotated[str, typer.Argument(metavar="PHONE", help="A phone that you hold.")]) -> None:
    """Send one SMS, and say what the gateway answered. Exits with 1 if it did not take it."""
    number = phone.parse(to, argument="PHONE")
    with database():
        sys.exit(asyncio.run(_send(config(), number)))


async def _send(now: Config, number: phone.Phone) -> int:
    from rufaa.daraja.client import new_session  # noqa: PLC0415 - slow to load
    from rufaa.db.aside import Aside  # noqa: PLC0415
    from rufaa.notices.gateways import Lost, Message, NotTaken, Refused, Taken, gateways  # noqa: PLC0415
    from rufaa.notices.machine import Channel  # noqa: PLC0415

    if now.sms is None:
        raise InvalidSetting("RUFAA_SMS_URL is not set: there is no gateway to try.")
    aside = Aside(threads=1, name="sms")
    async with new_session() as session:
        gateway = gateways(session, aside, sms=now.sms, mail_host=None)[Channel.SMS]
        outcome = await gateway.send(Message(ids.new_id().hex, Channel.SMS, number, "Rufaa: this SMS is a trial."))
    aside.close()
    match outcome:
        case Taken():
            print(f"taken: {outcome.gateway_id or 'without an id'} {outcome.cost}".rstrip())
            return 0
        case NotTaken():
            print(f"not taken: {outcome.why}")
        case Refused():
            print(f"refused: {outcome.why}")
        case Lost():
            print(f"no answer that can be read ({outcome.why}): it may have been taken")
        case never:
            assert_never(never)
    return 1
