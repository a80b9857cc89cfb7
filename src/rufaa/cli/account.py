"""``rufaa account``: the M-Pesa accounts that money goes to; hold their prompts, register them at Safaricom."""

from __future__ import annotations

import asyncio
import getpass
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rufaa import secret
from rufaa.cli.database import database
from rufaa.config import Config
from rufaa.daraja.client import Daraja, Timeouts, new_session
from rufaa.errors import Kind, RufaaError

if TYPE_CHECKING:
    from rufaa.cli.registering import Registrar, Told
    from rufaa.facilities.models import MpesaAccount
    from rufaa.payments.hold import Hold

app = typer.Typer(
    help="M-Pesa accounts: what they have, holding their prompts, registering them.", no_args_is_help=True
)

ShortCode = Annotated[str, typer.Argument(help="The account's short code.")]
Till = Annotated[str | None, typer.Option(help="Its till, where several share the short code.")]
Where = Annotated[str | None, typer.Option(help="production, sandbox or simulator, where it is in several.")]
By = Annotated[str | None, typer.Option(help="Who does it. Default: the name of this machine's account.")]


class NotRegistered(RufaaError):
    """Safaricom did not register the account, or not certainly."""

    kind = Kind.UNAVAILABLE
    code = "registration-failed"


class NoCallbacks(RufaaError):
    """``MPESA_CALLBACKS=none``: there is no address of ours to register."""

    kind = Kind.CONFLICT
    code = "no-callbacks"


# --- looking, holding, releasing -------------------------------------------------------------------------------------


@app.command("list")
def list_() -> None:
    """List the accounts: kind, environment, whether prompts go out, what they have, what is registered."""
    with database() as config:
        from rufaa.db.atomic import Tx, look  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.models import MpesaAccount  # noqa: PLC0415
        from rufaa.payments.hold import held_now  # noqa: PLC0415

        def read(tx: Tx) -> tuple[list[MpesaAccount], dict[uuid.UUID, Hold]]:
            return list(MpesaAccount.objects.order_by("created_at", "id")), held_now(tx)

        accounts, held = look(read)
        if not accounts:
            print("There is no M-Pesa account: set the MPESA_* settings and run 'rufaa migrate'.")
        for account in accounts:
            print("\n".join(_described(account, held.get(account.pk), config)))


@app.command("hold")
def hold(
    short_code: ShortCode,
    reason: Annotated[str, typer.Option(help="Why: it is kept, and shown to whoever looks.")],
    by: By = None,
    till: Till = None,
    environment: Where = None,
) -> None:
    """Send no prompts of this account until it is released. People are told to pay by paybill; all else goes on."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.payments import hold as switch  # noqa: PLC0415

        account = _named(short_code, till, environment)
        waiting = unit(lambda tx: switch.hold(tx, account.pk, reason=reason, by=by or somebody()))
    print(f"No prompts of {short_code} are sent from now on. Waiting: {waiting}, each for half an hour at most.")


@app.command("release")
def release(short_code: ShortCode, by: By = None, till: Till = None, environment: Where = None) -> None:
    """Let the prompts of this account go out again, what waited one by one at the account's rate."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.payments import hold as switch  # noqa: PLC0415

        account = _named(short_code, till, environment)
        waiting = unit(lambda tx: switch.release(tx, account.pk, by=by or somebody()))
    print(f"Prompts of {short_code} are sent again. Waiting: {waiting}, and they go out one by one.")


# --- registering -----------------------------------------------------------------------------------------------------


@app.command("register-c2b")
def register_c2b(short_code: ShortCode, till: Till = None, environment: Where = None) -> None:
    """Tell Safaricom where to post each payment to this account. In production once and for all. Exit status 1 where
    it was not registered."""
    with database() as config:
        account = _named(short_code, till, environment)
        _say(with_registrar(config, lambda registrar: c2b(registrar, account.pk, config)))


@app.command("register-pull")
def register_pull(short_code: ShortCode, till: Till = None, environment: Where = None) -> None:
    """Let missed payments to this account be pulled: needs MPESA_NOMINATED_NUMBER. Exit status 1 where it was not
    registered."""
    with database() as config:
        account = _named(short_code, till, environment)
        _say(with_registrar(config, lambda registrar: pull(registrar, account.pk, config)))


