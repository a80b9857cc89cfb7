"""``rufaa explain`` has words for everything that can happen."""

from __future__ import annotations

from rufaa.cli import story
from rufaa.payments.machine import MACHINES, ArrivalVerdict, Channel, Verdict
from rufaa.referrals.machine import MACHINE


def test_every_event_of_every_machine_has_its_words() -> None:
    events = {(machine.name, str(event)) for machine in (MACHINE, *MACHINES) for event in machine.events}

    assert {(machine, str(event)) for machine, event in story._WORDS} == events


def test_every_verdict_has_its_words() -> None:
    assert set(story._MEANS) == set(Verdict)
    assert set(story._ARRIVAL_MEANS) == set(ArrivalVerdict)
    assert set(story._SOURCES) == set(Channel)
