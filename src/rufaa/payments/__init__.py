"""Fees, prompts, evidence, receipts: money from "owed" to "seen". Knows no referral."""
