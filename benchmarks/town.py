"""Who lives in the benchmarks: a world of the tests, people who watch, and referrals whose fee is paid on demand."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rufaa.db.embedded import EmbeddedPostgres

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SECRET: Final = "a secret of the tests that is long enough"


@contextmanager
def folder() -> Iterator[Path]:
    """An empty data folder, which goes with all that is in it."""
    from rufaa.db.scratch import remove_data

    data = Path(tempfile.mkdtemp(prefix="rufaa-bench-"))
    data.chmod(0o711)  # as root PostgreSQL runs as another account
    try:
        yield data
    finally:
        remove_data(data)


@contextmanager
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of its own that syncs to the disk; nothing is in it."""
    from rufaa.db.embedded import EmbeddedPostgres, Settings

    with folder() as data, EmbeddedPostgres(Settings(data=data)) as server:
        yield server


@contextmanager
def database() -> Iterator[str]:
    """The address of a migrated database on such a server, which this process is set up for."""
    with postgres() as server:
        set_up(server.url())
        from rufaa.cli.migrate import close_connections, migrate
        from rufaa.config import config

        migrate(config())
        try:
            yield server.url()
        finally:
            close_connections()


def environment(database_url: str) -> dict[str, str]:
    """The settings of every process here."""
    return {
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "rufaa.settings",
        "RUFAA_MODE": "demo",
        "RUFAA_SECRET_KEYS": SECRET,
        "RUFAA_POOL_SIZE": "20",
    }


def set_up(database_url: str) -> None:
    """Django and the log in this process."""
    os.environ |= environment(database_url)
    import django

    django.setup()
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


class Town:
    """``people`` administrators of one facility, each with a token, and referrals that nobody was asked to pay yet."""

    def __init__(self, people: int) -> None:
        from rufaa import clock
        from rufaa.db.atomic import Tx, unit
        from rufaa.facilities import operations as facilities
        from rufaa.facilities.rights import Role
        from rufaa.signin import tokens
        from support import make_world, someone

        self.world = make_world()

        def person(tx: Tx, name: str) -> None:
            facilities.add_member(tx, facilities.add_user(tx, name), self.world.uhuru, Role.ADMINISTRATOR)

        names = [f"watcher-{number}" for number in range(people)]
        for name in names:
            unit(lambda tx, name=name: person(tx, name))  # type: ignore[misc]
        self.tokens = [
            tokens.issue(someone(name).user, keys=(SECRET,), now=clock.now(), lifetime=timedelta(hours=12))
            for name in names
        ]
        self._phones = 0

    def waiting(self, number: int) -> list[str]:
        """Referrals that wait for their money."""
        return [self.world.waiting() for _ in range(number)]

    def ask(self, referrals: Sequence[str]) -> list[uuid.UUID]:
        """Their prompts are on their way."""
        self._phones += len(referrals)
        first = self._phones - len(referrals)
        return [self.world.ask(each, f"25470800{first + number:04d}") for number, each in enumerate(referrals)]

    def report(self, prompts: Sequence[uuid.UUID]) -> None:
        """Safaricom's callbacks about them, as the gateway stores them: paid. Nothing is settled yet."""
        from support import execute, rows

        found = rows("SELECT id, amount_cents, payer_phone FROM prompt WHERE id = ANY(%(ids)s)", ids=list(prompts))
        bodies = [callback(row["id"], row["amount_cents"] // 100, row["payer_phone"]) for row in found]
        execute(
            "INSERT INTO inbox (kind, subject, source, trusted, body)"
            " SELECT 'stk', subject, '127.0.0.1', true, body"
            " FROM unnest(%(ids)s::uuid[], %(bodies)s::bytea[]) AS new (subject, body)",
            ids=[row["id"] for row in found],
            bodies=bodies,
        )


def receipt_number(prompt: uuid.UUID) -> str:
    """Its own, as far as ten characters go: among a million prompts two of one number are unlikely."""
    left, digits = prompt.int, ""
    for _ in range(9):
        left, digit = divmod(left, len(_DIGITS))
        digits += _DIGITS[digit]
    return f"T{digits}"


def callback(prompt: uuid.UUID, shillings: int, phone: str) -> bytes:
    """A success, as Safaricom writes it."""
    from rufaa import clock

    items = [
        {"Name": "Amount", "Value": shillings},
        {"Name": "MpesaReceiptNumber", "Value": receipt_number(prompt)},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": int(clock.daraja_timestamp(clock.now()))},
        {"Name": "PhoneNumber", "Value": int(phone)},
    ]
    told = {
        "MerchantRequestID": f"m-{prompt.hex}",
        "CheckoutRequestID": f"ws_CO_{prompt.hex}",
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items},
    }
    return json.dumps({"Body": {"stkCallback": told}}).encode()
