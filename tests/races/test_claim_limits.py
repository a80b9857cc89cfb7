"""A claim never takes more than its limit, whichever plan PostgreSQL chooses.

With a plain subquery (LIMIT … FOR UPDATE SKIP LOCKED) a nested loop runs it again for each row, and what it locked
already is passed over: more are claimed than the account's rate allows. Seen on PostgreSQL 15 without statistics.
"""

from __future__ import annotations

from typing import Any

import pytest

from rufaa.db.atomic import Tx, unit
from rufaa.payments import dispatch, reconcile
from rufaa.simulator.testing import RunningSimulator
from support import Running, Worker, World, advance

PHONES = [f"25470800400{each}" for each in range(6)]
NESTED_LOOPS = "; ".join(
    f"SET LOCAL enable_{way} = off" for way in ("hashjoin", "mergejoin", "material", "hashagg", "sort", "memoize")
)
_PLAIN = """
UPDATE prompt SET queries = queries + 1 WHERE id IN (
    SELECT id FROM prompt WHERE state = 'pending' AND account_id = %(account)s
    ORDER BY ctid LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def claimed(sql: str, world: World, **more: object) -> int:
    def work(tx: Tx) -> int:
        tx.execute(NESTED_LOOPS)
        params: dict[str, Any] = {"account": world.account.pk, "limit": 1, **more}
        return len(tx.rows(sql, params))

    return unit(work)


def test_a_worker_claims_as_many_prompts_as_it_may_send(world: World) -> None:
    for phone in PHONES:
        world.prompted(phone)

    assert claimed(dispatch._SQL["claim"], world, lease_s=60) == 1


def test_a_worker_claims_as_many_questions_as_it_may_ask(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    for phone in PHONES:
        town.prompted(phone)
    worker.dispatch()
    advance(20)

    assert claimed(reconcile._SQL["claim"], town, again_s=60) == 1


def test_control_a_plain_subquery_claims_more(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    for phone in PHONES:
        town.prompted(phone)
    worker.dispatch()

    def plan(tx: Tx) -> str:
        tx.execute(NESTED_LOOPS)
        return str(tx.rows(f"EXPLAIN {_PLAIN}", {"account": town.account.pk, "limit": 1}))

    if "Semi Join" not in unit(plan):
        pytest.skip("this server's planner runs the subquery once here")
    assert claimed(_PLAIN, town) > 1
