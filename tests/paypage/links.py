"""A patient's link in a browser without scripts, and prompts that are moved by hand."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client

from rufaa.payments.machine import PromptEvent, PromptState
from support import execute, value

_FORM = re.compile(r'name="form" value="([^"]*)"')


@dataclass
class Link:
    """One referral's link, opened by one browser."""

    token: str
    client: Client = field(default_factory=Client)

    @property
    def path(self) -> str:
        return f"/r/{self.token}"

    def get(self, **headers: str) -> HttpResponse:
        return self.client.get(self.path, headers=headers)

    def source(self, **headers: str) -> str:
        """The page's HTML."""
        return source_of(self.get(**headers))

    def text(self, **headers: str) -> str:
        """The page as it is read."""
        answer = self.get(**headers)
        assert answer.status_code == 200, answer.content
        return text_of(answer)

    def form(self, *, typed: bool = True) -> str:
        """The proof that a form of this page carries; not ``typed``: that of the button for the phone that is known."""
        found = _FORM.findall(self.get().content.decode())
        assert found, "the page has no form"
        return str(found[-1] if typed else found[0])

    def pay(self, phone: str = "", *, form: str | None = None, **more: str) -> HttpResponse:
        """Press "pay now", with another phone where one is given."""
        return self.post(
            "pay", {"form": self.form(typed=bool(phone)) if form is None else form, "phone": phone}, **more
        )

    def born(self, day: str, *, form: str | None = None, **more: str) -> HttpResponse:
        """Give a date of birth, written as 31-12-1980."""
        of_month, month, year = day.split("-")
        proof = self.form() if form is None else form
        return self.post("birth", {"form": proof, "day": of_month, "month": month, "year": year}, **more)

    def post(self, what: str, fields: dict[str, str], **more: str) -> HttpResponse:
        return self.client.post(
            f"{self.path}/{what}", urlencoded(fields), content_type="application/x-www-form-urlencoded", **more
        )


def urlencoded(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


def text_of(answer: HttpResponse) -> str:
    """What somebody reads: no tags, single blanks."""
    bare = re.sub(r"<svg.*?</svg>|<[^>]*>", " ", source_of(answer), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(bare)).strip()


def source_of(answer: HttpResponse) -> str:
    """The page's HTML, with plain blanks in the place of those at which no line breaks."""
    return answer.content.decode().replace("\u00a0", " ")


def link_of(referral: str) -> Link:
    return Link(str(value("SELECT token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))))


def born_on(referral: str, day: str) -> None:
    """The facility has written the date of birth down."""
    execute(
        "UPDATE particulars SET date_of_birth = %(day)s FROM referral"
        " WHERE particulars.id = referral.particulars_id AND referral.id = %(id)s",
        day=day,
        id=uuid.UUID(referral),
    )


def turn(prompt: uuid.UUID, *moves: tuple[PromptEvent, PromptState], code: str = "") -> None:
    """Move a prompt as a worker would have: each step is one that the law has."""
    for event, state in moves:
        execute(
            "UPDATE prompt SET state = %(state)s, event = %(event)s, code = %(code)s,"
            " sent_at = coalesce(sent_at, rufaa_now()), settled_at = CASE WHEN %(over)s THEN rufaa_now() END"
            " WHERE id = %(id)s",
            state=state,
            event=event,
            code=code,
            over=state in {PromptState.UNPAID, PromptState.REFUSED, PromptState.REVIEW},
            id=prompt,
        )


SENDING = (PromptEvent.CLAIM, PromptState.SENDING)
RINGING = (SENDING, (PromptEvent.ACCEPTED, PromptState.PENDING))
LOST = (SENDING, (PromptEvent.ANSWER_LOST, PromptState.UNKNOWN))
FAILED = (*RINGING, (PromptEvent.FAILED, PromptState.UNPAID))
DECLINED = (SENDING, (PromptEvent.DECLINED, PromptState.REFUSED))
OVERDUE = (*RINGING, (PromptEvent.OVERDUE, PromptState.REVIEW))
