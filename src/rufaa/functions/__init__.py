"""The function API's nouns: a file is a module, a function is a function. Each parses, calls once, renders."""

from __future__ import annotations

from typing import Final

from rufaa.sync.registry import Registry

REGISTRY: Final = Registry(ambient={"demoUserId": str})
"""Every function that this server has; ``load`` fills it."""


def load() -> Registry:
    """The registry with all modules in it."""
    from rufaa.functions import (  # noqa: F401, PLC0415
        bookings,
        clinics,
        facilities,
        fees,
        mpesa,
        payments,
        prices,
        receipts,
        referralPayments,
        referrals,
        refunds,
        tasks,
    )

    return REGISTRY
