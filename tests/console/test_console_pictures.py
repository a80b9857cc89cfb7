"""The README's pictures, each of a page as it is. ``PICTURES=folder`` keeps them there; ``make pictures`` does that.

Clock, chance and people are the same in every run, so that a picture changes only where its page has. Bytes are not
compared: they hang on the machine's fonts. What fails is a page that can no longer be pictured.
"""

from __future__ import annotations

import os
import random
import re
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import psycopg
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from demo_process import ROOT
from desks import Elsewhere
from rufaa import clock, ids
from rufaa.db.atomic import unit
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.testing import RunningSimulator, running_simulator
from small_png import smaller
from support import PAYS, RINGS, Worker, World, advance, execute, post, value

pytestmark = pytest.mark.browser

Screens = Callable[..., Page]
START: Final = datetime(2026, 11, 24, 5, 2, tzinfo=UTC)  # a Tuesday, 8:02 AM in Nairobi
LARGEST: Final = 120_000  # bytes
SECOND: Final = "254708007001"
PEOPLE: Final = {
    "physician": "Dr Wanjiru Kamau",
    "admin": "Achieng Otieno",
    "second-admin": "Njeri Mwangi",
    "receiver": "Musa Hassan",
}
WAY: Final = (
    Status.PENDING_ADMIN,
    Status.AWAITING_BIODATA,
    Status.PENDING_PAYMENT,
    Status.PAID,
    Status.CONFIRMED,
)
WAITING: Final = (  # who was referred before, and how far that is
    ("Grace Achieng", Priority.ROUTINE, Status.AWAITING_BIODATA, "Cataract, both eyes"),
    ("Samuel Kiprono", Priority.URGENT, Status.PENDING_PAYMENT, "Inguinal hernia"),
    ("Fatuma Ali", Priority.ROUTINE, Status.PENDING_PAYMENT, "Goitre"),
    ("Brian Mutua", Priority.EMERGENCY, Status.CONFIRMED, "Head injury"),
    ("Mercy Chebet", Priority.ROUTINE, Status.PAID, "Gallstones"),
    ("Peter Mwangi", Priority.URGENT, Status.PENDING_ADMIN, "Fracture of the tibia"),
    ("Zainab Juma", Priority.ROUTINE, Status.PENDING_ADMIN, "Cleft lip"),
    ("Amina Hassan", Priority.URGENT, Status.PENDING_PAYMENT, "Fracture of the femur"),
)


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """One that begins at ``START``."""
    with running_simulator(SimulatorSettings(manual_clock=True, start_at=START, query_rate=None)) as running:
        yield running


