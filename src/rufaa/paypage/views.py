"""The addresses of the patient's page: the page, "pay now", and the date of birth."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from django.http import HttpResponse, HttpResponseRedirect

from rufaa import clock, phone, reads, tickets
from rufaa.config import config
from rufaa.db.atomic import Tx, look, unit
from rufaa.errors import Kind, RufaaError
from rufaa.payments import passage, queries
from rufaa.payments.operations import Requested
from rufaa.payments.queries import Summary
from rufaa.paypage import limits, proofs, qr, receipt, story, telling, words
from rufaa.paypage.answering import Bearing, answers, cookie, drawn, form_of, path_of
from rufaa.paypage.limits import TooOften, Use
from rufaa.paypage.proofs import StaleForm, Stand, WrongDay
from rufaa.paypage.receipt import Receipt
from rufaa.paypage.story import Line
from rufaa.paypage.telling import Telling
from rufaa.phone import Phone
from rufaa.referrals import bearer
from rufaa.referrals.bearer import Linked, UnknownLink, Whereabouts

PASS_COOKIE: Final = "r-pass"  # noqa: S105 - a name
_STATUS: Final = {
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 403,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.UNAVAILABLE: 503,
}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the database found."""

    linked: Linked
    money: Summary | None
    told: Telling
    story: list[Line]
    waits: str  # an amount that came and is not counted yet, or empty
    whereabouts: Whereabouts | None
    ticket: str | None  # to hear with that something has changed


@answers("GET", "HEAD")
def page(bearing: Bearing) -> HttpResponse:
    return _draw(bearing)


@answers("GET", "HEAD", "POST")
def pay(bearing: Bearing) -> HttpResponse:
    """Ask a phone for the fee, at most once for each look at the page."""
    if bearing.request.method != "POST":
        return HttpResponseRedirect(bearing.path)
    given = form_of(bearing.request)
    try:
        unit(lambda tx: _ask(tx, bearing, given), actor=bearer.ACTOR)
    except RufaaError as error:
        return _draw(bearing, problem=error, typed=given)
    return HttpResponseRedirect(bearing.path)


def _ask(tx: Tx, bearing: Bearing, given: Mapping[str, str]) -> None:
    keys, linked = config().secret_keys, bearer.find(tx, bearing.token)
    typed = given.get("phone", "").strip()
    wanted = phone.parse(typed, argument="phone") if typed else None
    known = None if wanted else _known_phone(linked, _money(tx, linked))
    prompts = proofs.read_form(keys, linked, given.get("form", ""), phone=known or "", now=clock.now())
    asked = bearer.ask(tx, bearing.token, phone=wanted or known or "", after=prompts)
    if isinstance(asked, Requested) and not asked.joined:
        uses = [
            Use(limits.RING_ADDRESS, bearing.network),
            Use(limits.RING_LINK, linked.id.hex),
            Use(limits.RING_LINK_DAY, linked.id.hex),
            Use(limits.RING_PHONE, asked.phone),
            Use(limits.RING_PHONE_DAY, asked.phone),
        ]
        limits.take(tx, keys, *uses)
        _log.info("paypage.asked", referral=linked.id.hex, prompt=asked.prompt.hex)


@answers("GET", "HEAD", "POST")
def birth(bearing: Bearing) -> HttpResponse:
    """The date of birth opens where and when the patient is expected, for a quarter of an hour."""
    if bearing.request.method != "POST":
        return HttpResponseRedirect(bearing.path)
    given = form_of(bearing.request)
    try:
        linked = unit(lambda tx: _prove(tx, bearing, given))
    except RufaaError as error:
        return _draw(bearing, problem=error, typed=given)
    if linked is None:
        return _draw(bearing, problem=WrongDay("That is not the date of birth."), typed=given)
    response = HttpResponseRedirect(bearing.path)
    proof = proofs.pass_for(config().secret_keys, linked, now=clock.now())
    cookie(response, PASS_COOKIE, proof, path=bearing.path, life_s=proofs.PASS_S)
    return response


def _prove(tx: Tx, bearing: Bearing, given: Mapping[str, str]) -> Linked | None:
    """The referral, if the day is right. A wrong one counts as a try once this has committed."""
    keys, linked = config().secret_keys, bearer.find(tx, bearing.token)
    day = proofs.day([given.get(name, "") for name in ("day", "month", "year")])
    proofs.read_form(keys, linked, given.get("form", ""), now=clock.now())
    if not linked.born_on:
        raise StaleForm  # the form is not drawn where nobody wrote the day down
    tries = [Use(limits.BIRTH_ADDRESS, bearing.network), Use(limits.BIRTH_LINK, linked.id.hex)]
    closed = limits.take(tx, keys, *tries)
    if day.isoformat() == linked.born_on:
        limits.give_back(tx, keys, *tries)
        return linked
    if closed:
        _log.warning("paypage.birth_guessed", referral=linked.id.hex, source=bearing.network)
    return None


