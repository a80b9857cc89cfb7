"""Peers in the same run: the same callback, and the same push, as users answer and send them today.

* *Django*: a view with django-daraja and the ORM under gunicorn, ``peers/django``.
* *Express*: a handler with ``pg`` and mpesa-node, ``peers/express``.

Both do what their packages' READMEs show, no more: parse, one row, commit, answer. Their databases stand in the same
PostgreSQL as Rufaa's and sync as it does. Of Rufaa a callback counts once it is *settled*, by the whole law: referral
``paid``, receipt, ledger, history, notification; theirs once it is answered, for there is nothing behind it.

A push is a click over HTTP that is answered after the simulator's answer is committed. mpesa-node takes a token from
the simulator for each push; django-daraja keeps one for 50 minutes in its table, Rufaa in its own.

Where a peer cannot be set up, its figures are left out, and a line says so.
"""

from __future__ import annotations

import itertools
import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import peer_servers
from callbacks import Callbacks, await_settled, check
from figures import Figure
from peer_servers import Missing, Server
from population import ringing, waiting
from processes import Gateway, WorkerRole, daraja_token
from prompts import posted
from storm import Storm, request
from town import SECRET, callback, database

CONNECTIONS: Final = 64
REPEATS: Final = 5
SIMULATOR: Final = "the simulator alone"
GOALS: Final = {"Django": 8.0, "Express": 3.0}
CALLBACKS: Final = {"Rufaa": 6000, "Django": 2000, "Express": 4000}
"""Callbacks of one turn, which takes each some seconds."""
PUSHES: Final = 300
"""Of one turn of each."""
_WARM: Final = 128
"""Of each before the first turn: connections are open, tokens taken, and modules imported."""
_START: Final = {"Django": peer_servers.django, "Express": peer_servers.express}
_TABLES: Final = {"Django": "shop_", "Express": ""}
_DURABLE: Final = "SELECT current_setting('fsync') || current_setting('synchronous_commit')"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one did in its turn. Processor time is of all its processes and PostgreSQL's, for each callback or push."""

    per_s: float
    answered_per_s: float  # the same, but where more has to be done after the answer
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer that runs, and what to count in its database."""

    name: str
    server: Server
    url: str
    tables: str  # what their names begin with


TakeTurn = Callable[[int], Turn]
"""Takes so many callbacks, or pushes."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all of them stand on."""

    url: str  # of Rufaa's database
    simulator: Server
    peers: tuple[Peer, ...]
    world: Any
    postmaster: int


