"""Registering an account at Safaricom: what is sent, what each answer means, and what is remembered of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from daraja.far_side import Request, http, in_loop, serving
from rufaa.cli import account as commands
from rufaa.cli.registering import Registrar, Told, forget
from rufaa.config import load
from rufaa.daraja.client import Daraja, Timeouts, new_session
from rufaa.daraja.credentials import AccountKind
from rufaa.daraja.orders import InvalidCallbackUrl
from rufaa.db.aside import Aside
from rufaa.db.atomic import unit
from rufaa.errors import InvalidArgument
from rufaa.facilities import operations as facilities
from rufaa.ingest.address import Kind, report_at
from rufaa.payments.access import Accounts
from support import KEYS, World, credentials, execute, make_world, rows, value

HERE: Final = "https://referrals.hospital.co.ke"
NUMBER: Final = "254708374149"
TOKEN: Final = http(200, {"access_token": "an-invented-token-0123456789", "expires_in": "3599"})
DONE: Final = {"OriginatorCoversationID": "1", "ResponseCode": "0", "ResponseDescription": "Success"}
THERE: Final = {"requestId": "1", "errorCode": "500.003.1001", "errorMessage": "Urls are already registered"}
ELSEWHERE: Final = {
    "requestId": "1",
    "errorCode": "500.003.1001",
    "errorMessage": "Duplicate notification info, SP ID is 107031",
}
WRONG: Final = {"requestId": "1", "errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}
NO_SUCH: Final = {"requestId": "1", "errorCode": "404.001.01", "errorMessage": "Resource not found"}
LATER: Final = {"requestId": "1", "errorCode": "500.003.02", "errorMessage": "Spike arrest violation"}
PULLED: Final = {"ResponseRefID": "1", "Response Status": "1000", "ShortCode": "174379", "ResponseDescription": "Done"}
PULLED_ALREADY: Final = PULLED | {"Response Status": "1001", "ResponseDescription": "Already registered"}

Work = Callable[[Registrar, World], Awaitable[Told]]


def settings(**more: str) -> Any:
    return load({"RUFAA_SECRET_KEYS": KEYS[0], "RUFAA_MODE": "development", "RUFAA_PUBLIC_URL": HERE, **more})


def by_c2b(**more: str) -> Work:
    return lambda registrar, world: commands.c2b(registrar, world.account.pk, settings(**more))


def by_pull(**more: str) -> Work:
    return lambda registrar, world: commands.pull(registrar, world.account.pk, settings(**more))


def answered(
    work: Work, *answers: bytes, before: str = "", number: str | None = None
) -> tuple[Told | Exception, list[Request]]:
    """What ``work`` makes of Daraja's ``answers``, and the requests it got; without answers they are lost.

    ``before``: SQL to begin with. ``number``: the account's nominated one.
    """
    found: list[Any] = []

    @in_loop
    async def run() -> None:
        async def far_side(far: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                request = await far.read(reader)
                asked = [each for each in far.requests if "oauth" not in each.line]
                if "oauth" in request.line:
                    writer.write(TOKEN)
                elif answers:
                    writer.write(answers[min(len(asked), len(answers)) - 1])
                else:  # the answer is lost
                    writer.close()
                await writer.drain()

        async with serving(far_side) as far, new_session() as session:
            aside = Aside(threads=2, name="registering")
            try:
                world = await aside.run(lambda: make_world(far.url))
                if number is not None:
                    await aside.run(lambda: nominate(far.url, number))
                if before:
                    await aside.run(lambda: execute(before))
                daraja = Daraja(session, timeouts=Timeouts(connect_s=2, total_s=5))
                registrar = Registrar(daraja, Accounts(daraja, aside, keys=KEYS), aside)
                try:
                    found.append(await work(registrar, world))
                except InvalidArgument as error:
                    found.append(error)
            finally:
                aside.close()
            found.append([each for each in far.requests if "oauth" not in each.line])

    run()
    return found[0], found[1]


def nominate(url: str, number: str) -> None:
    whole = replace(credentials(url), nominated_number=number)
    unit(lambda tx: facilities.keep_account(tx, whole, keys=KEYS, pushes_per_s=1000, queries_per_min=60))


def told(work: Work, *answers: bytes, before: str = "", number: str | None = None) -> Told:
    outcome, _ = answered(work, *answers, before=before, number=number)
    assert isinstance(outcome, Told)
    return outcome


def remembered() -> tuple[bool, str, bool]:
    """(C2B is registered, for which address it is or was tried, Pull is registered)."""
    (row,) = rows("SELECT c2b_registered_at, c2b_urls_for, pull_registered_at FROM mpesa_account")
    return row["c2b_registered_at"] is not None, row["c2b_urls_for"], row["pull_registered_at"] is not None


NOTHING: Final = (False, "", False)
REGISTERED: Final = (True, HERE, False)
TRIED: Final = f"UPDATE mpesa_account SET c2b_urls_for = '{HERE}'"
ANOTHER: Final = "UPDATE mpesa_account SET c2b_urls_for = 'https://old.example.com', c2b_registered_at = rufaa_now()"


# --- C2B -----------------------------------------------------------------------------------------------------------


def test_safaricom_is_given_two_addresses_whose_secrets_open_them(database: str) -> None:
    outcome, requests = answered(by_c2b(), http(200, DONE))

    (request,) = requests
    body = json.loads(request.body)
    account = value("SELECT id FROM mpesa_account")
    assert request.line.startswith("POST /mpesa/c2b/v2/registerurl ")
    assert (body["ShortCode"], body["ResponseType"]) == ("174379", "Completed")
    assert report_at(body["ConfirmationURL"].removeprefix(HERE), keys=KEYS) == (Kind.C2B, account)
    assert report_at(body["ValidationURL"].removeprefix(HERE), keys=KEYS) == (Kind.C2B_VALIDATION, account)
    assert isinstance(outcome, Told)
    assert outcome.registered
    assert outcome.words == f"Registered. Payments will be told of at {HERE}. Daraja: Success"
    assert remembered() == REGISTERED


OTHER_TILL: Final = (
    "INSERT INTO mpesa_account (id, environment, short_code, till_number, base_url, kind, sealed_keys)"
    " SELECT gen_random_uuid(), environment, short_code, '5500123', base_url, 'till', sealed_keys FROM mpesa_account"
)


@pytest.mark.parametrize("work", [by_c2b, by_pull])
def test_of_two_tills_with_one_short_code_nothing_is_told(database: str, work: Callable[[], Work]) -> None:
    """A payment to the one would be booked as the other's, too."""
    outcome, requests = answered(work(), http(200, DONE), before=OTHER_TILL, number="254708374149")

    assert isinstance(outcome, Told)
    assert not outcome.registered
    assert outcome.words.startswith("Nothing was registered: several accounts here have this short code")
    assert requests == []


