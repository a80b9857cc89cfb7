"""``rufaa demo``: everything on one machine, with a pretend Safaricom, three facilities and five people."""

from __future__ import annotations

import json
import os
import textwrap
import urllib.request
from datetime import time, timedelta
from functools import partial
from typing import Annotated, Final

import structlog
import typer

from rufaa import log
from rufaa.cli import serve
from rufaa.config import Config, config, load
from rufaa.daraja.client import Timeouts
from rufaa.errors import InvalidSetting
from rufaa.simulator import initiator
from rufaa.simulator.chaos import Swarm
from rufaa.simulator.config import (
    DEMO_CONSUMER_KEY,
    DEMO_CONSUMER_SECRET,
    DEMO_INITIATOR_NAME,
    DEMO_INITIATOR_PASSWORD,
    DEMO_PASSKEY,
    DEMO_SHORT_CODE,
    Chaos,
)

REFERRING: Final = "Uhuru Health Centre"
RECEIVING: Final = "Tumaini Referral Hospital"
BY_APPOINTMENT: Final = "Baraka Specialist Clinic"
"""It takes people by the slots of its clinic; at the other one days and times are plain words, as the seed has them."""
FEE_SHILLINGS: Final = 1000
NOMINATED_NUMBER: Final = "254708374149"
PEOPLE: Final = {
    "physician": ("Dr Wanjiru Kamau", "refers"),
    "admin": ("Achieng Otieno", "administers all three facilities"),
    "receiver": ("Musa Hassan", "receives at Tumaini and Baraka"),
    "finance": ("Njeri Mwangi", "keeps the money of both"),
    "cashier": ("Peter Kimani", "agrees to what goes back"),
}
_HOURS: Final = ((time(8), time(12)), (time(14), time(16)))
_TOKEN_DAYS: Final = 30
_PATIENCE: Final = Timeouts(connect_s=2, total_s=4)
_log = structlog.get_logger()


