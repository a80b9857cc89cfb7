"""What pages say about the talk of two facilities, in the reader's language; what stands in templates stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SAID: Final = _("Your comment is there for both facilities.")
SAID_ALREADY: Final = _("This comment was sent already; it was not sent again.")

KINDS: Final[Mapping[str, str | Promise]] = {
    "comment.write": _("wrote a comment"),
}
"""What the audit says of it."""
