"""How a shop's process is asked: a line of JSON in, one out. What its client raises is an answer, too."""

import json
import sys
from collections.abc import Callable
from typing import Any


def serve(shop: object, *, surfaced: Callable[[Exception], dict[str, Any]]) -> None:
    for line in sys.stdin:
        given = json.loads(line)
        said: dict[str, Any]
        try:
            said = {"answer": getattr(shop, given.pop("do"))(**given)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says which one it expects
            said = {"raised": type(error).__name__, "message": str(error), **surfaced(error)}
        print(json.dumps(said), flush=True)