@pytest.mark.parametrize(
    "told_by",
    ["c2b_registered_at = rufaa_now()", f"c2b_urls_for = '{HERE}'", "pull_registered_at = rufaa_now()"],
    ids=["C2B", "C2B, whose answer was lost", "Pull"],
)
def test_a_second_till_of_a_short_code_that_is_told_of_is_refused(world: World, told_by: str) -> None:
    other = replace(credentials("http://127.0.0.1:1"), till_number="5500123", kind=AccountKind.TILL)

    def keeps() -> object:
        return unit(lambda tx: facilities.keep_account(tx, other, keys=KEYS, pushes_per_s=5, queries_per_min=5))

    execute(f"UPDATE mpesa_account SET {told_by}")
    with pytest.raises(facilities.SharedShortCode, match="rufaa account forget-registration"):
        keeps()
    assert value("SELECT count(*) FROM mpesa_account") == 1
    unit(lambda tx: forget(tx, world.account.pk))
    keeps()
    keeps()  # what is known is kept anew
    assert value("SELECT count(*) FROM mpesa_account") == 2


def test_what_is_there_already_is_not_taken_for_ours(database: str) -> None:
    outcome = told(by_c2b(), http(500, THERE))

    assert not outcome.registered
    assert "Safaricom does not say which" in outcome.words
    assert outcome.words.endswith("Daraja: 500.003.1001 Urls are already registered")
    assert remembered() == NOTHING


