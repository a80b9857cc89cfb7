"""M-Pesa settings from the environment, under the names that Kenyan Django projects already use (django-daraja).

Reads what it is given and the certificate's file, no more; whoever calls decides which environment that is, and what no
settings mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from rufaa import phone as phones
from rufaa.daraja.credentials import (
    BASE_URLS,
    AccountKind,
    C2bVersion,
    Credentials,
    Environment,
    InvalidCredentials,
    PullMethod,
)
from rufaa.daraja.initiator import MAX_CERTIFICATE

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
    "MPESA_INITIATOR_NAME",  # the API operator, for status, reversal and B2C
    "MPESA_INITIATOR_PASSWORD",
    "MPESA_CERTIFICATE",  # a file: Safaricom's certificate for the environment, PEM
    "MPESA_C2B_VERSION",  # v2 (default) or v1
    "MPESA_PULL",  # post (default) or get
    "MPESA_NOMINATED_NUMBER",  # the organisation's phone, for Pull
)

Choice = TypeVar("Choice", bound=StrEnum)

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
    certificate = _certificate(given.get("MPESA_CERTIFICATE"), problems)
    c2b_version = _choice(given, problems, "MPESA_C2B_VERSION", C2bVersion.V2)
    pull_method = _choice(given, problems, "MPESA_PULL", PullMethod.POST)
    nominated_number = _nominated_number(given.get("MPESA_NOMINATED_NUMBER"), problems)
    unreadable = "MPESA_CERTIFICATE" in given and certificate is None  # said already, so not said as missing too
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
            initiator_name=None if unreadable else given.get("MPESA_INITIATOR_NAME"),
            initiator_password=None if unreadable else given.get("MPESA_INITIATOR_PASSWORD"),
            certificate=certificate,
            c2b_version=c2b_version,
            pull_method=pull_method,
            nominated_number=nominated_number,
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


def _certificate(file: str | None, problems: list[str]) -> str | None:
    if file is None:
        return None
    try:
        with Path(file).expanduser().open("rb") as opened:
            return opened.read(MAX_CERTIFICATE + 1).decode("ascii")
    except UnicodeDecodeError:
        problems.append(f"MPESA_CERTIFICATE: {file} is not PEM text")
    except (OSError, ValueError) as error:  # ValueError: a path with NUL
        problems.append(f"MPESA_CERTIFICATE: {file!r} cannot be read ({getattr(error, 'strerror', None) or 'no path'})")
    return None


def _choice(given: Mapping[str, str], problems: list[str], name: str, default: Choice) -> Choice:
    text = given.get(name)
    kinds = type(default)
    if text is None or text.lower() in set(kinds):
        return default if text is None else kinds(text.lower())
    problems.append(f"{name} is none of " + ", ".join(kinds))
    return default


def _nominated_number(text: str | None, problems: list[str]) -> str | None:
    if text is None:
        return None
    try:
        return phones.parse(text, argument="MPESA_NOMINATED_NUMBER")
    except phones.InvalidPhone as invalid:
        problems.append(invalid.message.rstrip("."))
        return None


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
