"""The M-Pesa account on its page: held with a reason, its keys checked without moving money, and never shown."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desks import Desk
from ports import free_port
from rufaa.cli.key_checking import KeyChecker, elsewhere
from rufaa.daraja.client import Daraja, Timeouts, new_session
from rufaa.daraja.credentials import Credentials, Environment
from rufaa.db.aside import Aside
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.payments.access import Accounts
from rufaa.simulator.config import DEMO_CONSUMER_KEY, DEMO_CONSUMER_SECRET, DEMO_PASSKEY
from rufaa.simulator.testing import RunningSimulator
from support import KEYS, World, advance, credentials, execute, requests_to, rows, value

At = Callable[[Actor], Desk]
TOKEN: Final = "/oauth/v1/generate"


def page(world: World, deed: str = "") -> str:
    more = f"{world.account.pk.hex}/{deed}/" if deed else ""
    return f"/settings/{world.tumaini.pk.hex}/account/{more}"


def work(other: Callable[[Credentials], Credentials | None] = elsewhere) -> int:
    """The worker's rounds until nothing is due; how many checks it did."""

    async def main() -> int:
        aside, done = Aside(threads=2, name="checks"), 0
        try:
            async with new_session() as session:
                daraja = Daraja(session, timeouts=Timeouts(connect_s=2, total_s=5))
                checker = KeyChecker(daraja, Accounts(daraja, aside, keys=KEYS), aside, other=other)
                while await checker.round() is not None:
                    done += 1
            return done
        finally:
            aside.close()

    return asyncio.run(main())


def set_keys(account: Credentials) -> None:
    unit(lambda tx: facilities.keep_account(tx, account, keys=KEYS, pushes_per_s=1000, queries_per_min=60_000))


def findings(html: str) -> list[tuple[str, str]]:
    found = re.findall(r'<li class="(good|bad|wait)">([^<]*)', html.partition('class="findings"')[2])
    return [(looks, words.strip()) for looks, words in found]


def kept() -> list[dict[str, Any]]:
    return [
        *rows("SELECT * FROM account_hold ORDER BY id"),
        *rows("SELECT * FROM key_check ORDER BY id"),
        *rows("SELECT count(*) FROM logbook"),
    ]


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_it_tells_what_is_set_and_never_a_key(world: World, desk: At) -> None:
    html = desk(world.receiving_admin).text(page(world))

    assert "Paybill 174379" in html
    assert "set; nobody reads them here" in html
    for key in (DEMO_CONSUMER_KEY, DEMO_CONSUMER_SECRET, DEMO_PASSKEY):
        assert key not in html


def test_keys_that_no_secret_opens_are_told(world: World, desk: At) -> None:
    execute("UPDATE mpesa_account SET sealed_keys = 'x'")

    assert ("bad", "The stored keys cannot be read here.") in findings(desk(world.receiving_admin).text(page(world)))


def test_who_only_refers_there_sees_the_account_and_may_do_nothing(world: World, desk: At) -> None:
    """Its money is another facility's."""
    before, who = kept(), desk(world.admin)
    there = f"/settings/{world.uhuru.pk.hex}/account/"
    html = who.text(there)

    assert "Paybill 174379" in html
    assert "an operator holds and checks it" in html
    for deed in ("hold", "release", "check"):
        assert f"/{deed}/" not in html
        answer = who.post(f"{there}{world.account.pk.hex}/{deed}/", reason="so")
        assert answer.status_code == 403, deed
    assert kept() == before


def test_an_account_that_others_are_paid_to_as_well_is_an_operators(world: World, desk: At) -> None:
    unit(
        lambda tx: facilities.set_price(
            tx, world.elsewhere, amount=facilities.Money(100), payee=world.elsewhere, account=world.account
        )
    )

    assert desk(world.receiving_admin).post(page(world, "hold"), reason="so").status_code == 403


def test_an_account_that_the_facility_owns_is_its_own_though_others_are_paid_there(world: World, desk: At) -> None:
    execute("UPDATE mpesa_account SET owner_id = %(id)s", id=world.uhuru.pk)

    html = desk(world.admin).text(f"/settings/{world.uhuru.pk.hex}/account/")

    assert "Check my keys" in html
    assert "Check my keys" not in desk(world.receiving_admin).text(page(world))


