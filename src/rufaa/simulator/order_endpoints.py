"""``POST /mpesa/transactionstatus/v1/query``, ``/mpesa/reversal/v1/request`` and ``/mpesa/b2c/v3/paymentrequest``.

Each only acknowledges; what became of it is posted later to its ResultURL (daraja.md §7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rufaa.simulator import answers, checks, codes, order_checks
from rufaa.simulator.answers import Answer
from rufaa.simulator.chaos import Drawn
from rufaa.simulator.checks import Asked
from rufaa.simulator.config import DuplicateForm
from rufaa.simulator.engine import Engine
from rufaa.simulator.order_checks import Ordered
from rufaa.simulator.orders import OrderKind

_Check = Callable[..., Ordered]
_CHECKS: Final[Mapping[OrderKind, tuple[_Check, str]]] = {
    OrderKind.STATUS: (order_checks.status, "Initiator"),
    OrderKind.REVERSAL: (order_checks.reversal, "Initiator"),
    OrderKind.B2C: (order_checks.b2c, "OriginatorConversationID"),
}


def order(engine: Engine, asked: Asked, *, kind: OrderKind, drawn: Drawn) -> Answer:
    """Raises ``Refused``; nothing is ordered then."""
    app = engine.tokens.app(asked.authorization, now=engine.clock.now())
    check, first = _CHECKS[kind]
    body: Mapping[str, Any] = checks.body_of(asked.content_type, asked.body, first=first)
    ordered = check(body, settings=engine.settings, app=app, key=engine.key)
    duplicate = ordered.originator_id is not None and ordered.originator_id in engine.books.by_originator
    if duplicate and engine.settings.b2c_duplicate_form is DuplicateForm.ENVELOPE:
        raise answers.duplicate_originator()
    taken = engine.orders.take(ordered, refused_code=codes.DUPLICATE if duplicate else None, drawn=drawn)
    return order_checks.acknowledged(conversation_id=taken.conversation_id, originator_id=taken.originator_id)
