"""Named SQL beside its caller: a ``.sql`` file whose statements are headed ``-- name: some_words``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(beside: str, file: str) -> Mapping[str, str]:
    """The statements of ``file``, which lies next to the module ``beside`` (its ``__file__``)."""
    text = Path(beside).with_name(file).read_text(encoding="utf-8")
    parts = _HEAD.split(text)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