@pytest.mark.parametrize("name", ["physician", "admin", "receiver", "finance", "operator", "stranger"])
def test_nobody_else_opens_it(world: World, desk: At, name: str) -> None:
    before, who = kept(), desk(getattr(world, name))
    code = 403 if name in {"receiver", "finance"} else 404

    assert who.get(page(world)).status_code == code
    for deed in ("hold", "release", "check"):
        assert who.post(page(world, deed), reason="so").status_code == code
    assert kept() == before


@pytest.mark.parametrize("account", ["0" * 32, "x", "a" * 300])
def test_an_account_of_nobody_is_not_found(world: World, desk: At, account: str) -> None:
    for deed in ("hold", "release", "check"):
        answer = desk(world.receiving_admin).post(f"{page(world)}{account}/{deed}/", reason="so")
        assert answer.status_code == 404


def test_the_same_number_of_queries_for_one_account_and_for_several(world: World, desk: At) -> None:
    def asked() -> int:
        admin = desk(world.receiving_admin)
        with CaptureQueriesContext(connection) as captured:
            admin.text(page(world))
        return len(captured)

    few = asked()
    for number in range(5):
        set_keys(replace(credentials("http://127.0.0.1:1"), short_code=f"60000{number}"))
    execute("UPDATE mpesa_account SET owner_id = %(id)s", id=world.tumaini.pk)

    assert asked() == few
    assert few <= 12


# --- on hold ---------------------------------------------------------------------------------------------------------


def test_prompts_are_held_with_a_reason_and_go_out_again(world: World, desk: At) -> None:
    admin = desk(world.receiving_admin)
    told = admin.does(page(world, "hold"), reason="M-Pesa is down")

    assert "Prompts are on hold." in told
    assert "M-Pesa is down" in told
    assert "by Receiving-Admin" in told
    assert admin.post(page(world, "hold"), reason="again").status_code == 409
    assert "Prompts go out again" in admin.does(page(world, "release"))
    assert admin.post(page(world, "release")).status_code == 409
    assert value("SELECT released_by FROM account_hold") == "Receiving-Admin"


@pytest.mark.parametrize("reason", ["", "x" * 201, "a\x00b"])
def test_a_hold_needs_a_reason(world: World, desk: At, reason: str) -> None:
    before = kept()
    answer = desk(world.receiving_admin).post(page(world, "hold"), reason=reason)

    assert answer.status_code == 422
    assert "Why has 1 to 200 characters" in answer.content.decode()
    assert kept() == before


# --- check my keys ---------------------------------------------------------------------------------------------------


def test_right_keys_are_told_so_whether_or_not_a_token_is_there(
    town: World, desk: At, simulator: RunningSimulator
) -> None:
    admin = desk(town.receiving_admin)
    for asked in (1, 2):
        told = admin.does(page(town, "check"))
        assert findings(told)[0] == ("wait", "Safaricom is being asked.")
        assert work() == 1
        assert findings(admin.text(page(town)))[0][0] == "good"
        assert len(requests_to(simulator, TOKEN)) == asked
        advance(61, simulator)
    assert (
        rows("SELECT facility, actor, about->>'finding' AS finding FROM logbook WHERE kind = 'keys.checked'")
        == [{"facility": town.tumaini.pk, "actor": town.receiving_admin.user, "finding": "right"}] * 2
    )


def test_many_clicks_are_one_call(town: World, desk: At, simulator: RunningSimulator) -> None:
    admin = desk(town.receiving_admin)
    for _ in range(3):
        admin.does(page(town, "check"))
    assert work() == 1
    assert "It was asked just now: this is the answer." in admin.does(page(town, "check"))
    assert work() == 0
    assert len(requests_to(simulator, TOKEN)) == 1
    advance(61, simulator)
    admin.does(page(town, "check"))

    assert work() == 1


