"""The random mode: one seed is one story, no seed invents money, and it can be seen and stopped."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from rufaa.money import Money
from rufaa.simulator.chaos import Swarm
from rufaa.simulator.config import Chaos, InvalidSettings, SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.state import State
from rufaa.simulator.testing import running_simulator

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Client
    from rufaa.simulator.testing import RunningSimulator

PHONES = [f"2547{place:02}00{code}" for place in range(12) for code in ("0000", "1032")]
TROUBLE = (http.client.HTTPException, OSError, ValueError, KeyError, AssertionError)
"""What a client may meet: cut connections, answers that do not come, that are no JSON, or that are refusals."""


def drawn(swarm: Swarm, phones: list[str]) -> dict[str, list[str]]:
    """What each phone's three pushes meet, whichever phone comes first."""
    met: dict[str, list[str]] = {phone: [] for phone in phones}
    for _ in range(3):
        for phone in phones:
            each = swarm.draw(Operation.PUSH, phone)
            faults = (each.answer, *each.callbacks, each.query, each.maintenance)
            met[phone].append(str([fault.to_data() for fault in faults if fault is not None]))
    return met


def test_one_seed_is_one_story_in_whichever_order_requests_come() -> None:
    chaos = Chaos(7, rate=0.5)
    assert drawn(Swarm(chaos), PHONES) == drawn(Swarm(chaos), PHONES[::-1])
    assert drawn(Swarm(chaos), PHONES) != drawn(Swarm(Chaos(8, rate=0.5)), PHONES)
    assert drawn(Swarm(chaos), PHONES) != drawn(Swarm(chaos, start=1), PHONES), "a restarted one goes on otherwise"


def test_a_seed_chooses_which_kinds_are_on() -> None:
    on = {seed: set(Swarm(Chaos(seed)).shares) for seed in range(40)}
    assert len({frozenset(kinds) for kinds in on.values()}) == 40
    assert set.union(*on.values()) == set(FaultKind) - {FaultKind.ANSWER_REPLACED}
    assert all(each != set.union(*on.values()) for each in on.values())
    assert all(0 < share <= 0.25 for seed in on for share in Swarm(Chaos(seed)).shares.values())


def hides_the_id(answer: Fault | None) -> bool:
    keeps = {FaultKind.ANSWER_DELAYED, FaultKind.CALLBACK_FIRST}
    return answer is not None and not answer.before_effect and answer.kind not in keeps


def test_every_draw_leaves_a_witness_of_the_payment() -> None:
    lost = hidden = 0
    for seed in range(30):
        swarm = Swarm(Chaos(seed, rate=1.0))
        for place in range(60):
            each = swarm.draw(Operation.PUSH, str(place))
            callbacks = {fault.kind for fault in each.callbacks}
            unseen = bool(callbacks & {FaultKind.CALLBACK_LOST, FaultKind.CALLBACK_TAMPERED})
            assert not (unseen and hides_the_id(each.answer))
            assert not (unseen and FaultKind.CALLBACK_FAILURE_FIRST in callbacks)
            if unseen and each.query is not None:
                assert each.query.parameters.get("times", 1) == 1
            for fault in each.callbacks:
                assert fault.parameters.get("field") not in {"receipt", "result_code"}, "nobody could ever tell"
            lost += unseen
            hidden += hides_the_id(each.answer)
    assert lost > 100
    assert hidden > 100


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_said_the_books_stay_true(simulate: Callable[..., Client], seed: int) -> None:
    client = simulate()
    client.patience_s = 0.1  # an answer that is held back waits for the clock, which this client moves
    client.control("/control/chaos", {"seed": seed, "rate": 0.4})
    for phone in PHONES:
        for _ in range(3):
            with suppress(*TROUBLE):
                client.authorize()
            with suppress(*TROUBLE):
                asked = client.pushed(phone)
                client.sim.advance(20)
                client.query(asked)
        client.sim.advance(60)
    client.sim.calm()
    client.sim.advance(20_000)

    moved = [entry.data["moved"] for entry in client.sim.journal() if entry.kind == "prompt-ended"]
    payments = [each for each in moved if each is not None]
    prompts = client.sim.prompts()
    assert len(prompts) >= 5
    assert {each.state for each in prompts} <= {State.PAID, State.UNPAID}
    assert len(moved) == len(prompts)
    assert client.sim.till("174379") == Money(100_000 * len(payments))
    assert len({each["receipt"] for each in payments}) == len(payments)
    for prompt in prompts:
        assert (prompt.state is State.PAID) == (prompt.receipt is not None) == (prompt.result_code == "0")
        assert all(posting.sent for posting in prompt.postings)
    paid = dict.fromkeys(PHONES, 0)
    for each in payments:
        paid[each["from_wallet"]] += 1
    assert {client.sim.wallet(phone).cents + 100_000 * times for phone, times in paid.items()} == {7_000_000}
    assert all(times == 0 for phone, times in paid.items() if phone.endswith("1032"))
    assert any(entry.kind == "fault-used" for entry in client.sim.journal())
    assert not [entry for entry in client.sim.journal() if entry.kind == "internal-error"]


