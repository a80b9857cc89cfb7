"""The hours of one day in the form of a clinic."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

register = template.Library()


@register.simple_tag
def hours_of(form: Mapping[str, object], day: int) -> str:
    """What stands in the field of this day of the week."""
    return str(form.get(f"hours_{day}", ""))
