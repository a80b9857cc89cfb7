"""What is true: the simulator's journal, its wallets and its till. Our tables are only ever compared with it.

Each COMMIT is looked at as it happens: whatever it moved must agree with the journal, and keep the rules that concern
it alone. Those of ``cli/proof.sql``, of everything, are asked now and then and at the end; then wallets, till and books
must agree to the shilling.
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Final

from rufaa.cli import proof
from rufaa.db.atomic import Tx, unit
from rufaa.ingest.address import PREFIX_LENGTH, PREFIXES, Kind
from rufaa.payments import plan_words
from rufaa.simulator.engine import Engine
from rufaa.simulator.journal import Entry
from rufaa.simulator.movements import Movement, Way
from rufaa.simulator.notices import Tells
from rufaa.simulator.plans import Says
from simulation.strands import Hub, Strand
from simulation.trace import Trace

_PROOF_EVERY: Final = 50
"""Payments of fees between two looks at all rules."""
_BACK: Final = 150
"""How many moves that committed out of their order are looked for."""

_MOVES: Final = """
SELECT id, machine, subject, from_state, event, to_state FROM history
WHERE id > %(since)s AND id <> ALL(%(seen)s) ORDER BY id
"""
_RECEIPT: Final = """
SELECT receipt.number, receipt.amount_cents, receipt.prompt_id, account.short_code
FROM receipt JOIN mpesa_account AS account ON account.id = receipt.account_id WHERE receipt.id = %(id)s
"""
_STORED: Final = "SELECT kind, subject, count(*) AS rows FROM inbox GROUP BY kind, subject"
_REFUND: Final = """
SELECT refund.method, refund.amount_cents, refund.phone, receipt.number, receipt.prompt_id
FROM refund JOIN receipt ON receipt.id = refund.receipt_id WHERE refund.id = %(id)s
"""
_RULES: Final = {
    "prompt": """
SELECT 'beside ' || other.id FROM prompt JOIN prompt AS other
    ON other.id <> prompt.id AND (other.fee_id = prompt.fee_id OR other.payer_phone = prompt.payer_phone)
WHERE prompt.id = %(id)s AND prompt.state IN ('created', 'sending', 'pending', 'unknown')
    AND other.state IN ('created', 'sending', 'pending', 'unknown')
UNION ALL
SELECT 'is ' || prompt.state || ', with receipt ' || coalesce(receipt.id::text, 'none')
FROM prompt LEFT JOIN receipt ON receipt.prompt_id = prompt.id
    AND receipt.amount_cents = prompt.amount_cents AND receipt.account_id = prompt.account_id
WHERE prompt.id = %(id)s AND (prompt.state = 'paid') <> (receipt.id IS NOT NULL)
""",
    "fee": """
SELECT 'of ' || fee.amount_cents || ' is ' || fee.state || ', and ' || applied.cents || ' is applied to it'
FROM fee CROSS JOIN LATERAL (
    SELECT coalesce(sum(application.amount_cents), 0) AS cents
    FROM application JOIN receipt ON receipt.id = application.receipt_id
    WHERE application.fee_id = fee.id AND receipt.account_id = fee.account_id
) AS applied
WHERE fee.id = %(id)s
    AND applied.cents <> CASE WHEN fee.state IN ('paid', 'refunded') THEN fee.amount_cents ELSE 0 END
""",
    "receipt": """
SELECT 'of ' || receipt.amount_cents || ' has ' || receipt.free_cents || ' free, and ' || uses.cents || ' is used'
FROM receipt CROSS JOIN LATERAL (
    SELECT coalesce((SELECT sum(amount_cents) FROM application WHERE receipt_id = receipt.id), 0)
        + coalesce((SELECT sum(amount_cents) FROM refund WHERE receipt_id = receipt.id AND fee_id IS NULL
                    AND state NOT IN ('withdrawn', 'failed')), 0) AS cents
) AS uses
WHERE receipt.id = %(id)s AND (receipt.free_cents < 0 OR receipt.free_cents + uses.cents <> receipt.amount_cents)
""",
    "refund": """
SELECT 'is ' || refund.state || ', agreed to by one' FROM refund
WHERE refund.id = %(id)s AND refund.state NOT IN ('proposed', 'withdrawn')
    AND (approved_by IS NULL OR approved_by = proposed_by)
