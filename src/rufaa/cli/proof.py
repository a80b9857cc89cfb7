"""What must always hold of the money and its story, each as one named query: for restores, for tests, for whoever asks.

It stands above the nouns, since the rules join them. It looks, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rufaa.db import sql
from rufaa.db.atomic import Tx

_SQL: Final = sql.load(__file__, "proof.sql")
_SHOWN: Final = 3

INVARIANTS: Final[Mapping[str, str]] = {
    "fee_paid_by_what_is_applied": "a fee is paid exactly when money of its account and amount is applied to it",
    "receipt_used_once": "no shilling of a receipt is used twice, and no receipt stands for two payments",
    "refund_within_what_came": "two people agreed to each refund, and no more goes back than came",
    "prompt_paid_by_its_receipt": "a prompt is paid exactly when its receipt is there",
    "prompt_asks_for_its_fee": "every prompt asks for its whole fee, on the fee's account",
    "one_live_prompt": "a fee and a phone have one live prompt at most",
    "live_prompt_goes_on": "no live prompt is forgotten: each is sent, asked about, or leased",
    "receivable": "each fee's receivable is what its status says",
    "unapplied": "unapplied in the books is what of the receipts neither pays a fee nor was given back",
    "mpesa_account": "each M-Pesa account in the books is the sum of its receipts less what was given back",
    "posted": "every fee, receipt, application and refund has its own row in the books",
    "history_is_lawful": "every move that was ever made is a move of the law",
    "history_has_no_gap": "every move starts where the one before ended",
    "history_ends_where_rows_are": "each row's last move made the state that it is in",
    "referral_paid_by_its_fee": "every referral that is paid has a paid fee",
    "referral_waits_for_no_paid_fee": "no referral waits for a fee that is paid",
    "referral_payee": "every referral is shown to the payee of its fee and to no other",
    "exempted_by_two": "two people agreed to each fee that was waived or deferred by hand",
    "receipt_has_evidence": "every receipt has the report that brought it",
    "person_knows": "unapplied money, prompts in review and reports that no one can be asked about are somebody's task",
    "callback_kept": "every callback that counted is kept, and each that was settled is named",
    "places_are_what_appointments_take": "every slot and day counts who is expected, and none more than it has places",
    "file_is_what_its_digest_says": "every file that is attached to a referral is the one that its digest says",
}
"""The names of the queries in ``proof.sql``, and what holds while they find nothing."""

FIGURES: Final = _SQL["figures"]
"""A query of the sums that a backup notes beside the rows of each table: (name, number)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule and what breaks it: nothing, where it holds. ``shown`` are the first few."""

    name: str
    says: str
    broken: int
    shown: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return self.broken == 0


def findings(tx: Tx) -> Iterator[Finding]:
    """Look at every rule, in one transaction's sight. Reads whole tables, with no limit of time."""
    tx.execute("SET LOCAL statement_timeout = 0")
    for name, says in INVARIANTS.items():
        found = tx.rows(f"SELECT count(*) OVER () AS broken, what FROM ({_SQL[name]}) AS found LIMIT {_SHOWN}")  # noqa: S608
        yield Finding(name, says, found[0]["broken"] if found else 0, tuple(row["what"] for row in found))


def broken(tx: Tx) -> dict[str, tuple[str, ...]]:
    """The rules that do not hold, with the first things that break each."""
    return {finding.name: finding.shown for finding in findings(tx) if not finding.holds}