@app.command("forget-registration")
def forget_registration(short_code: ShortCode, till: Till = None, environment: Where = None) -> None:
    """Note that the M-Pesa portal has taken the registrations of this account away. Safaricom is not asked; what it
    tells all the same is taken in."""
    with database():
        from rufaa.cli.registering import forget  # noqa: PLC0415 - needs Django set up
        from rufaa.db.atomic import unit  # noqa: PLC0415

        account = _named(short_code, till, environment)
        unit(lambda tx: forget(tx, account.pk))
    print(f"{short_code} is noted as not registered, for C2B and for Pull, which is not asked any more.")


def with_registrar(
    config: Config, work: Callable[[Registrar], Awaitable[Told]], *, timeouts: Timeouts | None = None
) -> Told:
    """Do ``work`` over a Daraja client of its own. Needs Django set up."""
    from rufaa.cli.registering import Registrar  # noqa: PLC0415
    from rufaa.db.aside import Aside  # noqa: PLC0415 - needs Django set up
    from rufaa.payments.access import Accounts  # noqa: PLC0415

    async def main() -> Told:
        aside = Aside(threads=2, name="registering")
        try:
            async with new_session() as session:
                daraja = Daraja(session, timeouts=timeouts)
                return await work(Registrar(daraja, Accounts(daraja, aside, keys=config.secret_keys), aside))
        finally:
            aside.close()

    return asyncio.run(main())


async def c2b(registrar: Registrar, account: uuid.UUID, config: Config) -> Told:
    """Register the C2B addresses of the settings. Raises ``NoCallbacks``."""
    from rufaa.ingest.address import account_urls  # noqa: PLC0415 - needs Django set up

    urls = account_urls(config)
    if urls is None:
        raise NoCallbacks(
            "MPESA_CALLBACKS=none: there is no address of ours that could be registered. Take the setting away first."
        )
    here = urls(account)
    return await registrar.c2b(
        account,
        public_url=config.public_url,
        confirmation_url=here.confirmation,
        validation_url=here.validation,
    )


async def pull(registrar: Registrar, account: uuid.UUID, config: Config) -> Told:
    """Register for Pull. Its callback address, of which nothing is known to come, is the one of C2B."""
    from rufaa.ingest.address import NOWHERE, account_urls  # noqa: PLC0415 - needs Django set up

    urls = account_urls(config)
    return await registrar.pull(account, callback_url=NOWHERE if urls is None else urls(account).confirmation)


def _say(told: Told) -> None:
    if not told.registered:
        raise NotRegistered(told.words)
    print(told.words)


# --- shared ----------------------------------------------------------------------------------------------------------


def _named(short_code: str, till: str | None, environment: str | None) -> MpesaAccount:
    from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up
    from rufaa.facilities.queries import account_named  # noqa: PLC0415

    return look(lambda _: account_named(short_code, till=till, environment=environment))


def somebody() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's account may have no name
        return "an operator"


_MINUTES: Final = "%Y-%m-%d %H:%M UTC"


def _described(account: MpesaAccount, held: Hold | None, config: Config) -> list[str]:
    till = f", till {account.till_number}" if account.till_number else ""
    prompts = "go out" if held is None else f"ON HOLD since {held.held_at:{_MINUTES}} by {held.by}: {held.reason}"
    c2b_at, pull_at = account.c2b_registered_at, account.pull_registered_at
    registered = "not registered" if c2b_at is None else f"registered {c2b_at:{_MINUTES}} for {account.c2b_urls_for}"
    return [
        f"{account.short_code}{till}  {account.kind}, {account.environment}",
        f"  prompts  {prompts}",
        f"  has      {_has(account, config)}",
        f"  C2B      {registered}",
        f"  Pull     {'not registered' if pull_at is None else f'registered {pull_at:{_MINUTES}}'}",
    ]


def _has(account: MpesaAccount, config: Config) -> str:
    from rufaa.facilities.operations import credentials_of  # noqa: PLC0415 - needs Django set up

    try:
        credentials = credentials_of(account, keys=config.secret_keys)
    except (secret.CannotUnseal, RufaaError, ValueError):
        return "keys that cannot be read here: see rufaa doctor"
    initiator = "an initiator" if credentials.initiator_name is not None else "no initiator"
    number = "a nominated number" if credentials.nominated_number is not None else "no nominated number"
    return f"{initiator}, {number}"
