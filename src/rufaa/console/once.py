"""What makes two sendings of one form one: the form's own name, which it sends with what is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from django.http import HttpRequest

from rufaa import ids
from rufaa.errors import RufaaError
from rufaa.functions.records import RequestTaken
from rufaa.sync.runtime import Once

FIELD = "once"


def key(request: HttpRequest, problem: RufaaError | None) -> str:
    """The name that a form is drawn with: the one it was sent with, unless that was used up."""
    given = ids.from_wire(request.POST.get(FIELD, ""))
    return ids.new_id().hex if given is None or isinstance(problem, RequestTaken) else given.hex


def of(request: HttpRequest, given: Mapping[str, str]) -> Once:
    """The form that was sent, with a digest of what is in it. One without a name is always a new one."""
    session = ids.from_wire(request.POST.get(FIELD, "")) or ids.new_id()
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode("utf-8", "surrogatepass")).digest()
    return Once(session=session, request=0, digest=digest, floor_ns=0, write=str)