@answers("GET", "HEAD")
def receipt_pdf(bearing: Bearing) -> HttpResponse:
    """The receipt, once the fee is paid and M-Pesa has told its number; before, back to the page."""
    found = look(lambda tx: _receipt(tx, bearing.token))
    if found is None:
        return HttpResponseRedirect(bearing.path)
    response = HttpResponse(receipt.pdf(found), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="rufaa-{found.account_code}.pdf"'
    return response


def _receipt(tx: Tx, token: str) -> Receipt | None:
    linked = bearer.find(tx, token)
    money = _money(tx, linked)
    if money is None or not telling.offers_receipt(money):
        return None
    return Receipt(
        payee=passage.payee(tx, money.fee),
        name=linked.name,
        account_code=money.paybill.account_code,
        amount=money.amount,
        paid=passage.paid_by(tx, money.fee),
    )


@answers()
def nothing(_bearing: Bearing) -> HttpResponse:
    """Every other address below ``/r/``."""
    raise UnknownLink


# --- drawing -------------------------------------------------------------------------------------------------------


def _draw(
    bearing: Bearing, *, problem: RufaaError | None = None, typed: Mapping[str, str] | None = None
) -> HttpResponse:
    now, keys = clock.now(), config().secret_keys
    given = bearing.request.COOKIES.get(PASS_COOKIE, "")
    seen = look_at(bearing.token, given)
    known = _known_phone(seen.linked, seen.money)
    prompts = _prompts(seen.money)
    context: dict[str, Any] = {
        "path": bearing.path,
        "seen": seen,
        "told": seen.told,
        "known": words.phone(known) if known else None,
        "form": proofs.form(keys, seen.linked, Stand(prompts), now=now),
        "form_known": proofs.form(keys, seen.linked, Stand(prompts, known), now=now) if known else "",
        "problem": words.refusal(problem) if problem is not None else None,
        "typed": typed or {},
        "receipt": telling.offers_receipt(seen.money),
        "booked": words.booked(seen.whereabouts) if seen.whereabouts is not None else "",
        "asks_birth": bool(seen.linked.born_on) and seen.whereabouts is None and not seen.told.rings,
    }
    if seen.told.open and seen.money is not None:
        address = f"{config().public_url}{path_of(seen.linked.token)}"
        context |= {"paybill": seen.money.paybill, "amount": words.money(seen.money.amount), "address": address}
        context["square"] = qr.svg(address)
    if problem is None:
        return drawn("page.html", context)
    response = drawn("page.html", context, status=429 if isinstance(problem, TooOften) else _STATUS[problem.kind])
    if isinstance(problem, TooOften):
        response["Retry-After"] = str(problem.wait_s)
    return response


def look_at(token: str, proof: str) -> Seen:
    """Everything that the page shows, in one transaction. Raises ``UnknownLink``."""
    now, keys = clock.now(), config().secret_keys

    def read(tx: Tx) -> Seen:
        linked = bearer.find(tx, token)
        money = _money(tx, linked)
        told = telling.tell(linked, money, now=now)
        opened = proofs.is_pass(keys, linked, proof, now=now)
        return Seen(
            linked=linked,
            money=money,
            told=told,
            story=story.lines(passage.moves(tx, linked.fee)) if linked.fee is not None else [],
            waits=_waits(tx, linked.fee) if linked.fee is not None else "",
            whereabouts=bearer.whereabouts(tx, linked) if opened else None,
            ticket=None,
        )

    with reads.recording() as noted:
        seen = look(read)
    if not telling.may_change(seen.money, seen.told):
        return seen
    ticket = tickets.issue(keys, noted.topics or {reads.EVERYTHING})
    return replace(seen, ticket=ticket)


def _waits(tx: Tx, fee: uuid.UUID) -> str:
    amount = passage.waiting(tx, fee)
    return words.money(amount) if amount is not None else ""


def _money(tx: Tx, linked: Linked) -> Summary | None:
    return queries.summaries(tx, [linked.fee])[linked.fee] if linked.fee is not None else None


def _known_phone(linked: Linked, money: Summary | None) -> Phone | None:
    """The phone that is asked where none is typed: the last one that was, else the one that the facility has."""
    if money is not None and money.last is not None:
        return money.last.phone
    return linked.payer_phone


def _prompts(money: Summary | None) -> int:
    return money.last.attempt if money is not None and money.last is not None else 0
