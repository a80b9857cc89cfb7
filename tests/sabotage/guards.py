"""The guards of the money, each with one small break of it, and the fewest tests that should see that it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PAYMENTS: Final = "src/rufaa/payments"
FIRST_TABLES: Final = f"{PAYMENTS}/migrations/0001_initial.py"
WORKED_TABLES: Final = f"{PAYMENTS}/migrations/0006_worked_money.py"
WORKED_GUARDS: Final = f"{PAYMENTS}/migrations/0008_worked_money_guards.sql"
GUARDS_IN_SETS: Final = f"{PAYMENTS}/migrations/0011_in_sets.sql"
ASKED_IN_SETS: Final = f"{PAYMENTS}/migrations/0014_asked_in_sets.sql"
UNKNOWN: Final = "tests/money/test_money_unknown.py"
JUDGE: Final = "tests/machines/test_judge.py"
UNTRUSTED: Final = "tests/money/test_money_untrusted.py"
FORGED: Final = "tests/money/test_money_forged.py"
PAYBILL: Final = "tests/money/test_money_paybill.py"
REFUNDS: Final = "tests/money/test_money_refunds.py"
REFUNDS_LATE: Final = "tests/operations/test_refunds_late.py"
PEOPLE: Final = "tests/money/test_money_refunds_people.py"
UNAPPLIED: Final = "tests/money/test_money_unapplied.py"
IN_DATABASE: Final = "tests/operations/test_law_in_database_guards.py"
RACE_PROMPTS: Final = "tests/races/test_race_prompts.py"
RACE_ARRIVALS: Final = "tests/races/test_race_arrivals.py"
ADOPTION: Final = "tests/machines/test_plan_adoption.py"
ARRIVALS: Final = "tests/machines/test_arrival_plan.py"
ONE_PAYMENT: Final = "tests/operations/test_one_payment.py"
RACE_REFUNDS: Final = "tests/races/test_race_refunds.py"
RACE_SETTLEMENT: Final = "tests/races/test_race_settlement.py"


@dataclass(frozen=True, slots=True)
class Guard:
    """``old`` stands exactly once in ``file``, and ``new`` in its place is the break. ``what``: what it breaks."""

    name: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


GUARDS: Final = (
    # --- one prompt, sent once
    Guard(
        "live-prompt-per-fee",
        "a fee may have two live prompts",
        FIRST_TABLES,
        'fields=("fee",),\n                name="prompt_one_live_per_fee"',
        'fields=("id",),\n                name="prompt_one_live_per_fee"',
        (f"{IN_DATABASE}::test_the_guard_refuses[prompt_one_live_per_fee-second_prompt_of_a_fee_beside_created]",),
    ),
    Guard(
        "live-prompt-per-phone",
        "a phone may have two live prompts",
        FIRST_TABLES,
        'fields=("payer_phone",),\n                name="prompt_one_live_per_phone"',
        'fields=("id",),\n                name="prompt_one_live_per_phone"',
        (
            f"{RACE_PROMPTS}::test_one_phone_asked_for_two_fees_at_once_rings_once",
            f"{IN_DATABASE}::test_the_guard_refuses[prompt_one_live_per_phone-second_prompt_of_a_phone_beside_created]",
        ),
    ),
    Guard(
        "resend-on-timeout",
        "a push whose answer was lost is sent again",
        f"{PAYMENTS}/dispatch.py",
        """        case Unknown():
            values |= _move(PromptState.UNKNOWN, PromptEvent.ANSWER_LOST, next_s=UNKNOWN_WITHOUT_ID_S)""",
        """        case Unknown():
            values |= _move(PromptState.CREATED, PromptEvent.NOT_SENT, next_s=5)""",
        (f"{UNKNOWN}::test_a_push_whose_answer_was_lost_is_never_sent_again_and_its_callback_pays",),
    ),
    Guard(
        "answer-lost-is-not-sent",
        "whatever failed on the wire is called not sent",
        "src/rufaa/daraja/client.py",
        "    if came.nothing_written:\n        return NotSent(came.code",
        "    if came:\n        return NotSent(came.code",
        ("tests/daraja/test_daraja_calls.py",),
    ),
    Guard(
        "lease-expiry-is-not-sent",
        "a prompt whose worker died is sent again",
        f"{PAYMENTS}/dispatch.sql",
        "    state = 'unknown', event = 'lease-expired', lease_until = NULL, code = 'lease-expired',",
        "    state = 'created', event = 'not-sent', lease_until = NULL, code = 'lease-expired',",
        (f"{UNKNOWN}::test_a_worker_frozen_past_its_lease_moves_nothing_but_brings_the_id",),
    ),
    Guard(
        "lease-of-the-record",
        "a worker whose lease ran out moves the prompt of a newer one",
        f"{PAYMENTS}/dispatch.sql",
        "    WHERE prompt.lease = told.lease AND prompt.state = 'sending'",
        "    WHERE prompt.state = 'sending'",
        (f"{UNKNOWN}::test_the_answer_of_an_older_lease_moves_nothing_of_a_newer_one",),
    ),
    Guard(
        "lease-of-each-answer",
        "of two answers to one prompt, written at once, the older one sends it again",
        f"{PAYMENTS}/dispatch.sql",
        "FROM sending JOIN told ON told.id = sending.id AND told.lease = sending.lease",
        "FROM sending JOIN told ON told.id = sending.id",
        (
            "tests/money/test_money_dispatch.py::test_an_answer_of_before_does_not_take_back_what_was_sent_since[old-first]",
        ),
    ),
    Guard(
        "lease-of-the-ids",
        "a worker whose lease ran out names the push of a newer one",
        f"{PAYMENTS}/dispatch.sql",
        "WHERE id = %(id)s AND lease = %(lease)s AND %(checkout)s::text IS NOT NULL",
        "WHERE id = %(id)s AND %(checkout)s::text IS NOT NULL",
        (
            f"{UNKNOWN}::test_the_answer_of_an_older_lease_moves_nothing_of_a_newer_one",
            f"{UNKNOWN}::test_a_late_answer_after_the_lease_never_makes_the_prompt_sendable",
        ),
    ),
    Guard(
        "late-start",
        "a worker that was frozen after its claim still sends",
        f"{PAYMENTS}/dispatch.py",
        "if clock.uptime_s() - claimed_at > LATEST_START_S:",
        "if clock.uptime_s() - claimed_at > 10**9:",
        (f"{UNKNOWN}::test_a_worker_that_was_held_up_after_its_claim_sends_nothing",),
    ),
    Guard(
        "claim-skips-what-is-held",
        "two workers claim one prompt",
        f"{PAYMENTS}/dispatch.sql",
        "    FOR UPDATE OF prompt SKIP LOCKED\n)\nUPDATE prompt SET\n    state = 'sending'",
        ")\nUPDATE prompt SET\n    state = 'sending'",
        (f"{RACE_PROMPTS}::test_a_prompt_that_another_worker_holds_is_skipped",),
    ),
    Guard(
        "claim-of-open-fees",
        "a prompt is sent for a fee that closed meanwhile",
        f"{PAYMENTS}/dispatch.sql",
        "        AND fee.state IN ('due', 'deferred')\n",
        "",
        (f"{UNKNOWN}::test_a_prompt_whose_fee_closes_just_before_the_claim_is_not_claimed",),
    ),
    Guard(
        "hold-in-the-claim",
        "the claim takes what is on hold",
        f"{PAYMENTS}/dispatch.sql",
        "        AND prompt.account_id NOT IN (SELECT account_id FROM account_hold WHERE released_at IS NULL)\n",
        "",
        ("tests/races/test_race_hold.py::test_the_claim_itself_takes_nothing_of_an_account_on_hold",),
    ),
    Guard(
        "rate-limit",
        "an account's rate is forgotten",
        f"{PAYMENTS}/access.py",
        'tx.execute(_SQL[f"store_{budget}"], {"account": account, "tat": admission.tat})',
        "pass",
        ("tests/money/test_money_access.py::test_the_rate_of_an_account_spaces_its_pushes",),
    ),
    Guard(
        "one-renewal-of-the-token",
        "two processes renew one token",
        f"{PAYMENTS}/access.sql",
        "WHERE account_id = %(account)s AND renewal = %(seen)s AND (",
        "WHERE account_id = %(account)s OR (",
        (
            "tests/money/test_money_access.py::test_two_processes_that_need_a_token_ask_for_one",
            "tests/money/test_money_access.py::test_a_token_that_daraja_rejects_is_renewed_once_for_all",
        ),
    ),
    Guard(
        "late-renewer",
        "a renewer that comes too late replaces the newer token",
        f"{PAYMENTS}/access.sql",
        "    renewing_until = NULL\nWHERE account_id = %(account)s AND renewal = %(renewal)s",
        "    renewing_until = NULL\nWHERE account_id = %(account)s",
        ("tests/money/test_money_access.py::test_a_renewer_that_comes_too_late_does_not_replace_the_newer_token",),
    ),
    Guard(
        "lock-of-the-fee",
        "people and money do not wait for each other",
        f"{PAYMENTS}/operations.sql",
        "SELECT * FROM fee WHERE id = %(fee)s FOR NO KEY UPDATE",
        "SELECT * FROM fee WHERE id = %(fee)s",
        (
            f"{RACE_SETTLEMENT}::test_a_clerk_and_the_money_at_once_end_in_the_order_in_which_they_came",
            f"{RACE_ARRIVALS}::test_a_person_and_the_notice_of_a_payment_at_once_end_in_the_order_in_which_they_came",
        ),
    ),
    # --- who may say so
    Guard(
        "secret",
        "any secret opens an address",
        "src/rufaa/ingest/address.py",
        "kind is None or not secret.is_signature(keys, _LABELS[kind], match[2], match[3])",
        "kind is None",
        (f"{FORGED}::test_a_wrong_secret_is_404_and_leaves_no_trace",),
    ),
    Guard(
        "secret-of-its-kind",
        "the secret of one address opens those of other kinds",
        "src/rufaa/ingest/address.py",
        'Kind.TIMEOUT: "order-timeout"',
        'Kind.TIMEOUT: "order-result"',
        ("tests/hostile/test_hostile_reports.py::test_no_other_secret_opens_an_address",),
    ),
    Guard(
        "address",
        "any address may speak for Safaricom",
        "src/rufaa/ingest/address.py",
        "return networks is None or within(source, networks)",
        "return True",
        ("tests/money/test_money_untrusted.py::test_a_success_is_believed_after_a_query_and_its_number_is_not",),
    ),
    Guard(
        "stored-before-200",
        "a callback is acknowledged before it is committed",
        "src/rufaa/ingest/endpoint.py",
        "await self._batcher.store(report(body))",
        "self._batcher.keep(report(body), ended=lambda _: None)",
        ("tests/money/test_money_inbox.py::test_while_the_database_is_away_callbacks_are_not_acknowledged",),
    ),
    Guard(
        "inbox-row-taken-once",
        "two workers take one report",
        "src/rufaa/ingest/loop.sql",
        "ORDER BY id LIMIT %(limit)s\nFOR UPDATE SKIP LOCKED",
        "ORDER BY id LIMIT %(limit)s",
        (f"{RACE_SETTLEMENT}::test_two_workers_settle_the_same_inbox_and_each_callback_once",),
    ),
    Guard(
        "evidence-once",
        "one report is evidence twice",
        FIRST_TABLES,
        'fields=("inbox",), name="evidence_once"',
        'fields=("id",), name="evidence_once"',
        (f"{IN_DATABASE}::test_the_guard_refuses[evidence_once-one_callback_twice_as_evidence]",),
    ),
    Guard(
        "amount-of-a-callback",
        "a callback of another amount pays",
        f"{PAYMENTS}/machine.py",
        "            if report.amount != prompt.amount:",
        "            if not report.amount:",
        (f"{JUDGE}::test_a_callback_of_success",),
    ),
    Guard(
        "phone-of-a-callback",
        "a callback of another phone pays",
        f"{PAYMENTS}/machine.py",
        "            if report.phone_shown is not None and not agrees(report.phone_shown, prompt.phone):",
        "            if report.phone_shown == '':",
        (f"{JUDGE}::test_a_callback_of_success",),
    ),
    Guard(
        "ids-of-a-callback",
        "the callback of another push pays",
        f"{PAYMENTS}/machine.py",
        "        if ours is not None and theirs is not None and ours != theirs:",
        "        if ours == '':",
        (
            f"{JUDGE}::test_a_callback_of_success",
            f"{FORGED}::test_a_callback_replayed_onto_another_prompt_credits_nobody",
        ),
    ),
    Guard(
        "number-of-another-payment",
        "a callback with the number of another payment pays",
        f"{PAYMENTS}/machine.py",
        "            if report.receipt_number in prompt.others_numbers:",
        "            if report.receipt_number == '':",
        (f"{JUDGE}::test_a_receipt_number_pays_once",),
    ),
    Guard(
        "untrusted-callback",
        "a success from anywhere is believed",
        f"{PAYMENTS}/machine.py",
        "            return Verdict.CONFIRMS if report.trusted else Verdict.ASK\n",
        "            return Verdict.CONFIRMS\n",
        (f"{JUDGE}::test_a_callback_of_success",),
    ),
    Guard(
        "untrusted-ids",
        "a forged callback teaches ids",
        f"{PAYMENTS}/plan.py",
        "if not report.trusted or verdict in _OF_ANOTHER_PUSH or prompt.state is PromptState.CREATED:",
        "if verdict in _OF_ANOTHER_PUSH or prompt.state is PromptState.CREATED:",
        (f"{UNTRUSTED}::test_a_forged_callback_teaches_no_id_by_which_another_payment_would_be_taken",),
    ),
    Guard(
        "ids-of-another-push",
        "a true callback that came to another prompt's address teaches its ids",
        f"{PAYMENTS}/plan.py",
        "if not report.trusted or verdict in _OF_ANOTHER_PUSH or prompt.state is PromptState.CREATED:",
        "if not report.trusted or verdict is Verdict.OTHER_PROMPT or prompt.state is PromptState.CREATED:",
        ("tests/machines/test_plan_laws.py::test_a_true_callback_at_another_prompt_s_address_teaches_no_ids",),
    ),
    Guard(
        "untrusted-number",
        "a forged callback puts its number on real money",
        f"{PAYMENTS}/plan.py",
        "        elif prompt.number is None and verdict is not Verdict.CONFIRMS:",
        "        elif prompt.number is None and not verdict:",
        (f"{UNTRUSTED}::test_a_false_number_is_not_put_on_money_whose_true_one_will_come",),
    ),
    Guard(
        "query-failure-twice",
        "one failed query is the end of a prompt",
        f"{PAYMENTS}/machine.py",
        "return Verdict.FAILS if old_enough and prompt.unpaid_queries >= 1 else Verdict.FAILS_FOR_NOW",
        "return Verdict.FAILS",
        (f"{JUDGE}::test_a_failure_by_query_is_believed_after_the_prompts_life_when_two_say_so",),
    ),
    Guard(
        "untrusted-notice",
        "a C2B notice from anywhere is money",
        f"{PAYMENTS}/arrival_plan.py",
        "believed = arrival.trusted and arrival.channel is not Channel.TYPED",
        "believed = arrival.channel is not Channel.TYPED",
        (f"{PAYBILL}::test_a_notice_from_an_unlisted_address_is_a_claim_and_credits_nobody",),
    ),
    Guard(
        "typed-is-no-money",
        "a code that a clerk types is money",
        f"{PAYMENTS}/arrival_plan.py",
        "believed = arrival.trusted and arrival.channel is not Channel.TYPED",
        "believed = arrival.trusted or arrival.channel is Channel.TYPED",
        ("tests/machines/test_arrival_plan.py::test_nobodys_word_is_a_claim_and_changes_nothing",),
    ),
    Guard(
        "credited-here",
        "the status of a payout of ours is money that came",
        f"{PAYMENTS}/arrivals.py",
        '    return number in {short_code, till_number} - {""}',
        "    return True",
        (f"{REFUNDS}::test_a_typed_code_of_our_own_payout_is_no_money",),
    ),
    # --- one payment, counted once, and none lost
    Guard(
        "number-once",
        "one receipt number may be two receipts",
        FIRST_TABLES,
        '("number", models.TextField(null=True, unique=True))',
        '("number", models.TextField(null=True))',
        (f"{RACE_ARRIVALS}::test_one_notice_twice_at_once_is_one_payment",),
    ),
    Guard(
        "adoption",
        "a push and its C2B notice are two payments, by callback or query",
        f"{PAYMENTS}/plan.py",
        "        if loose is not None:\n            self._adopt(prompt, loose, item)\n            return\n",
        "",
        (f"{PAYBILL}::test_a_prompt_and_its_notice_are_one_payment_whichever_comes_first",),
    ),
    Guard(
        "fill",
        "a query's payment and its C2B notice are two",
        f"{PAYMENTS}/arrival_plan.py",
        "verdict, receipt = self._fill(arrival) or self._book(arrival)",
        "verdict, receipt = self._book(arrival)",
        (f"{PAYBILL}::test_a_payment_whose_callback_is_lost_gets_its_number_from_the_notice",),
    ),
    Guard(
        "late-payment",
        "a payment long after its prompt is two, by query and by number",
        f"{PAYMENTS}/paid_when.py",
        "    return how_late is None or out_of_life(paid_at, sent_at, doubt=doubt) <= CLOCKS_APART + how_late",
        "    return out_of_life(paid_at, sent_at, doubt=doubt) <= CLOCKS_APART",
        (f"{ONE_PAYMENT}::test_one_payment_is_one_receipt_whoever_tells_it_first",),
    ),
    Guard(
        "exchange-by-a-query",
        "a prompt whose number another one took makes a receipt of its own beside the other's money",
        f"{PAYMENTS}/plan.py",
        "for sent_at in (prompt.row.sent_at, *exchanged)",
        "for sent_at in (prompt.row.sent_at,)",
        (f"{ADOPTION}::test_money_of_before_is_adopted_where_a_sibling_may_have_taken_the_prompts_own",),
    ),
    Guard(
        "exchange-by-a-notice",
        "a payment whose prompt has another one's number is booked beside the receipt that awaits a number",
        f"{PAYMENTS}/arrival_plan.py",
        "for sent_at in (awaiting.sent_at, *awaiting.exchanged)",
        "for sent_at in (awaiting.sent_at,)",
        (f"{ARRIVALS}::test_the_number_of_an_earlier_payment_is_taken_where_the_own_one_stands_at_an_earlier_prompt",),
    ),
    Guard(
        "lock-of-the-account",
        "of a query and a notice without reference neither sees the other",
        f"{PAYMENTS}/settle.sql",
        "SELECT pg_advisory_xact_lock(hashtextextended(%(account)s::uuid::text, 0))",
        "SELECT hashtextextended(%(account)s::uuid::text, 0)",
        (f"{RACE_ARRIVALS}::test_a_query_that_says_paid_and_the_notice_at_once_are_one_receipt",),
    ),
    Guard(
        "lock-of-the-named-fee",
        "two notices that name one fee do not wait for each other",
        f"{PAYMENTS}/arrivals.sql",
        "WHERE account_code = ANY(%(codes)s)\nORDER BY id\nFOR NO KEY UPDATE",
        "WHERE account_code = ANY(%(codes)s)\nORDER BY id",
        (f"{RACE_ARRIVALS}::test_of_two_notices_for_one_fee_at_once_one_pays_and_one_waits",),
    ),
    Guard(
        "late-money",
        "a success after a failure is ignored",
        f"{PAYMENTS}/machine.py",
        "_UNSETTLED: Final = (_P.CREATED, _P.SENDING, _P.PENDING, _P.UNKNOWN, _P.REFUSED, _P.UNPAID, _P.REVIEW)",
        "_UNSETTLED: Final = (_P.CREATED, _P.SENDING, _P.PENDING, _P.UNKNOWN, _P.REFUSED, _P.REVIEW)",
        ("tests/money/test_money_order.py::test_a_success_after_a_failure_that_two_queries_told_still_pays",),
    ),
    Guard(
        "evidence-of-prompts",
        "what was reported of prompts is not kept",
        f"{PAYMENTS}/settle.py",
        "    _write_evidence(tx, decided)\n    if decided.tasks:",
        "    if decided.tasks:",
        ("tests/money/test_money_order.py::test_a_success_after_a_failure_that_two_queries_told_still_pays",),
    ),
    Guard(
        "evidence-of-arrivals",
        "what was reported by number is not kept",
        f"{PAYMENTS}/arrivals.py",
        "    _write_claims(tx, decided)\n    _write_evidence(tx, decided)\n",
        "    _write_claims(tx, decided)\n",
        (f"{PAYBILL}::test_a_payment_by_hand_with_the_code_pays_the_referral",),
    ),
    Guard(
        "code-of-an-error",
        "the code of an error is taken for a result",
        "src/rufaa/daraja/codes.py",
        '    return f"error-{code}" if code in _CODES else code\n',
        "    return code\n",
        ("tests/money/test_money_queries.py::test_the_code_of_an_error_is_no_result",),
    ),
    Guard(
        "money-of-the-task",
        "money on a shared account is nobody's, though a facility has its task",
        f"{PAYMENTS}/migrations/0016_whose.sql",
        "AND kind = 'unapplied' AND facility_id IS NOT NULL ORDER BY",
        "AND kind = 'none' AND facility_id IS NOT NULL ORDER BY",
        ("tests/money/test_money_shared.py::test_money_that_names_a_fee_is_its_payees",),
    ),
    Guard(
        "task-of-a-prompts-money",
        "money that a closed fee cannot take waits without anybody",
        f"{PAYMENTS}/plan.py",
        'self._ask_person("unapplied", prompt, f"{receipt.amount} arrived for a fee that is {state}.")',
        "pass",
        ("tests/money/test_money_fees.py::test_money_for_a_fee_that_closed_meanwhile_waits_for_a_person",),
    ),
    Guard(
        "task-of-an-arrivals-money",
        "money that came by hand and fits nothing waits without anybody",
        f"{PAYMENTS}/arrivals.py",
        "    for task in decided.tasks:\n",
        "    for task in ():\n",
        (f"{PAYBILL}::test_another_amount_waits_for_a_person",),
    ),
    # --- what a person does with it
    Guard(
        "apply-to-a-closed-fee",
        "money is applied to a fee that is closed",
        f"{PAYMENTS}/unapplied.py",
        "    if state not in OPEN_FEE:\n",
        "    if not state:\n",
        (f"{UNAPPLIED}::test_what_does_not_fit_is_refused_and_changes_nothing",),
    ),
    Guard(
        "apply-what-is-free",
        "a receipt is applied over what of it is free",
        f"{PAYMENTS}/unapplied.py",
        'takes = min(missing, standing.row["free_cents"])',
        'takes = min(missing, standing.row["amount_cents"])',
        (f"{UNAPPLIED}::test_what_does_not_fit_is_refused_and_changes_nothing",),
    ),
    Guard(
        "lock-of-the-receipt",
        "two who want one receipt's money do not wait for each other",
        f"{PAYMENTS}/refunds.sql",
        "SELECT * FROM receipt WHERE id = %(receipt)s FOR NO KEY UPDATE",
        "SELECT * FROM receipt WHERE id = %(receipt)s",
        (f"{RACE_REFUNDS}::test_a_refund_that_is_proposed_while_the_money_is_applied_does_not_take_it_twice",),
    ),
    Guard(
        "code-of-another-fee",
        "a typed code that names another referral pays",
        f"{PAYMENTS}/claims.py",
        'receipt["account_id"] != row["account_id"] or receipt["names_id"] not in {None, fee}',
        'receipt["account_id"] != row["account_id"]',
        (f"{UNAPPLIED}::test_codes_that_cannot_be_meant_are_refused",),
    ),
    Guard(
        "code-of-another-day",
        "a typed code of another year is taken",
        f"{PAYMENTS}/claims.py",
        '    _check_day(tx, code, raised=row["created_at"].astimezone(EAT).date())\n',
        "",
        (f"{UNAPPLIED}::test_codes_that_cannot_be_meant_are_refused",),
    ),
    Guard(
        "waived-by-two",
        "whoever proposed to waive a fee can be the second person",
        f"{PAYMENTS}/operations.py",
        '    if proposal["proposed_by"] == by:',
        "    if by is None:",
        ("tests/operations/test_exemptions_two_people.py",),
    ),
    # --- giving back
    Guard(
        "refund-over-what-came",
        "more is given back than is there",
        f"{PAYMENTS}/refunds.py",
        "if wanted.cents <= 0 or wanted > free or (fee is not None and wanted != free):",
        "if wanted.cents <= 0:",
        (f"{PEOPLE}::test_refunds_over_what_came_in_and_twice_are_refused",),
    ),
    Guard(
        "refund-by-two",
        "whoever proposed a refund can approve it",
        f"{PAYMENTS}/refunds.py",
        """    if row["proposed_by"] == by:
        raise SamePerson("You proposed this. Another person has to agree.")""",
        """    if by is None:
        raise SamePerson("You proposed this. Another person has to agree.")""",
        (f"{PEOPLE}::test_the_second_person_is_another_one",),
    ),
    Guard(
        "refund-by-two-in-the-database",
        "the database takes one person for two",
        WORKED_TABLES,
        'models.Q(("approved_by", models.F("proposed_by")), _negated=True)',
        'models.Q(("approved_by__isnull", False))',
        (f"{IN_DATABASE}::test_the_guard_refuses[refund_two_people-proposed_and_approved_by_one]",),
    ),
    Guard(
        "approved-once",
        "a refund is approved twice",
        f"{PAYMENTS}/refunds.py",
        """    if RefundState(row["state"]) is not RefundState.PROPOSED:
        raise RefundNotOpen(
            sentence("The refund is %(state)s already.",""",
        """    if not row:
        raise RefundNotOpen(
            sentence("The refund is %(state)s already.",""",
        (f"{RACE_REFUNDS}::test_a_refund_is_approved_once",),
    ),
    Guard(
        "one-live-refund",
        "one receipt's money is promised twice",
        WORKED_TABLES,
        'fields=("receipt", "fee"),\n                name="refund_one_live"',
        'fields=("receipt", "fee", "id"),\n                name="refund_one_live"',
        (f"{IN_DATABASE}::test_the_guard_refuses[refund_one_live-second_refund_of_what_waits_beside_proposed]",),
    ),
    Guard(
        "reversal-of-the-whole",
        "a part of a receipt is reversed",
        f"{PAYMENTS}/refunds.py",
        'whole = amount.cents == standing.row["amount_cents"] and standing.row["number"] is not None',
        'whole = standing.row["number"] is not None',
        (f"{PEOPLE}::test_a_part_is_paid_out_and_never_reversed",),
    ),
    Guard(
        "order-claimed-once",
        "two workers order one refund",
        f"{PAYMENTS}/orders.sql",
        "    FOR UPDATE OF refund SKIP LOCKED\n)\nUPDATE refund SET",
        ")\nUPDATE refund SET",
        (f"{RACE_REFUNDS}::test_two_workers_order_one_refund_once",),
    ),
    Guard(
        "lease-of-an-order",
        "a worker whose lease ran out moves the refund of a newer one",
        f"{PAYMENTS}/orders.py",
        'if row["lease"] != order.lease or state not in',
        "if state not in",
        (f"{RACE_REFUNDS}::test_the_answer_to_an_older_order_moves_nothing_of_a_newer_one",),
    ),
    Guard(
        "lease-of-an-orders-ids",
        "a worker whose lease ran out names the order of a newer one",
        f"{PAYMENTS}/orders.sql",
        "WHERE id = %(id)s AND lease = %(lease)s\n",
        "WHERE id = %(id)s\n",
        (f"{RACE_REFUNDS}::test_the_answer_to_an_older_order_moves_nothing_of_a_newer_one",),
    ),
    Guard(
        "reversed-before-by-us",
        "R000001 is always taken for ours",
        f"{PAYMENTS}/order_results.py",
        '            if row["orders"] > 1:\n                return _went',
        "            if row:\n                return _went",
        (f"{REFUNDS}::test_a_payment_that_somebody_else_reversed_is_a_persons_to_find_out",),
    ),
    Guard(
        "timed-out-is-unknown",
        "a post to the time-out address is a failure",
        f"{PAYMENTS}/order_results.py",
        '        refunds.move(tx, row, RefundEvent.SILENT, next_s=0, code="timed-out")',
        '        refunds.fail(tx, row, code="timed-out", message="")',
        (f"{REFUNDS}::test_a_result_that_does_not_come_is_asked_for",),
    ),
    Guard(
        "payout-under-its-own-id",
        "a payout that is given again has a new id",
        f"{PAYMENTS}/orders.py",
        "                    originator_conversation_id=ids.wire(order.refund),",
        "                    originator_conversation_id=ids.wire(ids.new_id()),",
        (f"{REFUNDS}::test_an_order_whose_answer_is_lost_is_given_again_and_done_once",),
    ),
    Guard(
        "result-of-this-order",
        "the result of another order is believed",
        f"{PAYMENTS}/order_results.py",
        "    if not _of_this_order(row, item.told):\n",
        "    if not row:\n",
        (f"{REFUNDS}::test_a_result_that_speaks_of_something_else_moves_nothing",),
    ),
    Guard(
        "result-of-this-receipt",
        "the result about another receipt or amount is believed",
        f"{PAYMENTS}/order_results.py",
        'if told.original_receipt not in {None, standing.row["number"]} or told.amount not in {',
        "if told.verdict is None or 0 in {",
        (f"{REFUNDS}::test_a_result_that_speaks_of_something_else_moves_nothing",),
    ),
    Guard(
        "untrusted-result",
        "a result from anywhere is believed",
        f"{PAYMENTS}/order_results.py",
        "    if not item.trusted:  # nobody that may speak for Safaricom: ask Safaricom",
        "    if not item:",
        (f"{REFUNDS}::test_a_forged_result_from_an_unlisted_address_is_asked_about",),
    ),
    Guard(
        "room-for-a-late-success",
        "what went after all leaves the one that was promised its money since in the queue",
        f"{PAYMENTS}/order_results.py",
        "    standing = refunds.make_room(tx, row, standing)\n",
        "",
        (f"{REFUNDS_LATE}::test_money_that_waited_and_was_promised_anew_is_not_ordered_any_more",),
    ),
    Guard(
        "others-of-a-late-success",
        "what went after all leaves an order whose answer was lost in the queue",
        f"{PAYMENTS}/refunds.py",
        "    for other in _others(tx, row, {RefundState.UNKNOWN}):\n",
        "    for other in _others(tx, row, ()):\n",
        (f"{REFUNDS_LATE}::test_an_order_whose_answer_was_lost_is_a_persons_and_not_given_again",),
    ),
    Guard(
        "overtaken-order",
        "an order of money that went otherwise meanwhile is given again",
        f"{PAYMENTS}/orders.py",
        "    if event is not RefundEvent.ACCEPTED and refunds.is_overtaken(tx, row):\n",
        "    if not row:\n",
        (f"{REFUNDS_LATE}::test_an_order_that_was_not_taken_is_not_given_again",),
    ),
    Guard(
        "overtaken-order-in-the-queue",
        "an order of a fee whose money went waits for ever",
        f"{PAYMENTS}/orders.sql",
        """        OR EXISTS (
            SELECT FROM refund AS other
            WHERE other.receipt_id = refund.receipt_id AND other.fee_id = refund.fee_id AND other.state = 'done'
        )
""",
        "",
        (f"{REFUNDS_LATE}::test_of_a_fee_whose_money_went_nothing_is_ordered_whatever_stands_in_the_queue",),
    ),
    Guard(
        "resend-of-what-went",
        "the database lets an order of a fee whose money went be given again",
        f"{PAYMENTS}/migrations/0017_overtaken.sql",
        "NEW.state IN ('proposed', 'approved', 'sending', 'resending', 'done')",
        "NEW.state IN ('proposed', 'approved', 'sending', 'done')",
        (f"{REFUNDS_LATE}::test_of_a_fee_whose_money_went_nothing_is_ordered_whatever_stands_in_the_queue",),
    ),
    Guard(
        "withdrawn-and-gone",
        "what was withdrawn and went leaves its money free",
        f"{PAYMENTS}/migrations/0017_overtaken.sql",
        "WHEN NEW.state = 'done' AND OLD.state IN ('withdrawn', 'failed')",
        "WHEN NEW.state = 'done' AND OLD.state IN ('failed')",
        (f"{REFUNDS_LATE}::test_what_was_withdrawn_and_went_after_all_is_done",),
    ),
    Guard(
        "failed-while-asked",
        "a person calls a refund failed while M-Pesa is asked about it",
        f"{PAYMENTS}/refunds.py",
        '    if not went and row["next_at"] is not None:\n',
        "    if not row:\n",
        (f"{REFUNDS}::test_nobody_says_that_it_did_not_go_while_m_pesa_is_asked",),
    ),
    Guard(
        "late-order",
        "a worker that was held up orders a refund all the same",
        f"{PAYMENTS}/orders.py",
        "if clock.uptime_s() - claimed_at > LATEST_START_S:",
        "if clock.uptime_s() - claimed_at > 10**9:",
        (f"{REFUNDS}::test_a_worker_that_was_held_up_orders_nothing",),
    ),
    Guard(
        "order-for-a-day",
        "an order whose answer was lost is tried for ever",
        f"{PAYMENTS}/orders.sql",
        "OR coalesce(refund.sent_at, refund.approved_at) <= rufaa_now() - %(longest_s)s",
        "OR coalesce(refund.sent_at, refund.approved_at) <= rufaa_now() - 10 * %(longest_s)s",
        (f"{REFUNDS}::test_an_order_whose_answer_was_lost_and_that_is_not_taken_again_is_a_persons_after_a_day",),
    ),
    Guard(
        "order-that-is-not-taken",
        "nobody hears that M-Pesa does not take an order",
        f"{PAYMENTS}/orders.py",
        '        if RefundState(locked["state"]) is RefundState.APPROVED:\n',
        "        if not locked:\n",
        (f"{REFUNDS}::test_an_order_that_is_not_taken_for_an_hour_is_told_to_a_person_who_may_withdraw_it",),
    ),
    # --- what the database holds, whoever writes
    Guard(
        "law-of-fees",
        "a fee moves as no law allows",
        ASKED_IN_SETS,
        "CALL rufaa_has_law('fee', born => 'fee_1_born', moved => 'fee_1_law');",
        "DROP TRIGGER fee_1_law ON fee;",
        (f"{IN_DATABASE}::test_the_guard_refuses[fee_1_law-paid_from_waived]",),
    ),
    Guard(
        "history-is-lawful",
        "a move that is not in the law is written down",
        "src/rufaa/db/migrations/0004_in_sets.sql",
        """CREATE TRIGGER history_is_lawful AFTER INSERT ON history REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION history_is_lawful();""",
        "",
        (f"{IN_DATABASE}::test_the_guard_refuses[history_is_lawful-unlawful_history]",),
    ),
    Guard(
        "books-of-applications",
        "money is applied, and the books do not say so",
        GUARDS_IN_SETS,
        """CREATE TRIGGER application_5_books AFTER INSERT ON application REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION application_books();""",
        "",
        (f"{PAYBILL}::test_a_payment_by_hand_with_the_code_pays_the_referral",),
    ),
    Guard(
        "applied-receipt",
        "a receipt that is applied whole goes on waiting",
        GUARDS_IN_SETS,
        "        state = CASE WHEN used.waits > 0 THEN 'unapplied' ELSE 'applied' END,",
        "        state = 'unapplied',",
        (f"{PAYBILL}::test_a_payment_by_hand_with_the_code_pays_the_referral",),
    ),
    Guard(
        "books-of-refunds",
        "money goes back, and the books do not say so",
        WORKED_GUARDS,
        "    WHEN (NEW.state = 'done' AND OLD.state <> 'done') EXECUTE FUNCTION refund_books();",
        "    WHEN (NEW.state = 'proposed' AND OLD.state = 'done') EXECUTE FUNCTION refund_books();",
        (f"{REFUNDS}::test_money_that_waits_is_reversed",),
    ),
    Guard(
        "fee-paid-by-just-so-much",
        "two transactions pay one fee at once",
        WORKED_GUARDS,
        "            AND amount_cents = (SELECT sum(amount_cents) FROM application WHERE fee_id = NEW.fee_id)\n",
        "",
        (f"{IN_DATABASE}::test_the_guard_refuses[application_4_pays-applied_to_a_fee_that_others_paid_meanwhile]",),
    ),
)