UNION ALL
SELECT 'is one of ' || sum(done.amount_cents) || ', given back of ' || receipt.amount_cents
FROM refund JOIN receipt ON receipt.id = refund.receipt_id
JOIN refund AS done ON done.receipt_id = receipt.id AND done.state = 'done'
WHERE refund.id = %(id)s GROUP BY receipt.amount_cents HAVING sum(done.amount_cents) > receipt.amount_cents
""",
}
"""What whoever moved has to keep, by machine: each row tells of a breach. %(id)s: who moved."""


class Oracle:
    def __init__(self, hub: Hub, engine: Engine, trace: Trace) -> None:
        self.hub = hub
        self.engine = engine
        self.trace = trace
        self.paid: dict[uuid.UUID, str] = {}
        """The M-Pesa receipt of each of our prompts that was paid; its id stands in the callback address."""
        self.pushed: Counter[uuid.UUID] = Counter()
        self.heard: set[uuid.UUID] = set()
        """Prompts whose true result was answered 200."""
        self.noticed: set[str] = set()
        """The M-Pesa receipts whose true C2B notice was answered 200."""
        self.violations: list[str] = []
        self.complaints: list[str] = []
        self._since = 0
        self._seen: deque[int] = deque(maxlen=2 * _BACK)
        self._until_proof = _PROOF_EVERY
        engine.journal.listen(self._hear)
        hub.committed.append(self._committed)

    # --- the journal

    def _hear(self, entry: Entry) -> None:
        self.trace.say(entry.kind, _short(entry.data))
        counts, data = self.trace.counts, entry.data
        match entry.kind:
            case "prompt-created":
                prompt = prompt_of(data["prompt"]["callback_url"])
                self.pushed[prompt] += 1
                counts["push accepted"] += 1
                if self.pushed[prompt] > 1:
                    self.violate(f"prompt {prompt} was pushed {self.pushed[prompt]} times: a phone was asked twice")
            case "prompt-ended" if data["moved"] is not None:
                counts["money moved: stk"] += 1
                told = self.engine.books.prompts[data["checkout_request_id"]]
                self.paid[prompt_of(told.callback_url)] = data["moved"]["receipt"]
            case "payment-made":
                counts[f"money moved: {data['movement']['way']}"] += 1
            case "order-ended" if data["moved"] is not None:
                counts[f"money moved: {data['moved']['way']}"] += 1
            case "order-ended":
                counts[f"order ended: {data['result_code']}"] += 1
            case "callback-sent":
                counts[f"posted {data['says']}"] += 1
                told = self.engine.books.prompts[data["checkout_request_id"]]
                if data["says"] == Says.RESULT and data["status"] == 200 and told.plan.tampering is None:
                    self.heard.add(prompt_of(told.callback_url))
            case "notice-sent":
                self._notice(data)
            case "fault-used":
                counts[f"fault {data['fault']['kind']}"] += 1
            case "query-misled":
                counts["query misled"] += 1
            case "internal-error":
                self.violate(f"the simulator failed: {data}")

    def _notice(self, data: Mapping[str, Any]) -> None:
        self.trace.counts[f"posted {data['tells']}"] += 1
        told = data["about"] in self.engine.books.notices[data["place"]].body  # else every field of it was null
        if data["tells"] == Tells.CONFIRMATION and data["status"] == 200 and told:
            self.noticed.add(data["about"])

    # --- each commit

    def violate(self, what: str) -> None:
        self.trace.say("VIOLATION", what)
        self.violations.append(f"{self.hub.loop.time():.3f} {what}")

    def complain(self, what: str) -> None:
        """An error in the log that no fault explains."""
        self.trace.say("COMPLAINT", what)
        self.complaints.append(f"{self.hub.loop.time():.3f} {what}")

    def _committed(self, _strand: Strand) -> None:
        moves = self.hub.peek(_MOVES, {"since": max(0, self._since - _BACK), "seen": list(self._seen)})
        with self.hub.own.cursor() as cursor:
            for move, machine, subject, _, event, state in moves:
                self._seen.append(move)
                self._since = max(self._since, move)
                self.trace.say(machine, subject, event, state)
                if machine == "receipt" and event == "arrive":
                    self._arrived(cursor, subject)
                elif machine == "prompt" and state == "paid" and subject not in self.paid:
                    self.violate(f"prompt {subject} is paid, and no money moved for it")
                elif machine == "refund" and state == "done":
                    self._gave_back(cursor, subject)
                elif machine == "fee" and event == "pay":
                    self._until_proof -= 1
                self._keeps_rules(cursor, machine, subject)
        if self._until_proof <= 0 and not self.violations:
            self._until_proof = _PROOF_EVERY
            self.prove()

    def _keeps_rules(self, cursor: Any, machine: str, subject: uuid.UUID) -> None:
        if machine in _RULES:
            cursor.execute(_RULES[machine], {"id": subject})
            for (what,) in cursor.fetchall():
                self.violate(f"{machine} {subject} {what}")

    def _arrived(self, cursor: Any, receipt: uuid.UUID) -> None:
        """A new receipt: money of that amount came to that account, by that prompt if it says so."""
        cursor.execute(_RECEIPT, {"id": receipt})
        number, cents, prompt, short_code = cursor.fetchone()
        moved = self._movement(self.paid.get(prompt) if prompt is not None else number)
        if moved is None:
            self.violate(f"receipt {receipt} ({number}) of prompt {prompt}: no money moved for it")
            return
        if (moved.amount.cents, moved.short_code, moved.is_payment) != (cents, short_code, True):
            self.violate(f"receipt {receipt} says {cents} came to {short_code}, and the journal: {moved}")
        if prompt is not None:
            self._believed(cursor, receipt, prompt, cents)
        if number is not None and number != moved.receipt:
            self.violate(
                f"receipt {receipt} of prompt {prompt} has the number {number}, and the payment {moved.receipt}"
            )

    def _movement(self, receipt: str | None) -> Movement | None:
        return None if receipt is None else self.engine.books.movements.get(receipt)

    def _believed(self, cursor: Any, receipt: uuid.UUID, prompt: uuid.UUID, cents: int) -> None:
        """No callback that names another amount is ever what a receipt stands on."""
        cursor.execute(
            "SELECT count(*) FROM evidence WHERE prompt_id = %(prompt)s AND channel = 'callback'"
            " AND verdict = 'confirms' AND amount_cents <> %(cents)s",
            {"prompt": prompt, "cents": cents},
        )
        if cursor.fetchone()[0]:
            self.violate(f"receipt {receipt} of {cents} was believed by a callback that says another amount")

    def _gave_back(self, cursor: Any, refund: uuid.UUID) -> None:
        """A refund is done: its order moved its money, or a person saw that in the statement."""
        cursor.execute(_REFUND, {"id": refund})
        method, cents, _, number, prompt = cursor.fetchone()
        moved = self.order_of(refund, method, number if number is not None else self.paid.get(prompt))
        if moved is None:
            self.violate(f"refund {refund} by {method} is done, and no money went back for it")
        elif moved.amount.cents != cents:
            self.violate(f"refund {refund} says {cents}, and the journal: {moved}")

    def order_of(self, refund: uuid.UUID, method: str, number: str | None) -> Movement | None:
        """What moved by the order of a refund."""
        books = self.engine.books
        if method == "reversal":
            return self._movement(books.undone.get(number or ""))
        return next(
            (each for each in books.movements.values() if each.way is Way.PAYOUT and each.originator_id == refund.hex),
            None,
        )

    def prove(self) -> None:
        """All rules of ``proof.sql``, on what is committed."""
        self.trace.counts["looks at all rules"] += 1
        current, self.hub.current = self.hub.current, None
        try:
            for name, what in unit(proof.broken).items():
                self.violate(f"{name}: {', '.join(what)}")
        finally:
            self.hub.current = current

    # --- the end

    def close_the_books(self, acknowledged: Mapping[str, int]) -> None:
        """Everything is over: wallets, till and ledger agree, and each thing is final or somebody's task.

        ``acknowledged``: how many reports to each path were answered 200, which means that they are kept.
        """
        self.prove()
        self._kept(acknowledged)
        rows = unit(_everything)
        self._wallets_and_tills()
        self._books(rows)
        self._finality(rows)

    def _kept(self, acknowledged: Mapping[str, int]) -> None:
        stored = {(row["kind"], row["subject"]): row["rows"] for row in unit(lambda tx: tx.rows(_STORED))}
        for path, count in acknowledged.items():
            kind, subject = PREFIXES[path[:PREFIX_LENGTH]], uuid.UUID(hex=path[PREFIX_LENGTH:].partition("-")[0])
            kept = stored.get((kind, subject), 0)
            if kept < count and kind is not Kind.C2B_VALIDATION:  # that is answered before it is kept
                self.violate(f"{count} reports to {path} were answered 200, and {kept} are kept")

    def _wallets_and_tills(self) -> None:
        """The simulator agrees with itself: the journal's movements make its wallets and tills."""
        books = self.engine.books
        gained: Counter[str] = Counter()
        spent: Counter[str] = Counter()
        for each in books.movements.values():
            gained[each.short_code] += each.into_till.cents
            spent[each.phone] += each.into_till.cents
        for till, cents in gained.items():
            if books.till(till).cents != cents:
                self.violate(f"the till {till} has {books.till(till)}, and {cents} cents came")
        for phone, cents in spent.items():
            if books.wallet(phone).cents != books.opening_balance.cents - cents:  # type: ignore[arg-type]
                self.violate(f"the wallet {phone} has {books.wallet(phone)}, and {cents} cents left it")  # type: ignore[arg-type]

    def _books(self, rows: Mapping[str, list[dict[str, Any]]]) -> None:
        books = self.engine.books
        # Of two payments for one fee, by the prompt and by hand, either may have the other's place: the number counts,
        # and what is behind a receipt whose number is awaited, or was never given, is what its prompt brought.
        given = {each.receipt for each in books.movements.values()}
        claimed = Counter(
            row["number"] if row["number"] in given else self.paid.get(row["prompt_id"], "") for row in rows["receipt"]
        )
        seen = set(claimed)
        for number, times in claimed.items():
            if times > 1:
                self.violate(f"the payment {number} is in the books {times} times: {_of(number, rows, self.paid)}")
        unseen = [each for each in books.movements.values() if each.is_payment and each.receipt not in seen]
        self._account_for_unseen(unseen, rows)
        difference: Counter[str] = Counter()
        for each in unseen:
            difference[each.short_code] += each.amount.cents
        given_back = {row["receipt_id"] for row in rows["refund"] if row["state"] == "done"}
        for row in rows["refund"]:
            moved = self.order_of(row["id"], row["method"], row["number"])
            if moved is not None and row["state"] == "unknown":
                self.trace.counts["refund that only the statement tells of"] += 1
                difference[moved.short_code] -= moved.amount.cents
            elif moved is not None and row["state"] != "done" and row["receipt_id"] not in given_back:
                self.violate(f"refund {row['id']} is {row['state']}, and its money went back")
        for row in rows["books"]:
            till = row["short_code"]
            if row["cents"] + difference[till] != books.till(till).cents:
                self.violate(
                    f"the books of {till} have {row['cents']} cents and {difference[till]} that nobody could tell of,"
                    f" the till {books.till(till).cents}"
                )

    def _account_for_unseen(self, unseen: list[Movement], rows: Mapping[str, list[dict[str, Any]]]) -> None:
        """Money that is not in the books: nobody may have been able to tell of it."""
        of_receipt = {receipt: prompt for prompt, receipt in self.paid.items()}
        known = {row["id"]: row["checkout_request_id"] for row in rows["prompt"]}
        askable = self._would_have_told()
        by_prompt = {row["prompt_id"]: row["number"] for row in rows["receipt"] if row["prompt_id"] is not None}
        for each in unseen:
            prompt = of_receipt.get(each.receipt)
            self.trace.counts["money that nobody could tell of"] += 1
            if each.receipt in self.noticed:
                self.violate(f"the notice of {each.receipt} was answered 200, and it is not in the books")
            elif each.short_code in self.engine.books.pull:
                self.violate(f"{each.receipt} could be pulled, and is not in the books")
            elif self._exchanged(each, by_prompt.get(prompt), of_receipt, by_prompt):
                self.trace.counts["another payment of the fee was taken for a prompt's"] += 1
            elif prompt in self.heard:
                self.violate(f"{each.receipt}, the money of prompt {prompt}, was told to us, and is not in the books")
            elif prompt is not None and known.get(prompt) in askable:
                self.violate(f"{each.receipt}, the money of prompt {prompt}, could be asked about, and is not there")

    def _exchanged(
        self,
        lost: Movement,
        number: str | None,
        of_receipt: Mapping[str, uuid.UUID],
        by_prompt: Mapping[uuid.UUID, str | None],
    ) -> bool:
        """As much was paid by hand as well, or by another prompt of which nobody heard, and that number was taken for
        the prompt's: of two payments one is in the books, and nobody can tell of the other where nothing is pulled."""
        other = self._movement(number)
        if other is None or other.receipt == lost.receipt:
            return False
        unheard = other.way is Way.BY_HAND or of_receipt.get(other.receipt) not in by_prompt
        return unheard and (other.amount, other.short_code) == (lost.amount, lost.short_code)

    def _would_have_told(self) -> set[str]:
        """Ids about which a query says the truth, the second time at the latest, and no failure ended the questions."""
        return {
            each.shown_id
            for each in self.engine.books.prompts.values()
            if (each.query_plan.says is None or each.query_plan.times == 1) and each.plan.failure_first is None
        }

    def _finality(self, rows: Mapping[str, list[dict[str, Any]]]) -> None:
        tasks = {row[name] for row in rows["task"] for name in ("prompt_id", "receipt_id", "refund_id", "claim_id")}
        for row in rows["prompt"]:
            if row["state"] not in {"paid", "unpaid", "refused", "review"}:
                self.violate(f"prompt {row['id']} is {row['state']} for ever")
            if row["state"] == "review" and row["id"] not in tasks:
                self.violate(f"prompt {row['id']} is in review, and nobody knows")
        for row in rows["refund"]:
            final = row["state"] in {"done", "failed", "withdrawn", "proposed"}
            if not final and row["id"] not in tasks:
                self.violate(f"refund {row['id']} is {row['state']} for ever, and nobody knows")
        for row in rows["receipt"]:
            if row["state"] == "unapplied" and row["id"] not in tasks and not row["promised"]:
                self.violate(f"receipt {row['id']} waits, and nobody knows")
        # Whose money somebody used before M-Pesa told whose it is: a person knows of it.
        asked = {row["prompt_id"] for row in rows["asked"]}
        paid_fees = {row["fee_id"] for row in rows["prompt"] if row["state"] == "paid" and row["id"] not in asked}
        for row in rows["fee"]:
            if row["id"] in paid_fees and row["state"] == "due":
                self.violate(f"fee {row['id']} is due, and money came for it")
        for row in rows["inbox"]:
            self.violate(f"report {row['id']} was never settled")
        for row in rows["stray"]:
            self.violate(f"stray {row['id']} is still asked about")


