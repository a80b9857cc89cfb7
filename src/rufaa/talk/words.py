"""What pages say about the talk of two facilities, in the reader's language; what stands in templates stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SAID: Final = _("Your comment is there for both facilities.")
SAID_ALREADY: Final = _("This comment was sent already; it was not sent again.")
ATTACHED: Final = _("{name} is there for both facilities.")
ATTACHED_ALREADY: Final = _("This file was sent already; it was not sent again.")
REMOVED: Final = _("The file is removed. Nobody can open it any more.")

KINDS: Final[Mapping[str, str | Promise]] = {
    "comment.write": _("wrote a comment"),
    "attachment.add": _("attached a file"),
    "attachment.read": _("opened a file"),
    "attachment.remove": _("removed a file"),
}
"""What the audit says of it."""
