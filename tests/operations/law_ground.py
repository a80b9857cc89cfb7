"""Raw SQL on a small town, for the tests of what PostgreSQL itself refuses. Nothing of Rufaa's Python writes here.

Every test works in one transaction that is rolled back, so that tests cannot see each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.rows import dict_row

MACHINE_TABLES: Final = ("fee", "prompt", "receipt", "refund", "referral", "appointment")
CENTS: Final = 100_000
_EMPTIED: Final = (
    *("notice", "notice_wish", "notice_template", "notice_policy"),
    *("appointment", "slot", "clinic_day", "clinic_hours", "closure", "clinic"),
    *("referral", "evidence", "exemption", "task", "inquiry", "claim", "refund", "application", "stray", "restoration"),
    *("transfer", "receipt", "prompt", "fee"),
    *("price", "mpesa_access", "account_hold"),
    *("mpesa_account", "membership", "particulars", "inbox", "rufaa_user", "facility"),
)
_FORCED: Final = "forced"
Birth: TypeAlias = tuple[str, str]


@dataclass
class Town:
    """One transaction, and rows to try things on. Ids are given back as UUIDs."""

    sql: psycopg.Connection[dict[str, Any]]
    facility: uuid.UUID = field(default_factory=uuid.uuid4)
    other_facility: uuid.UUID = field(default_factory=uuid.uuid4)
    account: uuid.UUID = field(default_factory=uuid.uuid4)
    other_account: uuid.UUID = field(default_factory=uuid.uuid4)
    user: uuid.UUID = field(default_factory=uuid.uuid4)
    second: uuid.UUID = field(default_factory=uuid.uuid4)  # who approves what the user proposed
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def do(self, statement: str, **params: object) -> int:
        return self.sql.execute(statement, params).rowcount

    def rows(self, statement: str, **params: object) -> list[dict[str, Any]]:
        return self.sql.execute(statement, params).fetchall()

    def one(self, statement: str, **params: object) -> Any:
        (row,) = self.rows(statement, **params)
        (value,) = row.values()
        return value

    def insert(self, table: str, **values: object) -> uuid.UUID:
        columns = ", ".join(f'"{name}"' for name in values)
        places = ", ".join(f"%({name})s" for name in values)
        self.do(f"INSERT INTO {table} ({columns}) VALUES ({places})", **values)
        identifier = values.get("id")
        return identifier if isinstance(identifier, uuid.UUID) else uuid.UUID(int=0)

    def move(self, table: str, identifier: uuid.UUID, event: str, state: str, **more: object) -> None:
        extra = "".join(f", {name} = %({name})s" for name in more)
        moved = self.do(
            f"UPDATE {table} SET event = %(event)s, state = %(state)s{extra} WHERE id = %(id)s",
            id=identifier, event=event, state=state, **more,
        )  # fmt: skip
        assert moved == 1

    def state(self, table: str, identifier: uuid.UUID) -> str:
        return str(self.one(f"SELECT state FROM {table} WHERE id = %(id)s", id=identifier))

    def force(self, table: str, identifier: uuid.UUID, **values: object) -> None:
        """Put a row where no lawful path was walked: past triggers and foreign keys, never past checks."""
        setting = ", ".join(f"{name} = %({name})s" for name in values)
        with self.past_the_guards():
            self.do(f"UPDATE {table} SET {setting} WHERE id = %(id)s", id=identifier, **values)

    def force_state(self, table: str, identifier: uuid.UUID, state: str, **more: object) -> None:
        self.force(table, identifier, state=state, event=_FORCED, **more)

    @contextmanager
    def past_the_guards(self) -> Iterator[None]:
        self.do("SET LOCAL session_replication_role = replica")
        yield  # a statement that fails ends the transaction, and the setting with it
        self.do("SET LOCAL session_replication_role = origin")

    def guards_of(self, tables: Iterable[str]) -> set[str]:
        """Every trigger, check and unique index of them, but for what tells screens and the audit."""
        found = self.rows(
            "SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY(%(tables)s)"
            " AND tgname !~ '^(live_|audit_)'"
            " UNION SELECT conname FROM pg_constraint"
            " WHERE contype IN ('c', 'u') AND conrelid::regclass::text = ANY(%(tables)s)"
            " UNION SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indisunique AND NOT indisprimary AND indrelid::regclass::text = ANY(%(tables)s)",
            tables=list(tables),
        )
        return {row["name"] for row in found}

    def commit_checks(self) -> None:
        """What a commit would check, now."""
        self.do("SET CONSTRAINTS ALL IMMEDIATE")
        self.do("SET CONSTRAINTS ALL DEFERRED")

    # --- rows ------------------------------------------------------------------------------------------------------

    def settle_down(self) -> None:
        """The rows that all others refer to."""
        self.insert("facility", id=self.facility, name="Here")
        self.insert("facility", id=self.other_facility, name="There")
        for account, code in ((self.account, "600001"), (self.other_account, "600002")):
            self.insert(
                "mpesa_account", id=account, environment="simulator", base_url="", short_code=code,
                kind="paybill", sealed_keys=b"",
            )  # fmt: skip
        self.insert(
            "rufaa_user", id=self.user, password="", is_superuser=False, username="somebody", first_name="",
            last_name="", email="", is_staff=False, is_active=True, date_joined="2026-01-01", full_name="",
        )  # fmt: skip

    # Each of them can be given another ``birth``: (event, state).

    def fee(self, state: str = "due", *, birth: Birth | None = None, **values: object) -> uuid.UUID:
        event = "raise-deferred" if state == "deferred" else "raise"
        born = "deferred" if state == "deferred" else "due"
        row: dict[str, object] = {
            "id": uuid.uuid4(), "state": born, "event": event, "account_code": f"CODE{next(self.numbers)}",
            "payee_id": self.facility, "account_id": self.account, "amount_cents": CENTS,
        }  # fmt: skip
        fee = self.insert("fee", **(row | values | _born(birth)))
        if state != born:
            self.force_state("fee", fee, state)
        return fee

    def prompt(
        self, fee: uuid.UUID | None = None, state: str = "created", *, birth: Birth | None = None, **values: object
    ) -> uuid.UUID:
        number = next(self.numbers)
        row: dict[str, object] = {
            "id": uuid.uuid4(), "state": "created", "event": "create", "fee_id": fee or self.fee(),
            "account_id": self.account, "attempt": number, "payer_phone": f"2547080{number:05}", "amount_cents": CENTS,
        }  # fmt: skip
        prompt = self.insert("prompt", **(row | values | _born(birth)))
        if state != "created":
            self.force_state("prompt", prompt, state)
        return prompt

    def receipt(self, prompt: uuid.UUID | None = None, *, birth: Birth | None = None, **values: object) -> uuid.UUID:
        row: dict[str, object] = {
            "id": uuid.uuid4(), "state": "unapplied", "event": "arrive", "account_id": self.account,
            "amount_cents": CENTS, "prompt_id": prompt,
        }  # fmt: skip
        return self.insert("receipt", **(row | values | _born(birth)))

    def paid_fee(self) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
        """A fee paid by its prompt, lawfully: (fee, prompt, receipt)."""
        fee = self.fee()
        prompt = self.prompt(fee, state="pending")
        receipt = self.receipt(prompt)
        self.move("prompt", prompt, "confirmed", "paid")
        self.pay(fee, receipt)
        return fee, prompt, receipt

    def application(self, receipt: uuid.UUID, fee: uuid.UUID, amount_cents: int = CENTS) -> uuid.UUID:
        row = {"id": uuid.uuid4(), "receipt_id": receipt, "fee_id": fee, "amount_cents": amount_cents}
        return self.insert("application", **row)

    def pay(self, fee: uuid.UUID, *receipts: uuid.UUID) -> None:
        """Apply all that is free of ``receipts``, which is the fee's amount, and pay the fee."""
        for receipt in receipts:
            self.application(receipt, fee, self.free(receipt))
            self.move("receipt", receipt, "apply", "applied")
        self.move("fee", fee, "pay", "paid")
        self.commit_checks()

    def free(self, receipt: uuid.UUID) -> int:
        return int(self.one("SELECT free_cents FROM receipt WHERE id = %(id)s", id=receipt))

    def refund(
        self,
        receipt: uuid.UUID | None = None,
        state: str = "proposed",
        *,
        fee: uuid.UUID | None = None,
        birth: Birth | None = None,
        **values: object,
    ) -> uuid.UUID:
        """Money of ``receipt`` that waits, or that pays ``fee``."""
        row: dict[str, object] = {
            "id": uuid.uuid4(), "state": "proposed", "event": "propose", "receipt_id": receipt or self.receipt(),
            "fee_id": fee, "amount_cents": CENTS, "method": "b2c", "phone": "254708374149", "why": "to test",
            "proposed_by": self.user,
        }  # fmt: skip
        refund = self.insert("refund", **(row | values | _born(birth)))
        if state != "proposed":
            approval = {} if state == "withdrawn" else {"approved_by": self.second}
            self.force_state("refund", refund, state, **approval)
        return refund

    def order(self, refund: uuid.UUID) -> None:
        """A second person agrees, and Daraja takes the order."""
        self.move("refund", refund, "approve", "approved", approved_by=self.second)
        self.move("refund", refund, "claim", "sending")
        self.move("refund", refund, "accepted", "ordered")

    def fail(self, refund: uuid.UUID) -> None:
        self.order(refund)
        self.move("refund", refund, "rejected", "failed")

    def given_back(self) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
        """A fee that was paid and whose money went back, lawfully: (fee, receipt, refund)."""
        fee, _, receipt = self.paid_fee()
        refund = self.refund(receipt, fee=fee)
        self.order(refund)
        self.move("refund", refund, "succeeded", "done")
        self.move("receipt", receipt, "return", "refunded")
        self.move("fee", fee, "refund", "refunded")
        self.commit_checks()
        return fee, receipt, refund

    def claim(self, **values: object) -> uuid.UUID:
        row: dict[str, object] = {
            "id": uuid.uuid4(), "account_id": self.account, "number": "UBN7XY1234", "channel": "c2b",
        }  # fmt: skip
        return self.insert("claim", **(row | values))

    def inquiry(self, **values: object) -> uuid.UUID:
        """About a claim, by its receipt number, unless ``values`` say otherwise."""
        row: dict[str, object] = {"id": uuid.uuid4(), "account_id": self.account}
        if "refund_id" not in values:
            row["claim_id"] = self.claim()
        if "original_conversation_id" not in values:
            row["receipt_number"] = "UBN7XY1234"
        return self.insert("inquiry", **(row | values))

    def referral(
        self,
        state: str = "pending-admin",
        *,
        fee: uuid.UUID | None = None,
        priority: str = "Routine",
        birth: Birth | None = None,
        **values: object,
    ) -> uuid.UUID:
        particulars = self.insert("particulars", id=uuid.uuid4(), name="Jane Wafula")
        row: dict[str, object] = {
            "id": uuid.uuid4(), "state": "pending-admin", "event": "create", "priority": priority,
            "token": uuid.uuid4().hex, "account_code": f"R{next(self.numbers)}", "referring_id": self.facility,
            "receiving_id": self.other_facility, "physician_id": self.user, "created_by_id": self.user,
            "particulars_id": particulars, "fee_id": fee, "payee_id": self.facility if fee else None,
            "medical_history": "", "lab_results": "[]", "diagnosis": "",
        }  # fmt: skip
        referral = self.insert("referral", **(row | values | _born(birth)))
        if state != "pending-admin":
            self.force_state("referral", referral, state)
        return referral

    @property
    def onward(self) -> dict[str, object]:
        """What a referral has that comes from where others go."""
        return {"referring_id": self.other_facility, "receiving_id": self.facility}

    def held_slot(self) -> uuid.UUID:
        """A referral for which a slot is held."""
        referral = self.referral()
        self.appointment(referral)
        return referral

    def clinic(self, **values: object) -> uuid.UUID:
        row: dict[str, object] = {
            "id": uuid.uuid4(), "facility_id": self.other_facility, "name": f"Clinic {next(self.numbers)}",
            "slot_minutes": 30, "slot_capacity": 1,
        }  # fmt: skip
        return self.insert("clinic", **(row | values))

    def slot(self, clinic: uuid.UUID | None = None, *, day_capacity: int = 9, **values: object) -> uuid.UUID:
        """On Monday 5 January 2099."""
        clinic = clinic or self.clinic()
        self.do(
            "INSERT INTO clinic_day (clinic_id, day, capacity) VALUES (%(clinic)s, '2099-01-05', %(capacity)s)"
            " ON CONFLICT DO NOTHING",
            clinic=clinic, capacity=day_capacity,
        )  # fmt: skip
        row: dict[str, object] = {
            "id": uuid.uuid4(), "clinic_id": clinic, "day": "2099-01-05", "starts_at": "2099-01-05 08:00+03",
            "ends_at": "2099-01-05 08:30+03", "capacity": 1,
        }  # fmt: skip
        return self.insert("slot", **(row | values))

    def appointment(
        self,
        referral: uuid.UUID | None = None,
        slot: uuid.UUID | None = None,
        state: str = "held",
        *,
        birth: Birth | None = None,
        **values: object,
    ) -> uuid.UUID:
        row: dict[str, object] = {
            "id": uuid.uuid4(), "state": "held", "event": "hold", "referral_id": referral or self.referral(),
            "slot_id": slot or self.slot(), "held_until": "2099-01-01",
        }  # fmt: skip
        appointment = self.insert("appointment", **(row | values | _born(birth)))
        if state != "held":
            self.force_state("appointment", appointment, state)
        return appointment

    def exemption(self, fee: uuid.UUID, kind: str = "waive", *, agreed: bool = False, **values: object) -> uuid.UUID:
        row: dict[str, object] = {
            "id": uuid.uuid4(), "fee_id": fee, "kind": kind, "reason": "poor", "proposed_by": self.user,
        }  # fmt: skip
        if agreed:
            row |= {"seconded_by": uuid.uuid4(), "seconded_at": "2026-01-01"}
        return self.insert("exemption", **(row | values))

    def evidence(self, prompt: uuid.UUID, **values: object) -> int:
        row: dict[str, object] = {"channel": "callback", "prompt_id": prompt, "verdict": "confirms"}
        self.insert("evidence", **(row | values))
        return int(self.one("SELECT max(id) FROM evidence"))

    def inbox(self, kind: str = "stk") -> int:
        self.insert("inbox", kind=kind, subject=uuid.uuid4(), source="127.0.0.1", trusted=True, body=b"{}")
        return int(self.one("SELECT max(id) FROM inbox"))

    def stray(self, **values: object) -> uuid.UUID:
        row: dict[str, object] = {"id": uuid.uuid4(), "prompt": uuid.uuid4(), "inbox": next(self.numbers)}
        return self.insert("stray", **(row | values))

    def task(self, fee: uuid.UUID, **values: object) -> uuid.UUID:
        row: dict[str, object] = {
            "id": uuid.uuid4(), "kind": "review", "facility_id": self.facility, "fee_id": fee, "why": "to test",
        }  # fmt: skip
        return self.insert("task", **(row | values))

    def restoration(self, **values: object) -> uuid.UUID:
        return self.insert("restoration", **({"id": uuid.uuid4(), "backup_at": "2026-01-01"} | values))

    def hold(self, **values: object) -> uuid.UUID:
        row = {"id": uuid.uuid4(), "account_id": self.account, "reason": "outage", "held_by": "amina"}
        return self.insert("account_hold", **(row | values))

    def brought(self, **values: object) -> uuid.UUID:
        row: dict[str, object] = {
            "id": uuid.uuid4(), "source": "referrals", "document": "j57", "digest": "0", "body": b"{}",
            "outcome": "kept", "why": "[]",
        }  # fmt: skip
        return self.insert("brought", **(row | values))

    def transfer(self, kind: str, **values: object) -> None:
        row: dict[str, object] = {
            "kind": kind, "debit": "a", "credit": "b", "amount_cents": CENTS, "account": self.account,
        }  # fmt: skip
        self.insert("transfer", **(row | values))

    # --- what stands -------------------------------------------------------------------------------------------------

    def balance(self, name: str, *, fee: uuid.UUID | None = None) -> int:
        """Debits less credits of one account of the books, of one fee or of all."""
        return int(
            self.one(
                "SELECT coalesce(sum(CASE WHEN debit = %(name)s THEN amount_cents ELSE -amount_cents END), 0)"
                " FROM transfer WHERE %(name)s IN (debit, credit) AND (%(fee)s::uuid IS NULL OR fee = %(fee)s)",
                name=name, fee=fee,
            )
        )  # fmt: skip

    def history(self, subject: uuid.UUID) -> list[Mapping[str, Any]]:
        return list(
            self.rows(
                "SELECT machine, from_state, event, to_state, actor, reason FROM history"
                " WHERE subject = %(id)s ORDER BY id",
                id=subject,
            )
        )


def _born(birth: Birth | None) -> dict[str, object]:
    return {} if birth is None else {"event": birth[0], "state": birth[1]}


_KEPT: Final[dict[str, psycopg.Connection[dict[str, Any]]]] = {}
"""A connection to each database, for one town after the other: a new one reads about every table first, which takes
longer than most of what is tried here."""


@contextmanager
def town(database_url: str) -> Iterator[Town]:
    """A transaction with a town in it, rolled back at the end. Other tests' rows are out of its sight only by id."""
    connection = _KEPT.get(database_url)
    if connection is None or connection.closed:
        connection = _KEPT[database_url] = psycopg.connect(database_url, row_factory=dict_row)
    try:
        connection.execute("SET LOCAL lock_timeout = '5s'")
        place = Town(connection)
        with place.past_the_guards():
            place.do("DELETE FROM rufaa_clock")
            place.do("INSERT INTO rufaa_clock (id, \"offset\") VALUES (1, interval '0')")
            connection.execute("; ".join(f"DELETE FROM {table}" for table in _EMPTIED).encode())
        place.settle_down()
        place.commit_checks()
        yield place
    finally:
        connection.rollback()
