"""The whole examination, in its order and within its time. What does not end is named so; nothing waits for it."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from rufaa import clock, log
from rufaa.cli import production
from rufaa.cli.diagnosis import clocks, database, given, machine, mpesa, outside, signin
from rufaa.cli.diagnosis.database import Seen
from rufaa.cli.diagnosis.finding import Finding, Group, State, not_checked, ok, problem, warning
from rufaa.cli.diagnosis.given import Given
from rufaa.cli.diagnosis.hidden import Hidden
from rufaa.config import Config
from rufaa.daraja.credentials import Credentials, Environment

_ALL_S: Final = 17.0  # with Python's start and end, under 20
_HERE_S: Final = 7.0  # disk and database
_OUTSIDE_S: Final = 9.5  # what needs the network
_OFFLINE: Final = "It needs the network (--no-network)."

Check = Callable[[], list[Finding]]


@dataclass(slots=True)
class Examination:
    """``findings`` in their groups' order; ``all_ended`` is false where a check still hangs in its thread."""

    findings: list[Finding] = field(default_factory=list)
    hidden: Hidden = field(default_factory=Hidden)
    all_ended: bool = True
    until: float = field(default_factory=lambda: time.monotonic() + _ALL_S)

    @property
    def sound(self) -> bool:
        return all(finding.state is not State.PROBLEM for finding in self.findings)

    def counted(self) -> dict[State, int]:
        return {state: sum(1 for each in self.findings if each.state is state) for state in State}

    def run(self, checks: Sequence[tuple[str, Check]], *, within_s: float) -> None:
        """Run checks at the same time; one that fails, or does not end, is a finding of its own."""
        done: dict[int, list[Finding]] = {}

        def one(number: int, code: str, check: Check) -> None:
            try:
                done[number] = check()
            except Exception as error:  # noqa: BLE001 - the examination must go on, and say which part of it failed
                done[number] = [not_checked(code, f"The check itself failed: {log.trace(error)}.")]

        threads = [
            threading.Thread(target=one, args=(number, code, check), name=code, daemon=True)
            for number, (code, check) in enumerate(checks)
        ]
        until = min(time.monotonic() + within_s, self.until)
        for thread in threads:
            thread.start()
        for number, thread in enumerate(threads):
            thread.join(max(0.0, until - time.monotonic()))
            late = not_checked(checks[number][0], "It did not end in time.")
            self.findings += done.get(number, [late])
        self.all_ended = self.all_ended and not any(thread.is_alive() for thread in threads)


def examine(environ: Mapping[str, str], *, network: bool) -> Examination:
    """Look at everything, within 20 seconds in all."""
    examination = Examination()
    examination.hidden.settings(environ)
    read, found = given.settings(environ)
    examination.hidden.add(*read.keys)
    account, more = mpesa.of_settings(read.config.environ)
    examination.findings += [*found, *more, clocks.timestamp(clock.now())]
    _here(examination, read, account, network=network)
    order = list(Group)
    examination.findings.sort(key=lambda finding: order.index(finding.group))  # stable
    return examination


def _here(examination: Examination, read: Given, account: Credentials | None, *, network: bool) -> None:
    config = read.config
    seen: list[Seen] = []

    def look() -> list[Finding]:
        what, found = database.look(config)
        seen.append(what)
        return found

    examination.run(
        (("data-folder", lambda: machine.folder(config.data)), ("database", look)),
        within_s=_HERE_S,
    )
    there = seen[0] if seen else Seen(None, False, None)
    accounts = _accounts(examination, read, account, there)
    environments = frozenset(each.credentials.environment.value for each in accounts)
    if there.tables is not None:
        environments |= there.tables.environments & set(Environment)
    examination.findings += outside.offline(config, environments=environments, tables=there.tables)
    outward: list[tuple[str, Check]] = list(outside.checks(config, environments=environments).items())
    for each in accounts:
        outward += _outward(each, read, there)
    outward += [("openid-issuers", partial(signin.issuer, each)) for each in config.oidc_issuers]
    if network:
        examination.run(outward, within_s=_OUTSIDE_S)
    else:
        examination.findings += [not_checked(code, _OFFLINE) for code in dict.fromkeys(code for code, _ in outward)]


