"""What processes share about an account: the rate of its pushes, and its one access token."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from rufaa.daraja.client import Daraja, new_session
from rufaa.db.aside import Aside
from rufaa.payments.access import Accounts, SharedTokens
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    credentials,
    execute,
    pushes,
    requests_to,
    value,
)

T = TypeVar("T")
TOKEN = "/oauth/v1/generate"


def tokens_asked(simulator: RunningSimulator) -> int:
    return len(requests_to(simulator, TOKEN))


def with_tokens(town: World, work: Callable[[SharedTokens], Awaitable[T]]) -> T:
    """``work`` with the account's shared token, as a process of its own has it: own loop, session and threads."""

    async def main() -> T:
        aside = Aside(threads=2, name="tokens")
        try:
            async with new_session() as session:
                account = await Accounts(Daraja(session), aside, keys=KEYS).get(town.account.pk)
                return await work(account.tokens)
        finally:
            aside.close()

    return asyncio.run(main())


def token_of(town: World, *, rejected: str | None = None) -> str:
    return with_tokens(town, lambda tokens: tokens.token(rejected=rejected))


@pytest.mark.usefixtures("standing_clock")
def test_the_rate_of_an_account_spaces_its_pushes(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    execute("UPDATE mpesa_account SET pushes_per_s = 0.1")
    for each in range(3):
        town.prompted(f"25470800400{each}")

    counts = []
    for seconds in (0, 0, 9, 1, 0, 10):
        advance(seconds, simulator)
        worker.dispatch()
        counts.append(pushes(simulator))

    assert counts == [1, 1, 1, 2, 2, 3]


def test_two_dispatchers_share_the_rate_of_an_account(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    execute("UPDATE mpesa_account SET pushes_per_s = 0.1")
    for each in range(4):
        town.prompted(f"25470800400{each}")

    counts = []
    with ThreadPoolExecutor(2) as pool:
        for seconds in (0, 10, 10):
            advance(seconds, simulator)
            list(pool.map(lambda _: worker.dispatch(), range(2)))
            counts.append(pushes(simulator))

    assert counts == [1, 2, 3]


def test_two_processes_that_need_a_token_ask_for_one(town: World, simulator: RunningSimulator) -> None:
    # given: Daraja takes its time
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, on=Operation.TOKEN, delay_s=1))
    together = threading.Barrier(4)

    def one(_: int) -> str:
        together.wait()
        return token_of(town)

    with ThreadPoolExecutor(4) as pool:
        waiting = pool.map(one, range(4))
        simulator.wait_until(lambda: any(entry.kind == "fault-used" for entry in simulator.journal()))
        simulator.advance(1)
        found = list(waiting)

    assert len(set(found)) == 1
    assert tokens_asked(simulator) == 1


@pytest.mark.fault(9)
def test_a_token_that_daraja_rejects_is_renewed_once_for_all(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: somebody else took a token for this account, which killed ours
    town.prompted(RINGS)
    worker.dispatch()
    assert tokens_asked(simulator) == 1

    async def elsewhere() -> None:
        async with new_session() as session:
            await Daraja(session).fetch_token(credentials(simulator.url))

    asyncio.run(elsewhere())
    referrals = [town.prompted(f"25470800400{each}")[0] for each in range(5)]

    # when: five pushes go out at once
    worker.dispatch()

    # then: one new token, every prompt rings once
    assert tokens_asked(simulator) == 3
    assert len(simulator.prompts()) == 6
    assert len({prompt.phone for prompt in simulator.prompts()}) == 6
    assert {town.status(referral) for referral in referrals} == {"pending-payment"}
    assert value("SELECT count(*) FROM prompt WHERE state = 'pending'") == 6


def test_a_renewer_that_comes_too_late_does_not_replace_the_newer_token(
    town: World, simulator: RunningSimulator
) -> None:
    # given: one process has asked for a token and hangs past its renewal's time
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, on=Operation.TOKEN, delay_s=1))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(token_of, town)
        simulator.wait_until(lambda: any(entry.kind == "fault-used" for entry in simulator.journal()))
        advance(31)

        # when: another renews, and then the first wakes up
        newer = token_of(town)
        simulator.advance(1)
        older = late.result()

    # then
    assert older != newer
    assert token_of(town) == newer
    assert token_of(town, rejected=older) == newer
    assert tokens_asked(simulator) == 2


@pytest.mark.usefixtures("standing_clock")
def test_a_token_is_renewed_ahead_of_its_end(town: World, simulator: RunningSimulator) -> None:
    first = token_of(town)
    advance(3599 - 120 - 5, simulator)
    assert token_of(town) == first

    advance(10, simulator)

    assert token_of(town) != first
    assert tokens_asked(simulator) == 2


@pytest.mark.fault(9)
def test_a_token_that_cannot_be_fetched_leaves_the_prompt_to_be_sent_again(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.TOKEN))
    worker.dispatch()
    assert (town.prompt(prompt)["state"], town.prompt(prompt)["code"]) == ("created", "http-503")
    assert pushes(simulator) == 0

    advance(5, simulator)
    worker.dispatch()

    assert town.prompt(prompt)["state"] == "pending"
    assert (tokens_asked(simulator), pushes(simulator)) == (2, 1)
