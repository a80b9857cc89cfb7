"""Defaults that PostgreSQL fills in, so that raw SQL gets them too."""

from __future__ import annotations

from django.db.models import DateTimeField, Func


class RufaaNow(Func):
    """``rufaa_now()``: the only time that SQL takes (its offset can be set in tests)."""

    function = "rufaa_now"
    output_field = DateTimeField()
