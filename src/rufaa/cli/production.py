"""What a server does not start with where real people or real money are: demo data, public secrets, an address that
Safaricom cannot reach. Each refusal says what to do; ``rufaa doctor`` shows the same ones as findings.

Commands that only look, or set things up, are not held up by it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rufaa.config import Callbacks, Config, Mode
from rufaa.daraja.callback_url import check_callback_url
from rufaa.daraja.credentials import Environment
from rufaa.daraja.settings import credentials_from
from rufaa.errors import Kind, RufaaError

_FEWEST_CHARACTERS: Final = 8  # different ones, in a key; 32 random hex digits have fewer once in ten million
_PLACEHOLDERS: Final = ("changeme", "change-me", "change_me", "placeholder", "insecure", "example", "your-", "your_")


class RefusedInProduction(RufaaError):
    """The server does not start with this where real people or real money are. ``data.reasons`` has the codes."""

    kind = Kind.CONFLICT
    code = "refused-in-production"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was found, and what to do about it."""

    code: str
    found: str
    do: str


def check_settings(config: Config) -> None:
    """Raises ``RefusedInProduction`` or ``InvalidCredentials``. Asks neither database nor network."""
    _refuse(of_settings(config))
    credentials_from(config.environ)


def check_database(config: Config) -> None:
    """Raises ``RefusedInProduction``. Needs Django set up, and a database that is up to date."""
    _refuse(of_database(config))


def of_settings(config: Config) -> list[Refusal]:
    """What in the settings themselves forbids a start."""
    environment = (config.environ.get("MPESA_ENVIRONMENT") or "").strip().lower()
    found: list[Refusal] = []
    if config.mode is Mode.PRODUCTION:
        if any(is_weak(key.strip()) for key in (config.given_secret_keys or "").split(",") if key.strip()):
            found.append(
                Refusal(
                    "weak-secret-key",
                    "RUFAA_SECRET_KEYS has a key that can be guessed: a placeholder, a repetition, or few characters.",
                    "Make one with: openssl rand -hex 32. If M-Pesa keys are stored under the old one, run"
                    " 'rufaa migrate' once with RUFAA_SECRET_KEYS=new,old and RUFAA_MODE=development,"
                    " then take the old one away.",
                )
            )
        if environment == Environment.SIMULATOR:
            found.append(
                Refusal(
                    "simulator-in-production",
                    "MPESA_ENVIRONMENT=simulator pretends that money came; production mode does not take it.",
                    "Set MPESA_ENVIRONMENT=sandbox or production, or RUFAA_MODE=development to try things out.",
                )
            )
    if environment == Environment.PRODUCTION:
        found += _of_public_url(config)
    return found


def of_database(config: Config) -> list[Refusal]:
    """What in the database forbids a start with these settings."""
    from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
    from rufaa.facilities.models import MpesaAccount  # noqa: PLC0415

    environments = unit(lambda _: set(MpesaAccount.objects.values_list("environment", flat=True)))
    given = (config.environ.get("MPESA_ENVIRONMENT") or "").strip().lower()
    found: list[Refusal] = []
    if given == Environment.SIMULATOR and environments - {Environment.SIMULATOR}:
        found.append(
            Refusal(
                "real-database",
                "This database has a real M-Pesa account, where neither the simulator nor demo people belong.",
                "Run the demo or the simulator on another data folder or database.",
            )
        )
        return found
    if config.mode is Mode.PRODUCTION and (Environment.SIMULATOR in environments or demo_people()):
        what = "has a simulator's account" if Environment.SIMULATOR in environments else "has the demo's people"
        found.append(
            Refusal(
                "demo-database",
                f"This database {what}: it was filled by the demo, or for trying.",
                "Start production on a new one: set RUFAA_DATA (make run DATA=…) to another folder, or DATABASE_URL to"
                " another database. To go on trying with this one, set RUFAA_MODE=development.",
            )
        )
    if Environment.PRODUCTION in environments:
        if given != Environment.PRODUCTION:
            found += _of_public_url(config)  # else the settings were refused for it before
        if config.callbacks is Callbacks.NONE:
            found.append(
                Refusal(
                    "no-callbacks-in-production",
                    "MPESA_CALLBACKS=none, and this database has an account of production.",
                    "Take MPESA_CALLBACKS away, or try the sandbox on a database of its own.",
                )
            )
    return found


def demo_people() -> bool:
    """Whether all of the demo's people are here, under the demo's names."""
    from rufaa.cli.demo import PEOPLE  # noqa: PLC0415 - the demo serves, and what serves asks us
    from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
    from rufaa.facilities.models import User  # noqa: PLC0415

    names = {name: full_name for name, (full_name, _) in PEOPLE.items()}
    here = unit(lambda _: dict(User.objects.filter(username__in=names).values_list("username", "full_name")))
    return here == names


def is_weak(key: str) -> bool:
    """Whether a key is a placeholder, or a short text over and over, or has hardly any different characters."""
    lowered = key.lower()
    repeats = any(key == (key[:length] * len(key))[: len(key)] for length in range(1, len(key) // 2 + 1))
    return repeats or len(set(key)) < _FEWEST_CHARACTERS or any(word in lowered for word in _PLACEHOLDERS)


def _of_public_url(config: Config) -> list[Refusal]:
    some_prompt = f"{config.public_url}/h/{uuid.UUID(int=0).hex}-{'0' * 32}"
    wrong = check_callback_url(some_prompt, environment=Environment.PRODUCTION)
    if not wrong:
        return []
    what = "is not set, and its default" if not config.environ.get("RUFAA_PUBLIC_URL") else "is an address that"
    return [
        Refusal(
            "public-url",
            f"RUFAA_PUBLIC_URL {what} cannot be used with an M-Pesa account of production: {'; '.join(wrong)}.",
            "Set RUFAA_PUBLIC_URL=https://… to the public name under which a proxy with a certificate leads here.",
        )
    ]


def _refuse(found: Sequence[Refusal]) -> None:
    if found:
        raise RefusedInProduction(
            " ".join(f"{each.found} {each.do}" for each in found), reasons=[each.code for each in found]
        )
