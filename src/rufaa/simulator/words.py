"""What the phone says: the prompt and the messages, as M-Pesa words them. Pure; nothing here escapes for a page."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from rufaa.clock import EAT
from rufaa.money import Money
from rufaa.simulator import codes
from rufaa.simulator.events import CashPaidIn
from rufaa.simulator.movements import Movement, Way
from rufaa.simulator.state import Prompt

AGENT: Final = "Duka la Majaribio"  # "the trial shop": nobody's name


def prompt(*, amount: Money, business: str, account: str) -> str:
    return f"Do you want to pay {amount} to {business} Account {account}? Enter M-PESA PIN:"


def ksh(amount: Money) -> str:
    """``Ksh1,000.00``"""
    return str(amount).replace("KES ", "Ksh")


def clock_time(instant: datetime) -> str:
    """``09:12:00``, in EAT."""
    return f"{instant.astimezone(EAT):%H:%M:%S}"


def day_and_time(instant: datetime) -> str:
    """``23/11/26 at 9:12 AM``, in EAT; written by hand, since strftime knows no unpadded hour everywhere."""
    local = instant.astimezone(EAT)
    half = "AM" if local.hour < 12 else "PM"
    return f"{local.day}/{local.month}/{local:%y} at {local.hour % 12 or 12}:{local:%M} {half}"


def moved(movement: Movement, *, business: str) -> str:
    """The SMS about money that moved without a prompt."""
    if movement.wallet_after is None:
        return ""
    when, balance = day_and_time(movement.at), ksh(movement.wallet_after)
    if movement.way is Way.REVERSAL:
        return (
            f"{movement.receipt} Confirmed. Transaction {movement.undoes} of {ksh(movement.amount)} to {business} was "
            f"reversed on {when}. New M-PESA balance is {balance}."
        )
    if movement.way is Way.PAYOUT:
        return (
            f"{movement.receipt} Confirmed. You have received {ksh(movement.amount)} from {business} on {when}. "
            f"New M-PESA balance is {balance}."
        )
    account = f" for account {movement.reference}" if movement.reference else ""
    return (
        f"{movement.receipt} Confirmed. {ksh(movement.amount)} sent to {business}{account} on {when}. "
        f"New M-PESA balance is {balance}. Transaction cost, Ksh0.00."
    )


def paid_in(cash: CashPaidIn) -> str:
    """The SMS about cash that was given to an agent."""
    return (
        f"{cash.receipt} Confirmed. On {day_and_time(cash.paid_at)} Give {ksh(cash.amount)} cash to {AGENT}. "
        f"New M-PESA balance is {ksh(cash.wallet_after)}."
    )


def message(ended: Prompt, *, business: str) -> str | None:
    """The SMS that the payer gets when a prompt is over; None where M-Pesa sends none."""
    if ended.ended_at is None or ended.balance_after is None:
        return None
    if ended.receipt is not None:
        return (
            f"{ended.receipt} Confirmed. {ksh(ended.amount)} sent to {business} for account {ended.account_reference} "
            f"on {day_and_time(ended.ended_at)}. New M-PESA balance is {ksh(ended.balance_after)}. "
            "Transaction cost, Ksh0.00."
        )
    match ended.result_code:
        case codes.BALANCE_LOW:
            return (
                f"Failed. You do not have enough money in your M-PESA account to pay {ksh(ended.amount)} to "
                f"{business}. Your M-PESA balance is {ksh(ended.balance_after)}."
            )
        case codes.WRONG_PIN:
            return "Failed. You have entered a wrong PIN. Please try again."
        case _:
            return None