def measured(quick: bool) -> list[Figure]:
    repeats, share = (2, 6) if quick else (REPEATS, 1)
    with _staged() as stage:
        settled = _callbacks(stage, {name: count // share for name, count in CALLBACKS.items()}, repeats=repeats)
        sent = _pushes(stage, PUSHES // share, repeats=repeats)
    return _told("callbacks settled", settled, goals=GOALS) + _told("pushes", sent, goals={})


@contextmanager
def _staged() -> Iterator[Stage]:
    with ExitStack() as stack:
        url = stack.enter_context(database())
        simulator = peer_servers.simulator()
        stack.callback(simulator.close)
        from support import make_world, value

        world = make_world(simulator.url)
        peers = []
        for name in _START:
            peer = _started(name, url, simulator)
            if peer is not None:
                stack.callback(peer.server.close)
                peers.append(peer)
        postmaster = int(str(value("SELECT pg_read_file('postmaster.pid')")).split()[0])
        yield Stage(url=url, simulator=simulator, peers=tuple(peers), world=world, postmaster=postmaster)


def _started(name: str, url: str, simulator: Server) -> Peer | None:
    from rufaa.simulator import config

    place, theirs = peer_servers.database(url, f"peer_{name.lower()}")
    settings = place | {
        "MPESA_BASE_URL": simulator.url,
        "MPESA_CONSUMER_KEY": config.DEMO_CONSUMER_KEY,
        "MPESA_CONSUMER_SECRET": config.DEMO_CONSUMER_SECRET,
        "MPESA_SHORTCODE": config.DEMO_SHORT_CODE,
        "MPESA_PASSKEY": config.DEMO_PASSKEY,
        "CALLBACK_URL": peer_servers.NOWHERE,
    }
    try:
        server = _START[name](settings)
    except Missing as missing:
        print(f"{name} is left out: {missing}.")
        return None
    durable = {_one(each, _DURABLE) for each in (url, theirs)}
    if durable != {"onon"}:
        raise RuntimeError(f"not all commits are durable: {durable}")
    return Peer(name, server, theirs, _TABLES[name])


def _one(url: str, query: str) -> Any:
    import psycopg

    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


# --- callbacks ------------------------------------------------------------------------------------------------------


def _callbacks(stage: Stage, counts: Mapping[str, int], *, repeats: int) -> dict[str, list[Turn]]:
    ringing(stage.world, repeats * counts["Rufaa"] + _WARM - 1)  # and the one that they are copies of
    ours = Callbacks()
    with _rufaa(stage.url) as (gateway, worker):

        def settle(count: int) -> Turn:
            return _turn(
                stage,
                gateway.port,
                ours.next(count),
                servers=(gateway, worker),
                done=partial(await_settled, every_s=0.01),
            )

        turns: dict[str, TakeTurn] = {"Rufaa": settle}
        for peer in stage.peers:
            turns[peer.name] = partial(_accept, stage, peer)
        found = _in_turns(turns, counts, repeats=repeats)
    check(ours.sent)
    for peer in stage.peers:
        _kept(peer, "payment", repeats * counts[peer.name] + _WARM)
    return found


def _accept(stage: Stage, peer: Peer, count: int) -> Turn:
    """Successes as they come, of prompts that are nobody's."""
    requests = [request("/callback", callback(uuid.uuid4(), 1000, "254708374149")) for _ in range(count)]
    return _turn(stage, peer.server.port, requests, servers=(peer.server,))


# --- pushes ---------------------------------------------------------------------------------------------------------


def _pushes(stage: Stage, count: int, *, repeats: int) -> dict[str, list[Turn]]:
    each = repeats * count + _WARM
    clicks = iter(_clicks(stage, each))
    phones = (f"2547{number:08d}" for number in itertools.count(20_000_000))  # ours are below
    with _rufaa(stage.url) as (gateway, worker):

        def send(count: int) -> Turn:
            taken = list(itertools.islice(clicks, count))
            turn = _turn(stage, gateway.port, taken, servers=(gateway, worker))
            _ask_no_more()
            return turn

        turns: dict[str, TakeTurn] = {"Rufaa": send, SIMULATOR: partial(_push, stage, phones)}
        for peer in stage.peers:
            turns[peer.name] = partial(_pay, stage, peer, phones)
        found = _in_turns(turns, dict.fromkeys(turns, count), repeats=repeats)
    _check_pushes(stage, each, rung=each * len(turns))
    return found


def _clicks(stage: Stage, count: int) -> list[bytes]:
    """Of a person of the facility, one for each of ``count`` referrals that nobody was asked to pay yet."""
    from rufaa import clock
    from rufaa.signin import tokens

    token = tokens.issue(stage.world.admin.user, keys=(SECRET,), now=clock.now(), lifetime=timedelta(hours=12))
    call = {"path": "referralPayments:triggerReferralPayment", "format": "json"}
    asked = [{"referralId": row["id"].hex, "phoneNumber": row["phone"]} for row in waiting(stage.world, count)]
    return [_json("/api/mutation", {**call, "args": args}, token) for args in asked]


def _pay(stage: Stage, peer: Peer, phones: Iterator[str], count: int) -> Turn:
    taken = itertools.islice(phones, count)
    requests = [_json("/pay", {"phone": phone, "amount": 1000, "account": "ABC123"}) for phone in taken]
    return _turn(stage, peer.server.port, requests, servers=(peer.server,))


def _push(stage: Stage, phones: Iterator[str], count: int) -> Turn:
    """Straight to the simulator, with one token and nothing written: what it answers is the limit of all."""
    token = daraja_token(stage.simulator.url)
    requests = [posted(phone, token) for phone in itertools.islice(phones, count)]
    return _turn(stage, stage.simulator.port, requests, servers=(stage.simulator,))


def _json(path: str, body: Mapping[str, Any], token: str | None = None) -> bytes:
    return request(path, json.dumps(body).encode(), token=token)


def _ask_no_more() -> None:
    """Nobody answers these prompts: the worker would ask about each after 20 seconds, in the others' turns."""
    from support import execute

    execute("UPDATE prompt SET next_at = next_at + interval '1 day' WHERE state = 'pending'")


def _check_pushes(stage: Stage, each: int, *, rung: int) -> None:
    """Each push came to the simulator once, and each click of ours to its own."""
    from support import check_books, rows

    with urllib.request.urlopen(f"{stage.simulator.url}/control/prompts", timeout=60) as answer:
        prompts = json.load(answer)["prompts"]
    at_safaricom = {prompt["checkout_request_id"] for prompt in prompts}
    ours = {row["id"] for row in rows("SELECT checkout_request_id AS id FROM prompt WHERE state = 'pending'")}
    if not (len(prompts) == len(at_safaricom) == rung and len(ours) == each and ours <= at_safaricom):
        raise RuntimeError(f"{len(prompts)} pushes of {rung} rang, and of ours {len(ours & at_safaricom)} of {each}")
    for peer in stage.peers:
        _kept(peer, "push", each)
    check_books()


# --- turns ----------------------------------------------------------------------------------------------------------


@contextmanager
def _rufaa(url: str) -> Iterator[tuple[Gateway, WorkerRole]]:
    with ExitStack() as stack:
        gateway = Gateway(url)
        stack.callback(gateway.close)
        worker = WorkerRole(url)
        stack.callback(worker.close)
        yield gateway, worker


def _in_turns(turns: Mapping[str, TakeTurn], counts: Mapping[str, int], *, repeats: int) -> dict[str, list[Turn]]:
    """One after the other, and another one first each time."""
    names = list(turns)
    for name in names:
        turns[name](_WARM)
    found: dict[str, list[Turn]] = {name: [] for name in names}
    for turn in range(repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            found[name].append(turns[name](counts[name]))
    return found


def _turn(
    stage: Stage,
    port: int,
    requests: Sequence[bytes],
    *,
    servers: Sequence[Server | Gateway | WorkerRole],
    done: Callable[[], None] | None = None,
) -> Turn:
    """All ``requests``, in a closed loop; over when they are answered, or when it is ``done``."""

    def cpu_s() -> float:
        return peer_servers.postgres_cpu_s(stage.postmaster) + sum(each.cpu_s for each in servers)

    blowing = Storm(port, requests, connections=CONNECTIONS)
    try:
        before, began = cpu_s(), time.monotonic()
        stormed = blowing.go().result()
        seconds = stormed.seconds
        if done is not None:
            done()
            seconds = time.monotonic() - began
        used = cpu_s() - before
    finally:
        blowing.close()
    if stormed.good != len(requests):
        said = [each.said() for each in servers if isinstance(each, Server)]
        raise RuntimeError(f"not all were taken: {stormed.statuses} {said}")
    count = len(requests)
    return Turn(count / seconds, stormed.per_s, stormed.p99_ms, 1e6 * used / count)


def _kept(peer: Peer, table: str, count: int) -> None:
    """A row of its own for each."""
    found = _one(peer.url, f"SELECT count(*) || ' ' || count(DISTINCT checkout_request_id) FROM {peer.tables}{table}")
    if found != f"{count} {count}":
        raise RuntimeError(f"{peer.name} has {found} rows in {table}, and was told of {count}")


def _told(what: str, found: Mapping[str, Sequence[Turn]], *, goals: Mapping[str, float]) -> list[Figure]:
    ours = found["Rufaa"]
    figures = [
        Figure(
            what,
            tuple(turn.per_s for turn in ours),
            "/s",
            limit=name,
            ratios=tuple(own.per_s / other.per_s for own, other in zip(ours, theirs, strict=True)),
            goal=goals.get(name),
        )
        for name, theirs in found.items()
        if name != "Rufaa"
    ]
    for name, turns in found.items():
        figures.append(Figure(f"  {name}", tuple(turn.per_s for turn in turns), "/s"))
        if any(turn.answered_per_s != turn.per_s for turn in turns):
            figures.append(Figure("    answered", tuple(turn.answered_per_s for turn in turns), "/s"))
        figures += [
            Figure("    answer p99", tuple(turn.p99_ms for turn in turns), "ms"),
            Figure("    processor, with PostgreSQL", tuple(turn.cpu_us for turn in turns), "µs each"),
        ]
    return figures