class Day:
    """Time, which stands still until it is moved: everywhere at once."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self._simulator = simulator

    def now(self) -> datetime:
        return self._simulator.now()

    def later(self, *, minutes: float = 0, seconds: float = 0) -> None:
        advance(60 * minutes + seconds, self._simulator)


@pytest.fixture
def day(simulator: RunningSimulator, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """PostgreSQL, Python and M-Pesa at ``START``, and chance from one seed."""
    stands = Day(simulator)
    chance = random.Random(1)
    monkeypatch.setattr(clock, "now", stands.now)
    monkeypatch.setattr(timezone, "now", stands.now)
    chosen = SimpleNamespace(choice=chance.choice, token_hex=lambda size: chance.randbytes(size).hex())
    monkeypatch.setattr(ids, "secrets", chosen)
    with psycopg.connect(database, autocommit=True) as admin:
        (usual,) = admin.execute("SELECT pg_get_functiondef('rufaa_now'::regproc)").fetchone() or ("",)
        admin.execute(usual.replace("statement_timestamp()", f"timestamptz '{START.isoformat()}'"))
        try:
            yield stands
        finally:
            admin.execute(usual)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(os.environ.get("PICTURES", tmp_path))


@pytest.fixture
def keep(folder: Path) -> Callable[[Page, str], None]:
    """Takes a picture in light and dark, and looks whether it is one; makes it small, in seconds, if it is kept."""
    kept = "PICTURES" in os.environ
    folder.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        assert page.viewport_size is not None
        for scheme, suffix in (("light", ""), ("dark", "-dark")):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            picture = page.screenshot(animations="disabled", caret="hide")
            assert struct.unpack(">II", picture[16:24]) == tuple(page.viewport_size.values())
            assert len(picture) > 20_000, f"{name} is nearly empty"
            if kept:
                picture = smaller(picture)
                assert len(picture) <= LARGEST
            (folder / f"{name}{suffix}.png").write_bytes(picture)

    return keep


def referred(town: World, name: str, priority: Priority, diagnosis: str) -> str:
    row = unit(
        lambda tx: referrals.create(
            tx,
            town.physician,
            patient_name=name,
            receiving=town.tumaini.name,
            priority=priority,
            medical_history="none",
            lab_results="none",
            diagnosis=diagnosis,
        ),
        actor=town.physician.user,
    )
    return row.pk.hex


def brought_to(town: World, worker: Worker, day: Day, referral: str, status: Status) -> None:
    """On its ordinary way, and the money with it."""
    for each in WAY[: WAY.index(status)]:
        match each:
            case Status.PENDING_ADMIN:
                town.move(referral, Status.AWAITING_BIODATA)
            case Status.AWAITING_BIODATA:
                town.move(referral, Status.PENDING_PAYMENT)
            case Status.PENDING_PAYMENT:
                town.ask(referral, Phone(PAYS))
                worker.dispatch()
                day.later(seconds=20)
                worker.settle()
            case _:
                town.move(referral, Status.CONFIRMED, by=town.receiver)


@pytest.fixture
def morning(town: World, worker: Worker, day: Day, elsewhere: Elsewhere) -> dict[str, str]:
    """A morning's work. The ids of the referrals, by the patient's name."""

    def work() -> dict[str, str]:
        made: dict[str, str] = {}
        for name, told in PEOPLE.items():
            execute("UPDATE rufaa_user SET full_name = %(told)s WHERE username = %(name)s", name=name, told=told)
        for name, priority, status, diagnosis in WAITING:
            made[name] = referred(town, name, priority, diagnosis)
            brought_to(town, worker, day, made[name], status)
            day.later(minutes=14)
        return made

    return elsewhere(work)


def token_of(referral: str) -> str:
    return str(value("SELECT token FROM referral WHERE id::text = %(id)s", id=str(ids.from_wire(referral))))


def test_the_readmes_pictures(
    town: World,
    simulator: RunningSimulator,
    worker: Worker,
    day: Day,
    morning: dict[str, str],
    screens: Screens,
    elsewhere: Elsewhere,
    keep: Callable[[Page, str], None],
    folder: Path,
) -> None:
    # on the handset: a second phone erred before, and paid then
    for pin in ("0000", "1234"):
        elsewhere(lambda: town.ask(morning["Fatuma Ali"], Phone(SECOND)))
        elsewhere(worker.dispatch)
        simulator.answer(SECOND, pin=pin)
        elsewhere(lambda: day.later(seconds=70))
        elsewhere(worker.settle)
    amina = morning["Amina Hassan"]
    elsewhere(lambda: town.ask(amina, Phone(RINGS)))
    elsewhere(worker.dispatch)
    elsewhere(lambda: day.later(seconds=17))
    assert simulator.wallet(SECOND) == Money(6_900_000)

    desk = screens(town.admin, viewport={"width": 1280, "height": 800})
    desk.goto("/work/")
    expect(desk.get_by_role("link", name="Amina Hassan")).to_be_visible()
    keep(desk, "work")

    desk.goto(f"/referrals/{amina}/")
    expect(desk.get_by_text("Enter the M-Pesa PIN on the phone.").first).to_be_visible()
    keep(desk, "referral")

    token = elsewhere(lambda: token_of(amina))
    patient = screens(town.admin, viewport={"width": 360, "height": 740}, locale="sw-KE")
    patient.goto(f"/r/{token}?lang=sw")
    expect(patient.get_by_role("link", name="English")).to_be_visible()
    keep(patient, "patient")

    handset = screens(town.admin, viewport={"width": 1280, "height": 800})
    handset.goto(f"{simulator.url}/?phone={RINGS}&phone={SECOND}")
    expect(handset.get_by_role("dialog")).to_contain_text("Do you want to pay KES 1,000.00 to RUFAA DEMO Account ")
    expect(handset.get_by_role("timer").first).to_have_text("43")
    expect(handset.locator(f"#phone-{SECOND} .bubble")).to_have_count(2)
    post(f"{simulator.url}/control/switches/callback-late", {"times": "once", "seconds": 45})
    expect(handset.locator("#on-now")).to_have_text("On now: callback late (once).")
    keep(handset, "handset")

    shown = re.findall(r"docs/pictures/([\w-]+\.png)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(each.name for each in folder.glob("*.png")) == sorted(shown)