def test_a_scripted_fault_goes_before_what_chance_draws(simulate: Callable[..., Client]) -> None:
    client = simulate()
    seed = next(seed for seed in range(100) if FaultKind.MAINTENANCE not in Swarm(Chaos(seed)).shares)
    client.control("/control/chaos", {"seed": seed, "rate": 1})  # without maintenance, which alone would go first
    client.sim.script(Fault(FaultKind.ANSWER_PRESET, preset="quota"))
    assert client.push().json["errorCode"] == "500.003.03"
    client.sim.calm()
    client.authorize()
    assert client.push().status == 200


def shown(client: Client) -> dict[str, Any]:
    """What the page of phones gets first."""
    connection = http.client.HTTPConnection(urlsplit(client.sim.url).netloc, timeout=20)
    try:
        connection.request("GET", "/handset/stream")
        response = connection.getresponse()
        line = next(each for each in iter(response.readline, b"") if each.startswith(b"data: "))
        picture: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
        return picture
    finally:
        connection.close()


def test_it_is_started_seen_and_stopped_over_http(client: Client) -> None:
    assert client.get("/control/chaos").json == {"chaos": None}
    on = client.control("/control/chaos", {"seed": 7, "rate": 0.5}).json["chaos"]
    assert (on["seed"], on["rate"], on["kinds"]) == (7, 0.5, [str(each) for each in Swarm(Chaos(7)).shares])
    assert shown(client)["chaos"] == f"Chaos 7 is on: {', '.join(on['kinds'])}."
    assert client.ask("/control/chaos", method="DELETE").json == {"chaos": None}
    assert shown(client)["chaos"] is None
    told = [entry.data["seed"] for entry in client.sim.journal() if entry.kind == "chaos"]
    assert told == [7, None]


@pytest.mark.parametrize("body", [{}, {"seed": "7"}, {"seed": -1}, {"seed": 1, "rate": 0}, {"seed": 1, "rate": 2},
                                  {"seed": 1, "rate": "often"}, {"seed": 1, "kinds": []}])  # fmt: skip
def test_a_senseless_chaos_is_refused(client: Client, body: object) -> None:
    assert client.control("/control/chaos", body).status == 400
    assert client.get("/control/chaos").json == {"chaos": None}


def test_settings_refuse_it_too() -> None:
    with pytest.raises(InvalidSettings):
        Chaos(1, rate=1.5)


def test_a_restarted_simulator_goes_on_with_its_chaos(
    meet: Callable[[RunningSimulator], Client], tmp_path: Path
) -> None:
    settings = SimulatorSettings(manual_clock=True, query_rate=None, journal=tmp_path / "journal.jsonl")
    with running_simulator(settings) as first:
        client = meet(first)
        client.patience_s = 0.1
        client.control("/control/chaos", {"seed": 2, "rate": 0.6})
        for phone in PHONES:
            with suppress(*TROUBLE):
                client.authorize()
                client.push(phone)
        first.advance(2)
        before, till = first.prompts(), first.till("174379")
    assert any(not posting.sent for prompt in before for posting in prompt.postings)

    with running_simulator(replace(settings, chaos=Chaos(2, rate=0.6))) as second:
        assert (second.prompts(), second.till("174379")) == (before, till)
        assert [entry.data["seed"] for entry in second.journal() if entry.kind == "chaos"] == [2, 2]
        second.advance(20_000)
        assert {each.state for each in second.prompts()} <= {State.PAID, State.UNPAID}
        assert all(posting.sent for prompt in second.prompts() for posting in prompt.postings)
