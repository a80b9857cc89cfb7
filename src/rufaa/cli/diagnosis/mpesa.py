"""The M-Pesa accounts, of the settings and stored: their keys, their token, and what a phone will show.

No key and no token is ever part of a finding.
"""

from __future__ import annotations

import asyncio
import http.client
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rufaa import ids, secret
from rufaa.cli.diagnosis import clocks
from rufaa.cli.diagnosis.finding import Finding, not_checked, ok, problem, span, warning
from rufaa.config import Callbacks, Config, Mode
from rufaa.daraja.client import Daraja, Timeouts, new_session
from rufaa.daraja.credentials import AccountKind, Credentials, Environment, InvalidCredentials, is_sandbox_passkey
from rufaa.daraja.messages import MAX_ACCOUNT_REFERENCE
from rufaa.daraja.settings import SETTING_NAMES, credentials_from
from rufaa.daraja.tokens import TokenUnavailable
from rufaa.db import sql
from rufaa.money import MAX_SHILLINGS, Money

if TYPE_CHECKING:
    from rufaa.facilities.models import MpesaAccount

_SQL: Final = sql.load(__file__, "mpesa.sql")
_TIMEOUTS: Final = Timeouts(connect_s=3, total_s=8)
_PASSKEY: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_TEXT: Final = 182  # characters of the whole prompt, or it does not ring (daraja.md §3)


@dataclass(frozen=True, slots=True)
class Account:
    """``stored`` is None for the settings' account where it is not in the database yet."""

    credentials: Credentials
    stored: uuid.UUID | None

    @property
    def name(self) -> str:
        account = self.credentials
        till = f", till {account.till_number}" if account.till_number else ""
        return f"{account.kind.capitalize()} {account.short_code}{till} ({account.environment})"


# --- the settings ----------------------------------------------------------------------------------------------------


def of_settings(environ: Mapping[str, str]) -> tuple[Credentials | None, list[Finding]]:
    """The account of the ``MPESA_*`` settings; None where there is none, or none that can be used."""
    found = _quoted(environ)
    try:
        account = credentials_from(environ)
    except InvalidCredentials as error:
        do = "Correct the MPESA_* settings (docs/reference/settings.md)."
        return None, [*found, *(problem("mpesa-settings", f"{_sentence(each)}.", do) for each in error.problems)]
    if account is None:
        return None, [*found, ok("mpesa-settings", "No MPESA_* settings are given here.")]
    return account, [*found, ok("mpesa-settings", "The MPESA_* settings are complete and well formed.")]


