"""What a facility tells patients and doctors: whether, in which language, when not, and in which words."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from rufaa.appointments import times
from rufaa.config import config
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.console.settings import house
from rufaa.errors import InvalidArgument
from rufaa.facilities.rights import Right
from rufaa.notices import operations, queries, texts, words
from rufaa.notices.machine import Kind
from rufaa.notices.models import Mode


def _shown(acting: Acting, facility: str) -> Screen:
    here = house.own(acting, facility, Right.SET_DETAILS)
    policy = queries.policy(acting.tx, here)
    asked = acting.request.GET if acting.problem is None else acting.request.POST
    language = asked.get("words", "")
    language = language if language in texts.LANGUAGES else policy.language
    typed = acting.request.POST if acting.problem is not None and "mode" in acting.request.POST else None
    written = queries.written(acting.tx, here, language)
    return house.drawn(
        acting,
        here,
        "messages",
        "rufaa/settings_messages.html",
        policy=policy,
        typed_of=typed,
        modes=[(mode.value, words.MODE[mode]) for mode in Mode],
        mode=policy.mode.value if typed is None else typed.get("mode", ""),
        languages=list(words.LANGUAGE.items()),
        language=language,
        quiet_from=f"{policy.quiet_from:%H:%M}" if typed is None else typed.get("quiet_from", ""),
        quiet_until=f"{policy.quiet_until:%H:%M}" if typed is None else typed.get("quiet_until", ""),
        kinds=[(kind.value, words.KIND[kind], kind not in policy.silent) for kind in Kind],
        written=[(each, words.KIND[each.kind]) for each in written],
        tried=_tried(acting.request.GET) if acting.problem is None else None,
        gateway=config().sms is not None,
        mail=config().email is not None,
    )


def _tried(given: Mapping[str, str]) -> dict[str, object] | None:
    """Words that somebody wants to see before they are used."""
    kind, text = given.get("kind", ""), given.get("text", "")
    if kind not in list(Kind) or not text:
        return None
    try:
        checked = texts.check(Kind(kind), text)
    except InvalidArgument as error:
        return {"kind": kind, "text": text[: texts.LONGEST * 2], "wrong": error}
    return {"kind": kind, "text": checked, "preview": texts.preview(checked)}


@screen
def messages(acting: Acting, facility: str) -> Screen:
    return _shown(acting, facility)


_act = act(back=_shown)


@_act
def save(acting: Acting, facility: str) -> Done:
    here = house.own(acting, facility, Right.SET_DETAILS)
    wanted = set(acting.request.POST.getlist("kinds"))
    operations.set_policy(
        acting.tx,
        here,
        mode=house.given(acting, "mode"),
        language=house.given(acting, "language"),
        quiet_from=times.time_of(house.given(acting, "quiet_from"), argument="quiet_from"),
        quiet_until=times.time_of(house.given(acting, "quiet_until"), argument="quiet_until"),
        silent=[kind.value for kind in Kind if kind.value not in wanted],
    )
    return Done(f"{house.base(here)}messages/", _("Saved."))


@_act
def word(acting: Acting, facility: str) -> Done:
    """Empty: our own words again."""
    here = house.own(acting, facility, Right.SET_DETAILS)
    kind, language = house.given(acting, "kind"), house.given(acting, "words")
    operations.set_template(acting.tx, here, kind=kind, language=language, text=house.given(acting, "text"))
    return Done(f"{house.base(here)}messages/?words={language}#{kind}", _("Saved."))
