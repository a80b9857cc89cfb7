"""A field of a form: label, input, hint, what was typed before a refusal, and which field the refusal is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.template import RequestContext
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from rufaa import ids
from rufaa.console import once as sendings
from rufaa.console.templatetags.refusals import refusal

register = template.Library()


@register.inclusion_tag("console/field.html", takes_context=True)
def field(
    context: RequestContext,
    form: str,
    name: str,
    label: str,
    *,
    value: object = "",
    kind: str = "text",
    hint: str = "",
    needed: bool = False,
    keyboard: str = "",
    choices: Iterable[tuple[str, str]] = (),
    most: int = 0,
    list_of: str = "",
) -> dict[str, Any]:
    """One field ``name`` of the form ``form``. ``kind`` is an input's type, or textarea, select or radio.

    ``form`` is the last word of the form's address; behind a dot it may say which of several forms to there.
    """
    problem, refused = context.get("problem"), context.get("doing") == form.partition(".")[0]
    stands = context["typed"].get(name, "") if refused and context.get("typed") else value
    wrong = refused and problem is not None and problem.data.get("argument") == name
    return {
        "id": f"{form.replace('.', '-')}-{name}",
        "name": name,
        "label": label,
        "value": "" if stands is None else stands,
        "kind": kind,
        "hint": hint,
        "needed": needed,
        "optional": "" if needed else gettext("may stay empty"),
        "keyboard": keyboard,
        "choices": choices,
        "most": most,
        "list": list_of,
        "wrong": refusal(problem) if wrong and problem is not None else "",
    }


@register.simple_tag(takes_context=True)
def once(context: RequestContext, form: str) -> SafeString:
    """The hidden name of the form ``form``, by which two sendings of it are one."""
    refused = context.get("doing") == form
    name = sendings.key(context["request"], context.get("problem")) if refused else ids.new_id().hex
    return format_html('<input type="hidden" name="{}" value="{}">', sendings.FIELD, name)
