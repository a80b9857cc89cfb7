"""What stands in a PDF that Rufaa made: its lines, read back from its bytes."""

from __future__ import annotations

import base64
import re
import zlib


def drawn(pdf: bytes) -> list[str]:
    """The lines that are drawn, in their order."""
    lines: list[str] = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        plain = zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>")))
        lines += [_text(found) for found in re.findall(rb"\((.*?)(?<!\\)\) Tj", plain)]
    return lines


def _text(raw: bytes) -> str:
    plain = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), raw)
    return re.sub(rb"\\(.)", rb"\1", plain).decode("cp1252").replace("\u00a0", " ")


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))