def command(
    chaos: Annotated[
        int | None,
        typer.Option(min=0, metavar="SEED", help="Let M-Pesa go wrong by chance: one seed is one story."),
    ] = None,
) -> None:
    """Run everything on loopback: server, worker, PostgreSQL, simulator, demo people. For trying out only."""
    simulator_port = config().port + 1
    if simulator_port > 65535:
        raise InvalidSetting("RUFAA_PORT=65535: the simulator takes the next port, and there is none.")
    simulator_url = f"http://127.0.0.1:{simulator_port}"
    key = config().data.absolute() / "simulator.key"
    env = {
        "RUFAA_MODE": "demo",
        "RUFAA_SIMULATOR_URL": simulator_url,
        "RUFAA_SMS_URL": config().environ.get("RUFAA_SMS_URL") or f"handset://127.0.0.1:{simulator_port}",
        "MPESA_ENVIRONMENT": "simulator",
        "MPESA_BASE_URL": simulator_url,
        "MPESA_CONSUMER_KEY": DEMO_CONSUMER_KEY,
        "MPESA_CONSUMER_SECRET": DEMO_CONSUMER_SECRET,
        "MPESA_SHORTCODE": DEMO_SHORT_CODE,
        "MPESA_PASSKEY": DEMO_PASSKEY,
        "MPESA_INITIATOR_NAME": DEMO_INITIATOR_NAME,
        "MPESA_INITIATOR_PASSWORD": DEMO_INITIATOR_PASSWORD,
        "MPESA_CERTIFICATE": str(initiator.certificate_of(key)),
        "MPESA_NOMINATED_NUMBER": NOMINATED_NUMBER,
    }
    if config().log == "auto":
        env["RUFAA_LOG"] = "plain"  # for the eyes of who tries it; the parts write to a pipe, and would take json
    if config().callback_networks is None:
        env["RUFAA_CALLBACK_ADDRESSES"] = "127.0.0.1"  # forgers, whom chaos and the handset send, come from elsewhere
    os.environ.update(env)
    given = load({**config().environ, **env})
    config.cache_clear()
    log.set_up(given.log)
    serve.need_port(given.host, given.port)
    serve.need_port("127.0.0.1", simulator_port, what="the simulator")
    serve.need_worker_port(given)
    said: list[str] = []
    made: list[Config] = []
    journal = given.data / "simulator.jsonl"
    if not given.data.is_dir():  # made as the embedded PostgreSQL would, which comes later
        given.data.mkdir(parents=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    initiator.kept_in(key)  # the server reads its certificate before the simulator is there
    simulator = serve.part(
        "simulator",
        f"--port={simulator_port}",
        f"--journal={journal}",
        f"--key={key}",
        "--quiet",
        *([] if chaos is None else [f"--chaos={chaos}"]),
        env=env,
        ready=lambda: serve.answers(simulator_url),
    )

    def make(now: Config) -> None:
        said.append(prepare(now, simulator_url=simulator_url, chaos=chaos))
        made.append(now)

    def ready() -> None:
        register(made[0])
        register_sms(made[0], simulator_url)
        print(f"ready {given.public_url}\n{said[0]}", flush=True)

    raise SystemExit(serve.run(given, env=env, prepare=make, on_ready=ready, more=(simulator,)))


def prepare(now: Config, *, simulator_url: str, chaos: int | None = None) -> str:
    """Demo data, made once and found again at the next start. Returns what to tell the one who started it."""
    from rufaa.cli.token import token_for  # noqa: PLC0415 - needs Django set up
    from rufaa.db.atomic import unit  # noqa: PLC0415

    unit(_people)
    tokens = {name: token_for(name, config=now, lifetime=timedelta(days=_TOKEN_DAYS)) for name in PEOPLE}
    lines = [
        "",
        f"  what runs here     {now.public_url}/",
        f"  virtual handset    {simulator_url}/   (PIN 1234)",
        *_about(chaos),
        "",
        f"  {REFERRING} refers to {RECEIVING} for KES {FEE_SHILLINGS:,}.00,",
        f"  and to {BY_APPOINTMENT}, where a time is held while the fee is paid.",
        "  Its people, each with a token for setAuth (or name them by demoUserId):",
        "",
        *(line for name, told in PEOPLE.items() for line in (f"  {name:<10} {', '.join(told)}", tokens[name])),
        "",
        "  try it             cd examples/seed && npm ci && npm start",
        "  or by hand         README.md: sixty seconds to a paid referral",
        "  phones             254708374149 rings on the virtual handset",
        "                     254708000000 pays by itself, 254708001032 cancels",
        "  stop               Ctrl-C",
        "",
    ]
    return "\n".join(lines)


def register(now: Config) -> None:
    """Have the simulator tell of payments that come without a prompt, and let them be pulled. It may go wrong, under
    chaos on purpose: the demo goes on without, and says so."""
    from rufaa.cli import account  # noqa: PLC0415 - needs Django set up
    from rufaa.cli.migrate import close_connections  # noqa: PLC0415
    from rufaa.db.atomic import look  # noqa: PLC0415
    from rufaa.facilities.queries import account_named  # noqa: PLC0415

    ours = look(lambda _: account_named(DEMO_SHORT_CODE, environment="simulator").pk)
    for product, work in (("c2b", account.c2b), ("pull", account.pull)):
        try:
            told = account.with_registrar(now, partial(work, account=ours, config=now), timeouts=_PATIENCE)
        except Exception as error:  # noqa: BLE001 - whatever it was: what the demo shows works without
            _log.warning("demo.not_registered", product=product, error=log.trace(error))
            continue
        if not told.registered:
            _log.warning("demo.not_registered", product=product, why=told.words)
    close_connections()


def register_sms(now: Config, simulator_url: str) -> None:
    """The virtual handset passes on what a phone writes back, say STOP. Without it the demo goes on."""
    from rufaa.notices import arriving  # noqa: PLC0415 - needs Django set up

    ours = arriving.addresses(now.public_url, now.secret_keys)
    told = json.dumps({"incoming_url": ours.incoming, "reports_url": ours.reports}).encode()
    address = f"{simulator_url}/control/sms"  # of our own child, on loopback
    request = urllib.request.Request(address, told, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE.total_s):  # noqa: S310
            pass
    except OSError as error:
        _log.warning("demo.sms_not_registered", error=type(error).__name__)


def _about(chaos: int | None) -> list[str]:
    """Which faults the seed has on, in lines of a readable length."""
    if chaos is None:
        return []
    kinds = textwrap.wrap(", ".join(Swarm(Chaos(chaos)).shares), width=90, break_on_hyphens=False)
    return ["", f"  chaos is on        seed {chaos}; things go wrong by chance, no money is invented:"] + [
        f"                     {line}" for line in kinds
    ]


def _people(tx: object) -> None:
    from rufaa.appointments import clinics  # noqa: PLC0415 - needs Django set up
    from rufaa.appointments.clinics import Opening, Shape  # noqa: PLC0415
    from rufaa.appointments.models import Clinic  # noqa: PLC0415
    from rufaa.db.atomic import Tx  # noqa: PLC0415
    from rufaa.facilities.models import MpesaAccount, Price  # noqa: PLC0415
    from rufaa.facilities.operations import add_facility, add_member, add_user, set_price  # noqa: PLC0415
    from rufaa.facilities.rights import Role  # noqa: PLC0415
    from rufaa.money import Money  # noqa: PLC0415
    from rufaa.notices.models import Mode, Policy  # noqa: PLC0415
    from rufaa.notices.operations import set_policy  # noqa: PLC0415

    assert isinstance(tx, Tx)
    uhuru, tumaini, baraka = (add_facility(tx, name) for name in (REFERRING, RECEIVING, BY_APPOINTMENT))
    users = {name: add_user(tx, name, full_name=full_name) for name, (full_name, _) in PEOPLE.items()}
    add_member(tx, users["physician"], uhuru, Role.PHYSICIAN)
    for facility in (uhuru, tumaini, baraka):
        add_member(tx, users["admin"], facility, Role.ADMINISTRATOR)
    for facility in (tumaini, baraka):
        add_member(tx, users["receiver"], facility, Role.RECEPTION)
        add_member(tx, users["finance"], facility, Role.FINANCE)
        add_member(tx, users["cashier"], facility, Role.FINANCE)
    if not Price.objects.filter(facility=uhuru).exists():
        account = MpesaAccount.objects.get(environment="simulator", short_code=DEMO_SHORT_CODE)
        fee = Money.from_shillings(FEE_SHILLINGS)
        set_price(tx, uhuru, amount=fee, payee=tumaini, account=account)
        set_price(tx, uhuru, amount=fee, payee=baraka, account=account, receiving=baraka)
    if not Clinic.objects.filter(facility=baraka).exists():
        hours = tuple(Opening(day, opens, closes) for day in range(1, 7) for opens, closes in _HOURS)
        clinics.add(tx, baraka, Shape("Cardiology", ("Consultation", "Echo"), hours, slot_minutes=30, slot_capacity=2))
    for facility in (uhuru, tumaini, baraka):
        if not Policy.objects.filter(facility=facility).exists():  # at any hour: whoever tries it wants to see them
            set_policy(
                tx,
                facility,
                mode=Mode.UNLESS_REFUSED,
                language="en",
                quiet_from=time(0),
                quiet_until=time(0),
                silent=[],
            )