@pytest.mark.parametrize("wrong", ["consumer_key", "consumer_secret"])
def test_wrong_keys_are_told_so(town: World, desk: At, simulator: RunningSimulator, wrong: str) -> None:
    admin = desk(town.receiving_admin)
    set_keys(replace(credentials(simulator.url), **{wrong: "another"}))
    admin.does(page(town, "check"))
    work()

    looks, words = findings(admin.text(page(town)))[0]
    assert (looks, words[:53]) == ("bad", "Safaricom does not take consumer key and secret: one ")
    assert "another" not in admin.text(page(town))


def test_keys_of_the_other_environment_are_called_what_they_are(
    town: World, desk: At, simulator: RunningSimulator
) -> None:
    right = credentials(simulator.url)
    set_keys(replace(right, consumer_secret="another"))
    desk(town.receiving_admin).does(page(town, "check"))

    work(other=lambda _: right)

    assert "of the other environment" in findings(desk(town.receiving_admin).text(page(town)))[0][1]


def test_where_the_other_environment_is(world: World) -> None:
    real = replace(
        credentials("https://api.safaricom.co.ke"),
        environment=Environment.PRODUCTION,
        short_code="600001",
        consumer_key="k",
        consumer_secret="s",
        passkey="p",
    )
    there = elsewhere(real)

    assert there is not None
    assert (there.base_url, there.consumer_key, there.consumer_secret) == ("https://sandbox.safaricom.co.ke", "k", "s")
    assert there.passkey != "p"
    back = elsewhere(there)
    assert back is not None
    assert back.base_url == "https://api.safaricom.co.ke"
    assert elsewhere(credentials("http://127.0.0.1:1")) is None


def test_no_answer_says_nothing_about_the_keys(world: World, desk: At) -> None:
    set_keys(credentials(f"http://127.0.0.1:{free_port()}"))
    desk(world.receiving_admin).does(page(world, "check"))
    work()

    assert findings(desk(world.receiving_admin).text(page(world)))[0] == (
        "wait",
        "Safaricom did not answer, so nothing is known of the keys.",
    )


def test_unreadable_keys_end_the_check(world: World, desk: At) -> None:
    execute("UPDATE mpesa_account SET sealed_keys = 'x'")
    desk(world.receiving_admin).does(page(world, "check"))

    assert work() == 1
    assert value("SELECT finding FROM key_check") == "unreadable"


def test_a_check_that_nobody_does_says_so(world: World, desk: At) -> None:
    desk(world.receiving_admin).does(page(world, "check"))
    advance(31)

    assert findings(desk(world.receiving_admin).text(page(world)))[0][1] == "Nobody has asked Safaricom yet."


def test_a_check_whose_worker_died_is_done_by_the_next(town: World, desk: At, simulator: RunningSimulator) -> None:
    desk(town.receiving_admin).does(page(town, "check"))
    execute("UPDATE key_check SET next_at = rufaa_now() + interval '60 s'")
    assert work() == 0
    advance(61, simulator)

    assert work() == 1
    assert value("SELECT finding FROM key_check") == "right"


@pytest.mark.parametrize(
    ("state", "taken", "said", "looks"),
    [
        ("unpaid", "ws_CO_1", "", "good"),
        ("refused", None, "[MerchantValidate] - Wrong credentials", "bad"),
        ("refused", None, "Merchant does not exist", "bad"),
        ("refused", None, "Bad Request - Invalid PhoneNumber", "wait"),
    ],
)
def test_the_last_prompt_is_the_proof_of_the_passkey(
    world: World, desk: At, state: str, taken: str | None, said: str, looks: str
) -> None:
    _, prompt = world.prompted()
    execute("ALTER TABLE prompt DISABLE TRIGGER USER")
    execute(
        "UPDATE prompt SET state = %(state)s, checkout_request_id = %(taken)s, message = %(said)s WHERE id = %(id)s",
        state=state,
        taken=taken,
        said=said,
        id=uuid.UUID(str(prompt)),
    )
    execute("ALTER TABLE prompt ENABLE TRIGGER USER")

    assert findings(desk(world.receiving_admin).text(page(world)))[-1][0] == looks
