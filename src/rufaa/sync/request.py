"""What an HTTP request of the function API asks for (protocol §2.1): which function, with what, answered in which form.

Arguments stay JSON here; whether they are values, and the function's, is found out when it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from rufaa.sync import names, timestamps, values
from rufaa.sync.calls import Form
from rufaa.sync.refusal import BadRequest
from rufaa.sync.values import JsonValue

_QUERY_STRING_BYTES: Final = 64 * 1024
_SNAPSHOT_AGE_NS: Final = 30_000_000_000
_FORMS: Final = {
    "convex_encoded_json": Form.WIRE,
    "convex_json": Form.WIRE,
    "json": Form.PLAIN,
    "convex_clean_json": Form.PLAIN,
}


@dataclass(frozen=True, slots=True)
class Request:
    """``name`` is canonical; ``args`` is an object or a list."""

    name: str
    args: JsonValue
    form: Form


def fields(raw: bytes) -> dict[str, JsonValue]:
    """The fields of a JSON body. Raises ``BadRequest``."""
    try:
        parsed = values.loads(raw)
    except values.InvalidJson as error:
        raise BadRequest(f"Failed to parse the request body as JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise BadRequest("The request body must be a JSON object")
    return parsed


def from_fields(body: dict[str, JsonValue], *, path: str | None = None, default: Form) -> Request:
    """The request of a body; ``path`` is given where the URL names the function. Raises ``BadRequest``."""
    if path is None:
        given = body.get("path")
        if not isinstance(given, str):
            raise BadRequest("Failed to deserialize the JSON body: `path` must be there, a string")
        path = given
    args = body.get("args")
    if not isinstance(args, dict | list):
        raise BadRequest("Failed to deserialize the JSON body: `args` must be there, an object")
    return Request(_name(path), args, _form(body.get("format"), default=default))


def from_query_string(text: bytes, *, default: Form) -> Request:
    """``path=…&args=…&format=…`` of a GET, ``args`` being JSON text. Raises ``BadRequest``."""
    if len(text) > _QUERY_STRING_BYTES:
        raise BadRequest("The query string is too long; use POST", code="BadQueryArgs")
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=8)
        query = dict(pairs)
        args = values.loads(query["args"].encode())
        path = query["path"]
    except (ValueError, KeyError, values.InvalidJson):  # ValueError: not ASCII, not UTF-8, too many fields
        raise BadRequest("Expected path=<function>&args=<URL-encoded JSON object>", code="BadQueryArgs") from None
    if not isinstance(args, dict | list):
        raise BadRequest("args must be a JSON object", code="BadQueryArgs")
    return Request(_name(path), args, _form(query.get("format"), default=default))


def run_path(rest: str) -> str:
    """``dir/sub:count`` for ``dir/sub/count``, the part of the URL after ``/api/run/``. Raises ``BadRequest``."""
    module, slash, function = rest.rpartition("/")
    if not slash:
        raise BadRequest("Expected /api/run/<module>/<function>", code="MissingIdentifier")
    return f"{module}:{function}"


def check_snapshot(body: dict[str, JsonValue], *, now_ns: int) -> None:
    """Refuse a ``ts`` that the latest reads cannot stand in for: older than 30 s, or from the future."""
    try:
        age_ns = now_ns - timestamps.decode(body.get("ts"))
    except timestamps.BadTimestamp as error:
        raise BadRequest(f"Failed to deserialize the JSON body: `ts`: {error}") from None
    if not 0 <= age_ns <= _SNAPSHOT_AGE_NS:
        raise BadRequest("`ts` is older than 30 seconds, or in the future; get a new one", code="BadTimestamp")


def _name(path: str) -> str:
    try:
        return names.canonical(path)
    except names.BadName as error:
        raise BadRequest(str(error), code="BadConvexFunctionIdentifier") from None


def _form(given: JsonValue, *, default: Form) -> Form:
    if given is None:
        return default
    form = _FORMS.get(given) if isinstance(given, str) else None
    if form is None:
        raise BadRequest(f"format must be one of {', '.join(_FORMS)}", code="BadFormat")
    return form