def _accounts(examination: Examination, read: Given, account: Credentials | None, there: Seen) -> list[mpesa.Account]:
    """The accounts to look at, from the tables or, where there are none, from the settings."""
    accounts: list[mpesa.Account] = []
    if there.url is not None and there.tables is not None:
        config = _use(there.url, read)

        def stored() -> list[Finding]:
            kept, found = mpesa.stored(read.keys, account)
            accounts.extend(kept)
            return found

        examination.run((("database-migrated", _migrated), ("mpesa-keys", stored)), within_s=_HERE_S)
        examination.run(
            (
                ("demo-database", lambda: _refused(config)),
                ("api-keys", signin.api_keys),
                ("openid-links", lambda: signin.links(config.oidc_issuers)),
            ),
            within_s=_HERE_S,
        )
    elif account is not None:
        accounts = [mpesa.Account(account, None)]
    if any(each.stored is not None for each in accounts):
        examination.run((("account-held", lambda: mpesa.standing(accounts, read.config)),), within_s=_HERE_S)
    for each in accounts:
        examination.hidden.account(each.credentials)
        examination.findings += mpesa.described(each, mode=read.config.mode)
    if accounts:
        examination.findings += mpesa.on_the_phone(_longest_name(there))
    elif there.url is not None and not read.config.environ.get("MPESA_ENVIRONMENT"):
        do = "Set the MPESA_* settings (docs/howto/go-live.md), or go on without fees."
        examination.findings.append(
            warning("mpesa-account", "There is no M-Pesa account: no fee can be asked for.", do)
        )
    return accounts


def _outward(account: mpesa.Account, read: Given, there: Seen) -> list[tuple[str, Check]]:
    credentials = account.credentials
    checks: list[tuple[str, Check]] = [("clock-daraja", lambda: mpesa.date_of(credentials.base_url))]
    if account.stored is None and not there.fresh:
        why = f"{account.name}: while the database cannot be asked, a new token could kill the one in use."
        checks.append(("mpesa-token", lambda: [not_checked("mpesa-token", why)]))
    else:
        checks.append(("mpesa-token", lambda: mpesa.token(account, keys=read.keys)))
    return checks


def _use(url: str, read: Given) -> Config:
    """Set Django up for this database without making anything: neither a bad setting nor a missing key may stop it."""
    from rufaa.cli.database import use  # noqa: PLC0415 - imports Django, which most findings do not need

    os.environ |= dict.fromkeys(read.bad, "")
    os.environ["RUFAA_SECRET_KEYS"] = ",".join(read.keys) or secrets.token_hex(32)  # else the first use makes a file
    os.environ["RUFAA_POOL_SIZE"] = "4"
    use(url)
    return read.config


def _migrated() -> list[Finding]:
    from rufaa.cli.database import NotMigrated, need_migrated  # noqa: PLC0415 - needs Django set up
    from rufaa.cli.migrate import database_is_newer  # noqa: PLC0415

    try:
        need_migrated()
    except NotMigrated:
        do = "Run: rufaa migrate (a start of rufaa serve does it, too)."
        return [problem("database-migrated", "Its tables are older than this version of Rufaa.", do)]
    if database_is_newer():
        told = "Its tables are newer than this version of Rufaa."
        return [warning("database-migrated", told, "Update Rufaa here as on the other nodes.")]
    return [ok("database-migrated", "Its tables are those of this version.")]


def _refused(config: Config) -> list[Finding]:
    refused = [each for each in production.of_database(config) if each.code != "public-url"]
    found = [problem(each.code, each.found, each.do) for each in refused]
    if not any(each.code == "demo-database" for each in refused):
        demo = production.demo_people()
        told = "It was filled by the demo, which is fine here." if demo else "Nothing of the demo is in it."
        found.append(ok("demo-database", told))
    return found


def _longest_name(there: Seen) -> str:
    return max(there.tables.names, key=len, default="") if there.tables else ""