def _everything(tx: Tx) -> dict[str, list[dict[str, Any]]]:
    tx.execute("SET LOCAL statement_timeout = 0")
    return {
        "receipt": tx.rows(
            "SELECT id, prompt_id, amount_cents, number, state, EXISTS ("
            "SELECT FROM refund WHERE receipt_id = receipt.id AND state NOT IN ('done', 'withdrawn', 'failed'))"
            " AS promised FROM receipt ORDER BY id"
        ),
        "prompt": tx.rows("SELECT id, fee_id, state, checkout_request_id FROM prompt ORDER BY id"),
        "fee": tx.rows("SELECT id, state FROM fee ORDER BY id"),
        "refund": tx.rows(
            "SELECT refund.id, refund.state, method, receipt_id, receipt.number"
            " FROM refund JOIN receipt ON receipt.id = receipt_id ORDER BY 1"
        ),
        "task": tx.rows(
            "SELECT prompt_id, receipt_id, refund_id, claim_id, kind FROM task"
            " WHERE closed_at IS NULL AND facility_id IS NOT NULL ORDER BY id"
        ),
        "asked": tx.rows(
            "SELECT prompt_id FROM task JOIN receipt USING (prompt_id)"
            " WHERE kind = 'contradiction' AND task.receipt_id = receipt.id AND why LIKE %(why)s",
            {"why": f"{plan_words.USED_OTHERWISE.partition('{')[0]}%"},
        ),
        "inbox": tx.rows("SELECT id FROM inbox WHERE settled_at IS NULL ORDER BY id"),
        "stray": tx.rows("SELECT id FROM stray WHERE next_at IS NOT NULL ORDER BY id"),
        "books": tx.rows(
            "SELECT short_code, coalesce((SELECT sum(CASE WHEN debit = mpesa_books(account.id) THEN amount_cents"
            " ELSE -amount_cents END) FROM transfer WHERE mpesa_books(account.id) IN (debit, credit)), 0)::bigint"
            " AS cents FROM mpesa_account AS account ORDER BY short_code"
        ),
    }


def _of(number: str, rows: Mapping[str, list[dict[str, Any]]], paid: Mapping[uuid.UUID, str]) -> str:
    """The receipts that stand for one payment."""
    found = [row for row in rows["receipt"] if number in {row["number"], paid.get(row["prompt_id"])}]
    return ", ".join(f"{row['id']} {row['number']} of prompt {row['prompt_id']}" for row in found)


def prompt_of(callback_url: str) -> uuid.UUID:
    return uuid.UUID(callback_url.rpartition("/")[2].partition("-")[0])


def _short(data: Mapping[str, Any]) -> str:
    if "fault" in data:
        return str(data["fault"]["kind"])
    if "path" in data:
        return f"{data['path'].partition('?')[0]} {data['status']}"
    if "prompt" in data:
        return f"{data['prompt']['checkout_request_id']} {data['prompt']['callback_url'][-65:-33]}"
    if "movement" in data:
        return f"{data['movement']['receipt']} {data['movement']['reference']}"
    kept = ("checkout_request_id", "result_code", "says", "tells", "about", "status", "outcome")
    return " ".join(str(data[name]) for name in kept if name in data)
