"""What a process counts about itself, for Prometheus, and the names of what the database is asked for.

Every label has a closed set of values, so that no flood, no stranger and no patient can make a new series, and none of
them is a phone, a name or an id. ``docs/reference/metrics.md`` is generated from here. No I/O: the ports that serve
this are in ``gateway.monitor`` and ``cli.monitor``.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.metrics import MetricWrapperBase

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each, which nobody asked for
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_QUICK_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)
_LONG_S: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)

Labels = Mapping[str, Sequence[str]]
Made = TypeVar("Made", bound=MetricWrapperBase)


@dataclass(frozen=True, slots=True)
class Described:
    """A metric for the page of metrics. ``labels``: each with all values that it can have."""

    name: str
    kind: str
    help: str
    labels: Labels


DESCRIBED: Final[dict[str, Described]] = {}


def _described(name: str, kind: str, help_: str, labels: Labels) -> None:
    DESCRIBED[name] = Described(name, kind, help_, labels)


def _with_all_series(metric: Made, labels: Labels) -> Made:
    """Each series stands at zero from the start: a rate needs a point before the first event."""
    if labels:
        for values in product(*labels.values()):
            metric.labels(*values)
    return metric


def _counter(name: str, help_: str, **labels: Sequence[str]) -> Counter:
    _described(name, "counter", help_, labels)
    return _with_all_series(Counter(name, help_, tuple(labels), registry=REGISTRY), labels)


def _histogram(name: str, help_: str, buckets: Sequence[float], **labels: Sequence[str]) -> Histogram:
    _described(name, "histogram", help_, labels)
    made = Histogram(name, help_, tuple(labels), buckets=buckets, registry=REGISTRY)
    return _with_all_series(made, labels)


# --- callbacks -------------------------------------------------------------------------------------------------------

REPORTS: Final = ("stk", "c2b", "c2b-validation", "result", "timeout")
ENDS: Final = ("stored", "refused", "method", "slow", "too-long", "full", "not-stored", "broken-off")
CALLBACKS: Final = _counter(
    "rufaa_callbacks_total",
    "Requests to callback addresses by the kind of report that the address is for, and by their end. refused: the"
    " secret in the address is wrong. A c2b-validation with the right secret is answered 200 whatever its end.",
    kind=REPORTS,
    end=ENDS,
)
CALLBACK_STORE: Final = _histogram(
    "rufaa_callback_store_duration_seconds",
    "From a callback's last byte to its commit, which is when it is answered; also of those that were not stored."
    " Not of validations, which do not wait for it.",
    _QUICK_S,
)
CALLBACK_BATCH: Final = _histogram(
    "rufaa_callback_batch_size",
    "Callbacks that were written in one commit.",
    (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
VERDICTS: Final = (
    *("confirms", "fails", "fails-for-now", "no-news", "ask", "ask-differs", "amount-differs", "phone-differs"),
    *("other-prompt", "no-receipt", "number-taken", "unknown-prompt", "malformed", "failed"),
    *("known", "fills", "pays", "unapplied", "contradicts", "no-money", "unknown-account", "validation"),
    *("refunded", "not-refunded", "reversed-before", "other-order", "unknown-order", "timed-out", "other"),
)
SETTLED: Final = _counter(
    "rufaa_callbacks_settled_total",
    "Stored callbacks by what settlement made of them. unknown-prompt, unknown-account: this database does not know"
    " what it is about; validation: asked before a payment, so it is none; other: a word that is not listed here.",
    verdict=VERDICTS,
)
SETTLED_AFTER: Final = _histogram(
    "rufaa_callback_settled_seconds", "From a callback's commit to its settlement.", _LONG_S
)

# --- Daraja ----------------------------------------------------------------------------------------------------------

PUSHES: Final = _counter(
    "rufaa_pushes_total",
    "Prompts that were given to Daraja, by outcome and by class of the HTTP status (none: no answer came).",
    outcome=("accepted", "declined", "not-sent", "unknown"),
    http=("2xx", "3xx", "4xx", "5xx", "other", "none"),
)
PUSH: Final = _histogram("rufaa_push_duration_seconds", "The POST of a push to Daraja, answered or not.", _QUICK_S)
QUERIES: Final = _counter(
    "rufaa_queries_total",
    "Status queries by what they said. failed: the query could not even be made.",
    outcome=("paid", "unpaid", "processing", "uncertain", "failed"),
)
RENEWALS: Final = _counter(
    "rufaa_token_renewals_total", "Renewals of access tokens by outcome.", outcome=("renewed", "failed")
)

# --- the function API ------------------------------------------------------------------------------------------------

UNKNOWN_FUNCTION: Final = "(unknown)"
STATUSES: Final = ("ok", "refused", "invalid", "failed", "overloaded", "slow", "abandoned")
_CALL_LABELS: Final[Labels] = {
    "function": ("the registered functions", UNKNOWN_FUNCTION),
    "kind": ("query", "mutation", "action", "any"),
    "status": STATUSES,
}
_described(
    "rufaa_function_calls_total",
    "counter",
    "Calls of functions by status. invalid: no such function, or wrong arguments; refused: the function said no.",
    _CALL_LABELS,
)
CALLS: Final = Counter(
    "rufaa_function_calls_total",
    DESCRIBED["rufaa_function_calls_total"].help,
    ("function", "kind", "status"),
    registry=REGISTRY,
)
_described(
    "rufaa_function_duration_seconds",
    "histogram",
    "How long callers of functions waited.",
    {"function": _CALL_LABELS["function"], "kind": _CALL_LABELS["kind"]},
)
CALL: Final = Histogram(
    "rufaa_function_duration_seconds",
    DESCRIBED["rufaa_function_duration_seconds"].help,
    ("function", "kind"),
    buckets=(0.005, 0.025, 0.1, 0.5, 2.5, 10, 25),
    registry=REGISTRY,
)

# --- the patient's page ----------------------------------------------------------------------------------------------

UNKNOWN_LINKS: Final = _counter(
    "rufaa_unknown_tokens_total",
    "Requests to the patient's page with a token that no referral has. Many: somebody guesses.",
)

# --- the worker ------------------------------------------------------------------------------------------------------

LOOPS: Final = ("settle", "dispatch", "query", "stray", "order", "pull", "book", "tell", "seal", "check")
ROUNDS: Final = _counter(
    "rufaa_worker_rounds_total", "Rounds of the worker's loops.", loop=LOOPS, result=("done", "failed")
)
_described(
    "rufaa_worker_last_round_timestamp_seconds",
    "gauge",
    "When the loop last ended a round without failing, as Unix time. Only a worker has it.",
    {"loop": LOOPS},
)
LAST_ROUND: Final = Gauge(
    "rufaa_worker_last_round_timestamp_seconds",
    DESCRIBED["rufaa_worker_last_round_timestamp_seconds"].help,
    ("loop",),
    registry=REGISTRY,
)


# --- what takes more than a line where it is counted ------------------------------------------------------------------


def pushed(outcome: str, *, status: int | None, took_s: float) -> None:
    """``outcome`` is the name of its class, ``status`` that of the answer, None where none came."""
    http = "none" if status is None else f"{status // 100}xx" if 200 <= status < 600 else "other"
    PUSHES.labels(outcome="not-sent" if outcome == "NotSent" else outcome.lower(), http=http).inc()
    PUSH.observe(took_s)


def settled(outcomes: Iterable[str], *, waited_s: Iterable[float]) -> None:
    """Outcomes as the inbox names them: a verdict, or a word before a colon. One that is not listed makes no series of
    its own."""
    for outcome, count in Counts(outcomes).items():
        verdict = outcome.partition(":")[0]
        SETTLED.labels(verdict=verdict if verdict in VERDICTS else "other").inc(count)
    for each in waited_s:
        SETTLED_AFTER.observe(each)


def called(function: str | None, kind: str | None, status: str, *, took_s: float) -> None:
    """``function`` is a registered one, or None: strangers make no series."""
    name, as_kind = function or UNKNOWN_FUNCTION, kind or "any"
    CALLS.labels(name, as_kind, status).inc()
    CALL.labels(name, as_kind).observe(took_s)


# --- messages --------------------------------------------------------------------------------------------------------

NOTICES: Final = _counter(
    "rufaa_notices_total",
    "Messages by what became of an attempt to send them: the gateway took it, did not now, never will, may have (lost);"
    " or it was dropped unsent.",
    channel=("sms", "email"),
    outcome=("taken", "nottaken", "refused", "lost", "dropped"),
)


def round_done(loop: str) -> None:
    ROUNDS.labels(loop, "done").inc()
    LAST_ROUND.labels(loop).set_to_current_time()


# --- what is read when somebody looks --------------------------------------------------------------------------------

MOST_COUNTED: Final = 100_000
"""Rows are counted up to so many: more means the same to whoever is woken by it, and must not cost more."""

TASK_KINDS: Final = ("unapplied", "review", "contradiction", "refund", "stray", "claim", "unread", "unserved")
_COUNTED: Final = f" Counted up to {MOST_COUNTED}."

_described("rufaa_database_up", "gauge", "1 where the database answered the last look, which is at most 5 s old.", {})
_described("rufaa_database_round_trip_seconds", "gauge", "How long the database took to answer the simplest query.", {})
_described(
    "rufaa_database_connections",
    "gauge",
    "This process's connections by pool and state. waiting: threads that have none and want one.",
    {"pool": ("functions", "callbacks"), "state": ("used", "idle", "waiting")},
)
_described("rufaa_sync_connections", "gauge", "Open WebSockets of this process, of which each watches queries.", {})
_described("rufaa_sync_watches", "gauge", "Queries that they watch, each counted once for every one who does.", {})
_described("rufaa_live_pages", "gauge", "Pages of people that listen for changes.", {})
_described("rufaa_inbox_unsettled", "gauge", f"Stored callbacks that are not settled yet.{_COUNTED}", {})
_described("rufaa_inbox_oldest_age_seconds", "gauge", "Age of the oldest callback that is not settled; 0: none.", {})
_described(
    "rufaa_prompts",
    "gauge",
    f"Prompts in the states in which something is still expected, live ones and those in review.{_COUNTED}",
    {"state": ("created", "sending", "pending", "unknown", "review")},
)
_described(
    "rufaa_prompts_due",
    "gauge",
    f"Prompts whose time to be sent, or to be asked about, has come. Those on hold are not to be sent.{_COUNTED}",
    {"work": ("send", "ask")},
)
_described(
    "rufaa_prompts_due_age_seconds",
    "gauge",
    "How long the most overdue prompt has waited for its turn; 0: none.",
    {"work": ("send", "ask")},
)
_described("rufaa_account_held", "gauge", "M-Pesa accounts whose prompts are on hold.", {})
_described("rufaa_receipts_unapplied", "gauge", "Receipts that pay no fee: money that waits for a person.", {})
_described("rufaa_receipts_unapplied_cents", "gauge", "The sum of the receipts that pay no fee, in cents.", {})
_described("rufaa_receipts_unapplied_age_seconds", "gauge", "Age of the oldest receipt that pays no fee; 0: none.", {})
_described("rufaa_tasks_open", "gauge", f"Open tasks of people.{_COUNTED}", {"kind": TASK_KINDS})
_described("rufaa_tasks_oldest_age_seconds", "gauge", "Age of the oldest open task; 0: none.", {"kind": TASK_KINDS})

Sample = tuple[str, Mapping[str, str], float]
"""(name of a metric, labels, value)."""


class _Read:
    """Samples that were read for one look, as Prometheus's library takes them."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in self._samples:
            told = DESCRIBED[name]
            family = families.setdefault(name, GaugeMetricFamily(name, told.help, labels=tuple(told.labels)))
            family.add_metric([labels[each] for each in told.labels], value)
        yield from families.values()


def text(read: Sequence[Sample] = ()) -> bytes:
    """Everything in Prometheus's text format: what this process counted, and the samples that were ``read``."""
    found = CollectorRegistry()
    found.register(_Read(read))
    return generate_latest(REGISTRY) + generate_latest(found)
