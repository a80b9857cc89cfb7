"""The addresses of the patient's page: the page, "pay now", the date of birth, and the receipt."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from django.http import HttpResponse, HttpResponseRedirect

from rufaa import clock
from rufaa.appointments import times
from rufaa.config import config
from rufaa.db.atomic import Tx, look, unit
from rufaa.errors import PAGE_STATUS, RufaaError
from rufaa.paypage import operations, proofs, qr, queries, receipt, telling, words
from rufaa.paypage.answering import Bearing, answers, cookie, drawn, form_of, path_of
from rufaa.paypage.limits import TooOften
from rufaa.paypage.operations import Sender
from rufaa.paypage.proofs import Stand, WrongDay
from rufaa.paypage.queries import Seen
from rufaa.referrals import bearer
from rufaa.referrals.bearer import UnknownLink

PASS_COOKIE: Final = "r-pass"  # noqa: S105 - a name


@answers("GET", "HEAD")
def page(bearing: Bearing) -> HttpResponse:
    return _draw(bearing)


@answers("GET", "HEAD", "POST")
def pay(bearing: Bearing) -> HttpResponse:
    """Ask a phone for the fee, at most once for each look at the page."""
    if bearing.request.method != "POST":
        return HttpResponseRedirect(bearing.path)
    given = form_of(bearing.request)
    keys, sender, typed = config().secret_keys, _sender(bearing, given), given.get("phone", "").strip()
    try:
        unit(lambda tx: operations.ask(tx, keys, sender, typed=typed), actor=bearer.ACTOR)
    except RufaaError as error:
        return _draw(bearing, problem=error, typed=given)
    return HttpResponseRedirect(bearing.path)


@answers("GET", "HEAD", "POST")
def birth(bearing: Bearing) -> HttpResponse:
    """The date of birth opens where and when the patient is expected, for a quarter of an hour."""
    if bearing.request.method != "POST":
        return HttpResponseRedirect(bearing.path)
    given = form_of(bearing.request)
    keys, sender = config().secret_keys, _sender(bearing, given)
    day = [given.get(name, "") for name in ("day", "month", "year")]
    try:
        linked = unit(lambda tx: operations.prove(tx, keys, sender, day=day))
    except RufaaError as error:
        return _draw(bearing, problem=error, typed=given)
    if linked is None:
        return _draw(bearing, problem=WrongDay("That is not the date of birth."), typed=given)
    response = HttpResponseRedirect(bearing.path)
    proof = proofs.pass_for(keys, linked, now=sender.now)
    cookie(response, PASS_COOKIE, proof, path=bearing.path, life_s=proofs.PASS_S)
    return response


@answers("GET", "HEAD")
def receipt_pdf(bearing: Bearing) -> HttpResponse:
    """The receipt, once there is one; before, back to the page."""
    found = look(lambda tx: queries.receipt(tx, bearing.token))
    if found is None:
        return HttpResponseRedirect(bearing.path)
    response = HttpResponse(receipt.pdf(found), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="rufaa-{found.account_code}.pdf"'
    return response


@answers("GET", "HEAD", "POST")
def visit(bearing: Bearing) -> HttpResponse:
    """Take a time for the visit, or give the one back that was taken."""
    if bearing.request.method != "POST":
        return HttpResponseRedirect(bearing.path)
    given = form_of(bearing.request)
    keys, sender = config().secret_keys, _sender(bearing, given)
    proof, slot = bearing.request.COOKIES.get(PASS_COOKIE, ""), given.get("slot", "")

    def act(tx: Tx) -> None:
        if "give_up" in given:
            operations.give_up(tx, keys, sender, proof=proof, appointment=given["give_up"])
        else:
            operations.choose(tx, keys, sender, proof=proof, slot=slot)

    try:
        unit(act, actor=bearer.ACTOR)
    except RufaaError as error:
        return _draw(bearing, problem=error, typed=given)
    return HttpResponseRedirect(bearing.path)


@answers("GET", "HEAD")
def visit_ics(bearing: Bearing) -> HttpResponse:
    """The visit for the phone's calendar; without a proof, or without a time, back to the page."""
    keys, proof, now = config().secret_keys, bearing.request.COOKIES.get(PASS_COOKIE, ""), clock.now()
    found = look(lambda tx: queries.calendar(tx, bearing.token, keys, proof=proof, now=now))
    if found is None:
        return HttpResponseRedirect(bearing.path)
    response = HttpResponse(found, content_type="text/calendar")
    response["Content-Disposition"] = 'attachment; filename="visit.ics"'
    return response


@answers()
def nothing(_bearing: Bearing) -> HttpResponse:
    """Every other address below ``/r/``."""
    raise UnknownLink


def _sender(bearing: Bearing, given: Mapping[str, str]) -> Sender:
    return Sender(bearing.token, bearing.network, given.get("form", ""), clock.now())


def _draw(
    bearing: Bearing, *, problem: RufaaError | None = None, typed: Mapping[str, str] | None = None
) -> HttpResponse:
    """The page; with ``problem`` said above it, and what was ``typed`` in its fields again."""
    now, keys = clock.now(), config().secret_keys
    proof = bearing.request.COOKIES.get(PASS_COOKIE, "")
    seen = queries.look_at(bearing.token, keys, proof=proof, now=now)
    known = seen.known_phone
    context: dict[str, Any] = {
        "path": bearing.path,
        "seen": seen,
        "told": seen.told,
        "waits": words.money(seen.waits) if seen.waits is not None else "",
        "known": words.phone(known) if known else None,
        "form": proofs.form(keys, seen.linked, Stand(seen.prompts), now=now),
        "form_known": proofs.form(keys, seen.linked, Stand(seen.prompts, known), now=now) if known else "",
        "problem": words.refusal(problem) if problem is not None else None,
        "typed": typed or {},
        "receipt": telling.offers_receipt(seen.money),
        "booked": words.booked(seen.whereabouts) if seen.whereabouts is not None else "",
        "visit": words.visit(seen.visit.booking) if seen.visit is not None else "",
        "offered": _offered(seen),
        "asks_birth": bool(seen.linked.born_on) and seen.whereabouts is None and not seen.told.rings,
        **_ways(seen),
    }
    if problem is None:
        return drawn("page.html", context)
    response = drawn("page.html", context, status=429 if isinstance(problem, TooOften) else PAGE_STATUS[problem.kind])
    if isinstance(problem, TooOften):
        response["Retry-After"] = str(problem.wait_s)
    return response


def _offered(seen: Seen) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The times that may be chosen, by clinic and day."""
    if seen.visit is None:
        return []
    several = len(seen.visit.offered) > 1
    return [
        (
            name if several else "",
            words.day(day),
            [(each.id.hex, times.clock_time(each.starts_at)) for each in slots],
        )
        for name, free in seen.visit.offered
        for day, slots in groupby(free, key=lambda slot: slot.day)
    ]


def _ways(seen: Seen) -> dict[str, Any]:
    """How to pay without a prompt, and how to let somebody else do it, while anything is open."""
    if not seen.told.open or seen.money is None:
        return {}
    address = f"{config().public_url}{path_of(seen.linked.token)}"
    return {
        "paybill": seen.money.paybill,
        "amount": words.money(seen.money.amount),
        "address": address,
        "square": qr.svg(address),
    }
