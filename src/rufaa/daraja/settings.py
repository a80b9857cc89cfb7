"""M-Pesa settings from the environment, under the names that Kenyan Django projects already use (django-daraja).

Only reads what it is given; whoever calls decides which environment that is, and what no settings mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rufaa.daraja.credentials import BASE_URLS, AccountKind, Credentials, Environment, InvalidCredentials

__all__ = ["CALLBACK_ADDRESSES", "SETTING_NAMES", "credentials_from"]

CALLBACK_ADDRESSES: Final = frozenset(  # published by Safaricom (daraja.md §13); no newer list is known
    {
        "196.201.212.69",
        "196.201.212.74",
        "196.201.212.127",
        "196.201.212.129",
        "196.201.212.136",
        "196.201.212.138",
        "196.201.213.44",
        "196.201.213.114",
        "196.201.214.200",
        "196.201.214.206",
        "196.201.214.207",
        "196.201.214.208",
    }
)

SETTING_NAMES: Final = (
    "MPESA_ENVIRONMENT",  # sandbox, production or simulator
    "MPESA_CONSUMER_KEY",
    "MPESA_CONSUMER_SECRET",
    "MPESA_SHORTCODE",
    "MPESA_EXPRESS_SHORTCODE",  # django-daraja: the short code of STK push, in the sandbox only, where it differs
    "MPESA_SHORTCODE_TYPE",  # paybill (default) or till_number
    "MPESA_TILL_NUMBER",
    "MPESA_PASSKEY",
    "MPESA_PASS_KEY",
    "MPESA_BASE_URL",  # the simulator's address
)

_KINDS: Final = {"paybill": AccountKind.PAYBILL, "till_number": AccountKind.TILL, "till": AccountKind.TILL}


def credentials_from(environ: Mapping[str, str]) -> Credentials | None:
    """The account that the ``MPESA_*`` settings describe; None if none of ``SETTING_NAMES`` is set.

    An empty value is no value. Raises ``InvalidCredentials`` that lists everything missing or wrong, and no secret.
    Where both are set, MPESA_EXPRESS_SHORTCODE wins over MPESA_SHORTCODE in the sandbox, as in django-daraja;
    elsewhere they must agree.
    """
    given = {name: value for name in SETTING_NAMES if (value := environ.get(name, "").strip())}
    if not given:
        return None
    problems: list[str] = []
    environment = _environment(given, problems)
    kind = _KINDS.get(given.get("MPESA_SHORTCODE_TYPE", "paybill").lower())
    if kind is None:
        problems.append("MPESA_SHORTCODE_TYPE is neither paybill nor till_number")
    short_code = _short_code(given, environment, problems)
    consumer_key = _required(given, problems, "MPESA_CONSUMER_KEY")
    consumer_secret = _required(given, problems, "MPESA_CONSUMER_SECRET")
    passkey = _one_of(given, problems, "MPESA_PASSKEY", "MPESA_PASS_KEY")
    till_number = given.get("MPESA_TILL_NUMBER")
    if kind is AccountKind.TILL and till_number is None:
        problems.append("MPESA_TILL_NUMBER is missing, which a till needs")
    base_url = _base_url(given, environment, problems)
    try:
        # Stand-ins where a value is missing or unreadable, so that everything else that is wrong is found as well.
        account = Credentials(
            environment=environment or Environment.SIMULATOR,
            base_url=base_url or "https://missing.invalid",
            short_code=short_code or "00000",
            till_number=till_number or ("00000" if kind is AccountKind.TILL else None),
            kind=kind or AccountKind.PAYBILL,
            consumer_key=consumer_key or "missing",
            consumer_secret=consumer_secret or "missing",
            passkey=passkey or "missing",
        )
    except InvalidCredentials as invalid:
        raise InvalidCredentials(problems + invalid.problems) from None
    if problems:
        raise InvalidCredentials(problems)
    return account


def _environment(given: Mapping[str, str], problems: list[str]) -> Environment | None:
    text = given.get("MPESA_ENVIRONMENT")
    if text is None:
        problems.append("MPESA_ENVIRONMENT is missing")
    elif text.lower() in set(Environment):
        return Environment(text.lower())
    else:
        problems.append("MPESA_ENVIRONMENT is none of " + ", ".join(Environment))
    return None


def _short_code(given: Mapping[str, str], environment: Environment | None, problems: list[str]) -> str | None:
    express = given.get("MPESA_EXPRESS_SHORTCODE")
    if express is not None and environment is Environment.SANDBOX:
        return express
    return _one_of(given, problems, "MPESA_SHORTCODE", "MPESA_EXPRESS_SHORTCODE")


def _base_url(given: Mapping[str, str], environment: Environment | None, problems: list[str]) -> str | None:
    asked = given.get("MPESA_BASE_URL")
    if environment is None:
        return asked
    usual = BASE_URLS.get(environment)
    if usual is None:
        if asked is None:
            problems.append("MPESA_BASE_URL is missing, which the simulator needs")
        return asked
    if asked is not None and asked.rstrip("/") != usual:
        problems.append(f"MPESA_BASE_URL is for the simulator only; {environment} is {usual}")
    return usual


def _required(given: Mapping[str, str], problems: list[str], name: str) -> str | None:
    value = given.get(name)
    if value is None:
        problems.append(f"{name} is missing")
    return value


def _one_of(given: Mapping[str, str], problems: list[str], name: str, alias: str) -> str | None:
    value, other = given.get(name), given.get(alias)
    if value is None and other is None:
        problems.append(f"{name} is missing")
    elif value is not None and other is not None and value != other:
        problems.append(f"{name} and {alias} are both set and differ")
    return value if value is not None else other
