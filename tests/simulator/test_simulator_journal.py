"""The journal: complete, flushed, and enough to go on after a restart."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rufaa.money import Money
from rufaa.simulator import journal
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.engine import Engine
from rufaa.simulator.journal import JournalDamaged, JournalInUse
from rufaa.simulator.testing import RunningSimulator, running_simulator

if TYPE_CHECKING:
    from conftest import Client, Listener


def kinds(client: Client) -> list[str]:
    return [entry.kind for entry in client.sim.journal()]


def test_every_request_and_every_event_is_in_it(client: Client) -> None:
    client.pushed()
    client.sim.ignore("254708374149")
    client.sim.advance(61)
    client.push(Amount=0)
    assert kinds(client) == [
        "started",
        "exchange",
        "prompt-created",
        "exchange",
        "prompt-put-aside",
        "prompt-ended",
        "callback-sent",
        "clock",
        "exchange",
    ]
    last = client.sim.journal()[-1]
    assert (last.n, last.data["method"], last.data["path"], last.data["status"]) == (
        9,
        "POST",
        "/mpesa/stkpush/v1/processrequest",
        400,
    )
    assert json.loads(last.data["body"])["Amount"] == 0
    assert json.loads(last.data["answer"])["errorMessage"] == "Bad Request - Invalid Amount"


def test_money_that_moved_is_told_in_the_line_that_ends_the_prompt(client: Client) -> None:
    client.pushed("254708000000")
    client.sim.advance(2)
    (ended,) = [entry for entry in client.sim.journal() if entry.kind == "prompt-ended"]
    assert ended.data["moved"] == {
        "receipt": client.sim.prompts()[0].receipt,
        "from_wallet": "254708000000",
        "to_till": "174379",
        "amount_cents": 100_000,
    }


def test_no_token_and_no_secret_is_taken_from_the_headers(client: Client) -> None:
    client.pushed()
    pushes = [e for e in client.sim.journal() if e.kind == "exchange" and e.data["method"] == "POST"]
    assert len(pushes) == 1
    assert client.token not in json.dumps(pushes[0].to_json())


def test_a_restarted_simulator_goes_on_where_it_was(
    meet: Callable[[RunningSimulator], Client], listener: Listener, tmp_path: Path
) -> None:
    file = tmp_path / "journal.jsonl"
    with running_simulator(SimulatorSettings(manual_clock=True, journal=file)) as first:
        client = meet(first)
        paid = client.pushed("254708000000")
        ringing = client.pushed("254708374149")
        due = client.pushed("254708001032")
        first.advance(1.1)  # the two have ended; their callbacks are due at 1.5
        assert listener.bodies == []
        before = first.prompts()

    with running_simulator(SimulatorSettings(manual_clock=True, journal=file)) as second:
        assert second.prompts() == before
        assert (second.till("174379"), second.wallet("254708000000")) == (Money(100_000), Money(6_900_000))
        client = meet(second)
        assert client.push("254708374149").status == 500, "still locked"
        second.advance(0.5)
        assert sorted(each["CheckoutRequestID"] for each in listener.callbacks) == sorted([paid, due])
        second.answer("254708374149")
        second.advance(1)
        assert listener.callbacks[-1]["CheckoutRequestID"] == ringing
        ids = [each.merchant_request_id for each in second.prompts()]
        receipts = [each.receipt for each in second.prompts() if each.receipt]
        assert client.push("254708000000").status == 200
        second.advance(70)
        assert len({each.merchant_request_id for each in second.prompts()}) == len(ids) + 1
        assert len({each.receipt for each in second.prompts() if each.receipt}) == len(receipts) + 1
        assert len(listener.bodies) == 4

    with running_simulator(SimulatorSettings(manual_clock=True, journal=file)) as third:
        third.advance(1_000)
        assert third.till("174379") == Money(300_000)
    assert len(listener.bodies) == 4, "what was called back is not called back again"


def test_an_unanswered_prompt_runs_out_across_a_restart(
    meet: Callable[[RunningSimulator], Client], listener: Listener, tmp_path: Path
) -> None:
    file = tmp_path / "journal.jsonl"
    with running_simulator(SimulatorSettings(manual_clock=True, journal=file)) as first:
        meet(first).pushed()
        first.advance(59)
    with running_simulator(SimulatorSettings(manual_clock=True, journal=file)) as second:
        second.advance(2)
    assert [each["ResultCode"] for each in listener.callbacks] == [1037]


@pytest.mark.parametrize("torn", [b"{", b'{"n": 5, "at": "2026-', b'{"n":99}'])
def test_a_torn_last_line_is_dropped_and_written_over(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "journal.jsonl"
    settings = SimulatorSettings(manual_clock=True, journal=file)
    with running_simulator(settings) as first:
        first.set_wallet("254708374149", Money(5))
    with file.open("ab") as writer:
        writer.write(torn)
    for _ in range(2):
        with running_simulator(settings) as again:
            assert again.wallet("254708374149") == Money(5)
    numbers = [json.loads(line)["n"] for line in file.read_text().splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    "damage",
    [b"garbage\n", b"[]\n", b'{"n": 1}\n', b'{"n": 7, "at": "2026-01-01T00:00:00+00:00", "kind": "clock"}\n',
     b'{"n": 1, "at": "2026-01-01T00:00:00+00:00", "kind": "wallet-set", "phone": "254708374149"}\n'],
)  # fmt: skip
def test_damage_elsewhere_is_refused_with_its_line(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_bytes(damage)
    with pytest.raises(JournalDamaged) as refused:
        Engine(SimulatorSettings(journal=file))
    assert refused.value.data == {"line": 1}
    assert file.read_bytes() == damage


def test_each_start_has_chances_of_its_own(meet: Callable[[RunningSimulator], Client], tmp_path: Path) -> None:
    settings = SimulatorSettings(manual_clock=True, journal=tmp_path / "journal.jsonl")
    tokens = set()
    for _ in range(3):
        with running_simulator(settings) as sim:
            tokens.add(meet(sim).token)
    assert len(tokens) == 3


def test_a_line_that_is_cut_short_leaves_nothing(tmp_path: Path) -> None:
    class FullDisk(io.FileIO):
        def write(self, line: Any) -> int:
            super().write(line[:5])
            raise OSError(28, "No space left on device")

    file = tmp_path / "journal.jsonl"
    file.write_bytes(b"first\n")
    with FullDisk(file, "ab") as full, pytest.raises(OSError, match="No space left"):
        journal._append(full, b"second line\n")
    assert file.read_bytes() == b"first\n"


def test_two_simulators_never_share_a_journal(tmp_path: Path) -> None:
    settings = SimulatorSettings(manual_clock=True, journal=tmp_path / "journal.jsonl")
    with running_simulator(settings), pytest.raises(JournalInUse), running_simulator(settings):
        pass
    with running_simulator(settings) as after:
        assert [entry.kind for entry in after.journal()] == ["started", "started"]


def test_fields_that_came_later_have_their_defaults_in_an_older_journal(
    meet: Callable[[RunningSimulator], Client], tmp_path: Path
) -> None:
    file = tmp_path / "journal.jsonl"
    settings = SimulatorSettings(manual_clock=True, journal=file)
    with running_simulator(settings) as first:
        meet(first).pushed("254708374149")
        before = first.prompts()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        for later in ("plan", "query_plan", "said_id", "held_until", "postings", "misled"):
            line.get("prompt", {}).pop(later, None)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    with running_simulator(settings) as second:
        assert second.prompts() == before