def test_but_after_a_try_whose_answer_was_lost_it_is(database: str) -> None:
    lost = told(by_c2b())
    assert not lost.registered
    assert lost.words.startswith("It is not known whether it was registered")
    assert remembered() == (False, HERE, False)

    again = told(by_c2b(), http(500, THERE), before=TRIED)

    assert again.registered
    assert again.words.startswith(f"Registered already, by an earlier try from here for {HERE}.")
    assert remembered() == REGISTERED


def test_an_aggregator_is_never_taken_for_us(database: str) -> None:
    outcome = told(by_c2b(), http(500, ELSEWHERE), before=TRIED)

    assert not outcome.registered
    assert "perhaps by an aggregator" in outcome.words
    assert remembered() == (False, HERE, False)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(404, NO_SUCH), "Declined: nothing was registered. Daraja: 404.001.01 Resource not found"),
        (http(404, WRONG), "Declined: nothing was registered. Daraja: 404.001.03 Invalid Access Token"),
        (http(500, LATER), "Not sent: nothing was registered. Daraja: 500.003.02 Spike arrest violation"),
    ],
    ids=["no-such-product", "token", "throttled"],
)
def test_what_is_turned_away_leaves_no_trace(database: str, answer: bytes, words: str) -> None:
    assert told(by_c2b(), answer) == Told(False, words)
    assert remembered() == NOTHING


@pytest.mark.parametrize("answer", [http(500, THERE), http(404, NO_SUCH)], ids=["there-already", "declined"])
def test_what_was_registered_stays_so_when_another_address_is_not(database: str, answer: bytes) -> None:
    assert not told(by_c2b(), answer, before=ANOTHER).registered
    assert remembered() == (True, "https://old.example.com", False)


def test_an_address_that_safaricom_forbids_is_not_sent(database: str) -> None:
    outcome, requests = answered(by_c2b(RUFAA_PUBLIC_URL="https://mpesa.hospital.co.ke"), http(200, DONE))

    assert isinstance(outcome, InvalidCallbackUrl)
    assert requests == []
    assert remembered() == NOTHING


def test_without_callbacks_there_is_nothing_to_register(database: str) -> None:
    without = by_c2b(MPESA_CALLBACKS="none", MPESA_ENVIRONMENT="simulator")

    with pytest.raises(commands.NoCallbacks, match="MPESA_CALLBACKS=none"):
        answered(without, http(200, DONE))

    assert remembered() == NOTHING


def test_a_restart_with_other_settings_forgets_no_registration(database: str) -> None:
    told(by_c2b(), http(200, DONE))
    make_world("http://127.0.0.1:2")

    assert remembered() == REGISTERED


# --- Pull ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (PULLED, "Registered. Payments can be pulled. Daraja: Done"),
        (PULLED_ALREADY, "Registered already. Payments can be pulled. Daraja: 1001 Already registered"),
    ],
    ids=["new", "there-already"],
)
def test_pull_is_registered_once_and_it_does_not_matter_by_whom(
    database: str, answer: dict[str, str], words: str
) -> None:
    outcome, requests = answered(by_pull(), http(200, answer), number=NUMBER)

    (request,) = requests
    body = json.loads(request.body)
    assert request.line.startswith("POST /pulltransactions/v1/register ")
    assert (body["ShortCode"], body["NominatedNumber"], body["RequestType"]) == ("174379", NUMBER, "Pull")
    assert body["CallBackURL"].startswith(f"{HERE}/c/")
    assert outcome == Told(True, words)
    assert remembered() == (False, "", True)


@pytest.mark.parametrize("answers", [(http(404, NO_SUCH),), ()], ids=["declined", "lost"])
def test_pull_that_was_not_registered_is_not_remembered(database: str, answers: tuple[bytes, ...]) -> None:
    assert not told(by_pull(), *answers, number=NUMBER).registered
    assert remembered() == NOTHING


def test_pull_needs_the_nominated_number(database: str) -> None:
    outcome, requests = answered(by_pull(), http(200, PULLED))

    assert isinstance(outcome, InvalidArgument)
    assert "nominated number" in outcome.message
    assert requests == []
