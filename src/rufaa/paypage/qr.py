"""The square code that a relative's phone reads off this screen: the page's own address, drawn as SVG."""

from __future__ import annotations

from functools import lru_cache

import segno
from django.utils.safestring import SafeString, mark_safe


@lru_cache(maxsize=256)
def svg(address: str) -> SafeString:
    """Black on nothing, without a style of its own; the page gives it a white ground and a size."""
    drawn: str = segno.make(address, error="l", boost_error=False).svg_inline(
        border=2, omitsize=True, svgclass=None, lineclass=None
    )
    return mark_safe(drawn)  # noqa: S308 - segno's drawing of modules; the address itself is not in it
