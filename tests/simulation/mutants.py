"""Guards taken away on purpose, one at a time. A simulation that does not notice proves nothing.

Each is a context manager for ``run(broken_by=[...])``; what it says is what the server would then do wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final
from unittest import mock

from django.db import connection

from rufaa.daraja import client
from rufaa.daraja.outcomes import NotSent
from rufaa.daraja.wire import Failure
from rufaa.db.atomic import Tx
from rufaa.ingest import endpoint, loop
from rufaa.payments import arrivals, dispatch, machine, operations, settle
from rufaa.payments.arrival_rows import Arrival
from rufaa.payments.machine import Channel
from rufaa.payments.settle import HandOn


@contextmanager
def _without(statements: Mapping[str, str], *cuts: tuple[str, str, str]) -> Iterator[None]:
    """Named statements with a part replaced: (name, part, instead)."""
    changed = {}
    for name, part, instead in cuts:
        assert part in statements[name], f"{name} has no {part!r} any more: the mutant is stale"
        changed[name] = changed.get(name, statements[name]).replace(part, instead)
    with mock.patch.dict(statements, changed):  # type: ignore[arg-type]
        yield


@contextmanager
def sends_again_after_a_timeout() -> Iterator[None]:
    """A push whose answer is lost counts as not sent."""

    def failed(came: Failure) -> NotSent:
        return NotSent(came.code, came.message, came.retry_after_s, came.exchange)

    with mock.patch.object(client, "_failed", failed):
        yield


@contextmanager
def sends_again_after_a_death() -> Iterator[None]:
    """A prompt whose worker died counts as not sent, and is sent again at once."""
    text = dispatch._SQL["expire"]
    cut = text[text.index("next_at = CASE") : text.index("END\n", text.index("next_at = CASE")) + 3]
    with _without(
        dispatch._SQL,
        ("expire", "state = 'unknown', event = 'lease-expired'", "state = 'created', event = 'not-sent'"),
        ("expire", cut, "next_at = rufaa_now()"),
    ):
        yield


@contextmanager
def trusts_any_callback() -> Iterator[None]:
    """Whoever posts is Safaricom."""
    with mock.patch.object(endpoint, "may_speak_for_safaricom", return_value=True):
        yield


@contextmanager
def looks_at_no_amount() -> Iterator[None]:
    """A success is a success, however much it says was paid."""

    def judge(prompt: machine.PromptFacts, report: machine.Report) -> machine.Verdict:
        if report.channel is machine.Channel.QUERY:
            return machine.Verdict.CONFIRMS
        if report.receipt_number is None:
            return machine.Verdict.NO_RECEIPT
        if report.receipt_number in prompt.others_numbers:
            return machine.Verdict.NUMBER_TAKEN
        return machine.Verdict.CONFIRMS if report.trusted else machine.Verdict.ASK

    with mock.patch.object(machine, "_judge_success", judge):
        yield


@contextmanager
def looks_at_no_ids() -> Iterator[None]:
    """A callback is believed whatever push it is about: one payment's, replayed to another prompt's address."""
    with mock.patch.object(machine, "_names_another_push", return_value=False):
        yield


@contextmanager
def asks_for_no_lease() -> Iterator[None]:
    """A worker writes its answer down, however long it was frozen and whatever became of the prompt."""
    with _without(dispatch._SQL, ("record", "    WHERE prompt.lease = told.lease AND prompt.state = 'sending'\n", "")):
        yield


@contextmanager
def believes_one_query() -> Iterator[None]:
    """One answer "failed" to a query ends a prompt."""

    def judge(prompt: machine.PromptFacts, report: machine.Report) -> machine.Verdict:
        sure = report.channel is machine.Channel.QUERY or report.trusted
        return machine.Verdict.FAILS if sure and not prompt.success_claimed else machine.Verdict.ASK

    with mock.patch.object(machine, "_judge_failure", judge):
        yield


@contextmanager
def settles_without_locks() -> Iterator[None]:
    """Two workers settle one callback."""
    with (
        _without(loop._SQL, ("take", "FOR UPDATE SKIP LOCKED", "")),
        _without(settle._SQL, ("lock_fees", "FOR NO KEY UPDATE", ""), ("lock_prompts", "FOR NO KEY UPDATE", "")),
    ):
        yield


@contextmanager
def loses_what_a_notice_told() -> Iterator[None]:
    """A notice is answered and forgotten: money by hand is in the books where Pull tells of it, and only there."""
    take_in = arrivals.take_in

    def told(tx: Tx, came: Sequence[Arrival], *, hand_on: HandOn) -> list[str]:
        rest = iter(take_in(tx, [each for each in came if each.channel is not Channel.C2B], hand_on=hand_on))
        return ["known" if each.channel is Channel.C2B else next(rest) for each in came]

    with mock.patch.object(arrivals, "take_in", told):
        yield


@contextmanager
def rings_a_phone_twice_at_once() -> Iterator[None]:
    """Nobody looks whether a phone rings already, and no index holds it. (Without the index alone only those who ask in
    the same moment would: the sabotages show that.)"""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'prompt' AND indexdef LIKE '%%UNIQUE%%'"
            " AND indexdef LIKE '%%created%%'"
        )
        found = cursor.fetchall()
        assert found, "prompt has no such index any more: the mutant is stale"
        for name, _ in found:
            cursor.execute(f'DROP INDEX "{name}"')
    try:
        with mock.patch.object(operations, "_check_phone_free"):
            yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("TRUNCATE prompt CASCADE")
            cursor.execute("SET session_replication_role = origin")
            for _, definition in found:
                cursor.execute(definition)


MUTANTS: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    "sends again after a time-out": sends_again_after_a_timeout,
    "sends again after a death": sends_again_after_a_death,
    "trusts any callback": trusts_any_callback,
    "looks at no amount": looks_at_no_amount,
    "looks at no ids": looks_at_no_ids,
    "asks for no lease": asks_for_no_lease,
    "believes one query": believes_one_query,
    "settles without locks": settles_without_locks,
    "loses what a notice told": loses_what_a_notice_told,
    "rings a phone twice at once": rings_a_phone_twice_at_once,
}