def _quoted(environ: Mapping[str, str]) -> list[Finding]:
    """Files of settings for containers and services keep quotation marks as part of the value."""
    return [
        problem(
            "mpesa-settings", f"{name} begins with a quotation mark, which is then part of it.", "Take the marks away."
        )
        for name in SETTING_NAMES
        if environ.get(name, "").strip()[:1] in {'"', "'"}
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- what is stored --------------------------------------------------------------------------------------------------


def stored(keys: tuple[str, ...], given: Credentials | None) -> tuple[list[Account], list[Finding]]:
    """The accounts that can be used: those of the database, and the settings' one where it is not there yet.

    Needs Django set up, and the tables.
    """
    from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
    from rufaa.facilities.models import MpesaAccount, Price  # noqa: PLC0415
    from rufaa.facilities.operations import credentials_of  # noqa: PLC0415

    rows = unit(lambda _: list(MpesaAccount.objects.order_by("created_at", "id")))
    priced = unit(lambda _: set(Price.objects.values_list("account_id", flat=True)))
    accounts, found = list[Account](), list[Finding]()
    here: Account | None = None
    for row in rows:
        title = f"{row.kind.capitalize()} {row.short_code} ({row.environment})"
        try:
            credentials = credentials_of(row, keys=keys)
        except secret.CannotUnseal:
            do = "Add the key that they were stored under to RUFAA_SECRET_KEYS, or restore secret.key from a backup."
            found.append(problem("mpesa-keys", f"No secret key that is set opens the stored keys of {title}.", do))
            continue
        except (InvalidCredentials, ValueError) as error:
            why = error.message if isinstance(error, InvalidCredentials) else "They cannot be read."
            found.append(problem("mpesa-keys", f"The stored keys of {title} cannot be used. {why}", _STORE_AGAIN))
            continue
        account = Account(credentials, row.pk)
        if given is not None and _same_account(given, credentials):
            here = account
        elif row.pk not in priced:
            found.append(ok("mpesa-keys", f"{title} is stored, and no price leads to it."))
            continue
        accounts.append(account)
        found.append(_opened(row, keys, title))
    if given is not None and here is None:
        accounts.append(Account(given, None))
        found.append(warning("mpesa-stored", "The account of the settings is not stored yet.", _STORE_AGAIN))
    elif given is not None and here is not None and given != here.credentials:
        found.append(warning("mpesa-stored", "The settings differ from the stored account.", _STORE_AGAIN))
    elif given is not None:
        found.append(ok("mpesa-stored", "The account of the settings is stored as it is set."))
    return accounts, found


_STORE_AGAIN: Final = "Start the server again, or run: rufaa migrate"


def _same_account(one: Credentials, other: Credentials) -> bool:
    return (one.environment, one.short_code, one.till_number) == (
        other.environment,
        other.short_code,
        other.till_number,
    )


def _opened(row: MpesaAccount, keys: tuple[str, ...], title: str) -> Finding:
    from rufaa.facilities.operations import credentials_of  # noqa: PLC0415 - needs Django set up

    try:
        credentials_of(row, keys=keys[:1])
    except secret.CannotUnseal:
        return warning(
            "mpesa-keys",
            f"The stored keys of {title} are opened by an older secret key.",
            "Run 'rufaa migrate' with this account's MPESA_* settings before you take the older key away.",
        )
    return ok("mpesa-keys", f"The stored keys of {title} are opened by the first secret key.")


# --- held, registered ------------------------------------------------------------------------------------------------


def standing(accounts: Sequence[Account], config: Config) -> list[Finding]:
    """Whether prompts of the stored accounts go out, and whether Safaricom tells of payments to them.

    Needs Django set up, and the tables.
    """
    from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up

    stored_ones = {account.stored: account for account in accounts if account.stored is not None}
    rows = look(lambda tx: tx.rows(_SQL["standing"], {"accounts": sorted(stored_ones)}))
    found: list[Finding] = []
    for row in rows:
        account = stored_ones[row["id"]]
        found += [_held(account, row), _c2b(account, row, config), _pull(account, row)]
    return found


def _held(account: Account, row: Mapping[str, Any]) -> Finding:
    if row["reason"] is None:
        return ok("account-held", f"{account.name}: prompts go out.")
    return warning(
        "account-held",
        f"{account.name}: prompts are on hold since {span(row['held_s'])}, by {row['held_by']}: {row['reason']}."
        f" Waiting: {row['waiting']}, each for half an hour at most.",
        f"When they may go out again: rufaa account release {account.credentials.short_code}",
    )


def _c2b(account: Account, row: Mapping[str, Any], config: Config) -> Finding:
    command = f"rufaa account register-c2b {account.credentials.short_code}"
    if config.callbacks is Callbacks.NONE:
        return ok("c2b-registered", f"{account.name}: MPESA_CALLBACKS=none, so that nothing can be registered.")
    if row["shared"]:
        return _of_a_shared_code("c2b-registered", account, registered=bool(row["c2b_urls_for"]) or row["told"])
    if row["c2b_registered_at"] is None:
        if row["told"]:
            return ok("c2b-registered", f"{account.name}: Safaricom tells here of payments made by hand.")
        return warning(
            "c2b-registered",
            f"{account.name}: C2B is not registered, so a payment made by hand is not noticed as it comes.",
            f"Run: {command}",
        )
    if row["c2b_urls_for"] != config.public_url:
        return warning(
            "c2b-registered",
            f"{account.name}: payments are told of at {row['c2b_urls_for']}; RUFAA_PUBLIC_URL is {config.public_url}.",
            f"Let the old address lead here, too; or have it removed on the M-Pesa portal, and run: {command}",
        )
    return ok("c2b-registered", f"{account.name}: payments made by hand are told of at {config.public_url}.")


def _pull(account: Account, row: Mapping[str, Any]) -> Finding:
    if row["shared"]:
        return _of_a_shared_code("pull-registered", account, registered=row["pull_registered_at"] is not None)
    if row["pull_registered_at"] is not None:
        return ok("pull-registered", f"{account.name}: payments whose notice was lost can be pulled.")
    do = f"rufaa account register-pull {account.credentials.short_code}"
    told = f"{account.name}: Pull is not registered, so a payment whose notice was lost is not found by itself."
    if account.credentials.nominated_number is None:
        do = f"Set MPESA_NOMINATED_NUMBER, the phone that the organisation registered, and run: rufaa migrate; {do}"
        return warning("pull-registered", told, do)
    return warning("pull-registered", told, f"Run: {do}")


def _of_a_shared_code(code: str, account: Account, *, registered: bool) -> Finding:
    """Of a short code that several accounts have here: a payment does not say to which of them it came."""
    if not registered:
        return ok(code, f"{account.name}: not registered, since another account here has this short code.")
    return warning(
        code,
        f"{account.name}: registered, and another account here has this short code: a payment may be booked as both's.",
        "Have the registration removed on the M-Pesa portal, and run:"
        f" rufaa account forget-registration {account.credentials.short_code}"
        f" --till '{account.credentials.till_number or ''}' --environment {account.credentials.environment}",
    )


# --- one account -----------------------------------------------------------------------------------------------------


def described(account: Account, *, mode: Mode) -> list[Finding]:
    """What can be said of an account without asking Safaricom."""
    credentials = account.credentials
    found = [_environment(account, mode=mode)]
    if credentials.kind is AccountKind.TILL and credentials.till_number == credentials.short_code:
        found.append(
            warning(
                "mpesa-account",
                f"{account.name}: the short code is the till itself.",
                "MPESA_SHORTCODE wants the till's head-office (store) number; else M-Pesa says 2028 or SFC_IC0003.",
            )
        )
    if credentials.environment is not Environment.SIMULATOR:
        found.append(_passkey(account))
    return found


def _environment(account: Account, *, mode: Mode) -> Finding:
    match account.credentials.environment:
        case Environment.PRODUCTION:
            return ok("mpesa-account", f"{account.name}: real money, into your account.")
        case Environment.SIMULATOR if mode is Mode.PRODUCTION:
            return problem(
                "mpesa-account",
                f"{account.name} pretends that money came.",
                "Use MPESA_ENVIRONMENT=sandbox or production, or RUFAA_MODE=development.",
            )
        case Environment.SANDBOX if mode is Mode.PRODUCTION:
            return warning(
                "mpesa-account",
                f"{account.name}: for trying. A real phone pays real money, and none of it comes to you.",
                "Before patients pay, set your own account with MPESA_ENVIRONMENT=production.",
            )
        case _:
            return ok("mpesa-account", f"{account.name}: for trying.")


def _passkey(account: Account) -> Finding:
    passkey = account.credentials.passkey
    if not _PASSKEY.fullmatch(passkey):
        return warning(
            "mpesa-passkey",
            f"{account.name}: the passkey is {len(passkey)} characters long; those seen have 64 hex digits.",
            "Compare it with Safaricom's e-mail. A prompt with a wrong one is refused: 500.001.1001 Wrong credentials.",
        )
    what = "Safaricom's public one" if is_sandbox_passkey(passkey) else "64 hex digits"
    return ok("mpesa-passkey", f"{account.name}: the passkey is {what}. Only a prompt can prove it.")


def on_the_phone(longest_name: str) -> list[Finding]:
    """What a phone will show, as far as it is known: the words are Safaricom's, and so is the name in them."""
    code = "X" * ids.ACCOUNT_CODE_LENGTH
    words = (
        f"Do you want to pay {Money.from_shillings(MAX_SHILLINGS)} to {longest_name} Account {code}? Enter M-PESA PIN:"
    )
    reference = f"Account codes have {len(code)} of the {MAX_ACCOUNT_REFERENCE} characters that are allowed."
    name = f"a name as long as {longest_name!r}" if longest_name else "no name at all"
    told = (
        f"A prompt would have about {len(words)} of {_LONGEST_TEXT} characters, if Safaricom shows {name}."
        " An estimate: the words, and the registered name in them, are Safaricom's."
    )
    if len(words) > _LONGEST_TEXT:
        do = "Compare with the name that the M-Pesa portal shows for the short code; too long ends in result 1025."
        return [ok("account-reference", reference), warning("prompt-text", told, do)]
    return [ok("account-reference", reference), ok("prompt-text", told)]


# --- with the network ------------------------------------------------------------------------------------------------


def token(account: Account, *, keys: tuple[str, ...]) -> list[Finding]:
    """Ask for the token as a worker does: through the keeper that all share, since a new token may kill the one in use
    (daraja.md §2). Only an account that is not stored yet, so that nobody uses it here, is asked directly."""
    try:
        fetched = asyncio.run(_shared(account.stored, keys) if account.stored else _direct(account.credentials))
    except TokenUnavailable as error:
        return [_no_token(account, error)]
    except TimeoutError:
        return [problem("mpesa-token", f"{account.name}: no token in {_TIMEOUTS.total_s:.0f} s.", _NETWORK)]
    if fetched:
        return [ok("mpesa-token", f"{account.name}: Safaricom gave a token, so consumer key and secret are right.")]
    return [ok("mpesa-token", f"{account.name}: the token that all share is still good, and was not asked for again.")]


async def _direct(credentials: Credentials) -> bool:
    async with new_session() as session:
        await Daraja(session, timeouts=_TIMEOUTS).fetch_token(credentials)
    return True


async def _shared(account: uuid.UUID, keys: tuple[str, ...]) -> bool:
    """Whether it had to be fetched."""
    from rufaa.db.aside import Aside  # noqa: PLC0415 - needs Django set up
    from rufaa.db.atomic import Tx, unit  # noqa: PLC0415
    from rufaa.payments.access import Accounts  # noqa: PLC0415

    def renewal(tx: Tx) -> int:
        row = tx.row("SELECT renewal FROM mpesa_access WHERE account_id = %(account)s", {"account": account})
        return int(row["renewal"]) if row else 0

    aside = Aside(threads=2, name="doctor")
    try:
        async with new_session() as session, asyncio.timeout(_TIMEOUTS.total_s + 1):
            before = await aside.run(lambda: unit(renewal))
            kept = await Accounts(Daraja(session, timeouts=_TIMEOUTS), aside, keys=keys).get(account)
            await kept.tokens.token()
            return await aside.run(lambda: unit(renewal)) != before
    finally:
        aside.close()


_NETWORK: Final = "Allow outgoing https from this machine to Safaricom, and look whether its name is found in DNS."


def _no_token(account: Account, error: TokenUnavailable) -> Finding:
    told = f"{account.name}: {error.message}"
    if error.reason in {"dns", "not-connected", "timeout", "connection-lost"}:
        return problem("mpesa-token", told, _NETWORK)
    if error.reason == "tls":
        return problem(
            "mpesa-token", told, "Update this machine's certificates (ca-certificates), and look at its clock."
        )
    if error.reason in {"renewal-slow", "http-429"}:
        return warning("mpesa-token", told, "Run rufaa doctor again in a minute.")
    return problem(
        "mpesa-token",
        told,
        "Compare MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET with the app on the Daraja portal, and MPESA_ENVIRONMENT"
        " with where the app lives: sandbox apps and production apps have different keys.",
    )


def date_of(base_url: str) -> list[Finding]:
    """This machine's clock against the Date header of Daraja, of a whole second."""
    parts = urlsplit(base_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=4)
    began = time.time()
    try:
        connection.request("GET", "/", headers={"User-Agent": "rufaa-doctor"})
        said = connection.getresponse().getheader("Date") or ""
        ended = time.time()
        there = parsedate_to_datetime(said).timestamp()
    except (OSError, http.client.HTTPException):
        return [not_checked("clock-daraja", f"{parts.hostname} could not be asked for its time.")]
    except ValueError:
        return [not_checked("clock-daraja", f"{parts.hostname} did not say its time.")]
    finally:
        connection.close()
    # Its second began some time before: half of one is the best guess.
    return [clocks.compared("clock-daraja", parts.hostname or "", ahead_s=(began + ended) / 2 - there - 0.5)]
