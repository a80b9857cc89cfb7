"""A screenshot as a small PNG: of 256 colours, which pages of flat colours and grey letters hardly miss."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

Colour = tuple[int, int, int]
COLOURS, COMMONEST = 256, 96


def smaller(picture: bytes) -> bytes:
    """``picture`` is 8-bit RGB or RGBA without transparency, not interlaced, as browsers write it."""
    width, height, depth, kind, *_ = struct.unpack(">IIBBBBB", picture[16:29])
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8
    raw = zlib.decompress(b"".join(data for name, data in _chunks(picture) if name == b"IDAT"))
    rows = list(_rows(raw, stride=width * channels, channels=channels))
    pixels = [list(zip(row[0::channels], row[1::channels], row[2::channels], strict=True)) for row in rows]
    place = _places(Counter(pixel for row in pixels for pixel in row))
    palette = sorted(set(place.values()), key=lambda each: each[1])
    lines = b"".join(b"\0" + bytes(place[pixel][1] for pixel in row) for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(bytes(colour) for colour, _ in palette)
    made = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return picture[:8] + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in made
    )


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(picture):
        (size,) = struct.unpack(">I", picture[place : place + 4])
        yield picture[place + 4 : place + 8], picture[place + 8 : place + 8 + size]
        place += 12 + size


def _rows(raw: bytes, *, stride: int, channels: int) -> Iterator[bytes]:
    """The lines of the picture, out of what PNG's filters made of them."""
    above = bytes(stride)
    for start in range(0, len(raw), stride + 1):
        line = raw[start + 1 : start + 1 + stride]
        match raw[start]:
            case 0:
                pass
            case 1:
                line = _summed(line, channels=channels)
            case 2:
                line = bytes((here + up) & 255 for here, up in zip(line, above, strict=True))
            case 3 | 4 as how:
                line = _predicted(line, above, channels=channels, paeth=how == 4)
        yield line
        above = line


def _summed(line: bytes, *, channels: int) -> bytes:
    made = bytearray(len(line))
    for channel in range(channels):
        made[channel::channels] = bytes(each & 255 for each in accumulate(line[channel::channels]))
    return bytes(made)


def _predicted(line: bytes, above: bytes, *, channels: int, paeth: bool) -> bytes:
    made = bytearray(line)
    for place in range(len(line)):
        left = made[place - channels] if place >= channels else 0
        up, corner = above[place], above[place - channels] if place >= channels else 0
        guess = _paeth(left, up, corner) if paeth else (left + up) // 2
        made[place] = (line[place] + guess) & 255
    return bytes(made)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


def _places(counted: Counter[Colour]) -> dict[Colour, tuple[Colour, int]]:
    """For each colour the one of the palette that stands for it, and its place there.

    The palette has the commonest colours and, since a small red mark matters too, those that would be missed most.
    """
    palette = [colour for colour, _ in counted.most_common(COMMONEST)]
    stands: dict[Colour, tuple[Colour, int]] = {}
    missed: dict[Colour, int] = {}
    for colour in counted:
        missed[colour], at = min((_apart(colour, each), at) for at, each in enumerate(palette))
        stands[colour] = (palette[at], at)
    while len(palette) < COLOURS:
        new = max(counted, key=lambda each: (counted[each] * missed[each], each))
        if not missed[new]:
            break
        palette.append(new)
        for colour in counted:
            if (apart := _apart(colour, new)) < missed[colour]:
                missed[colour], stands[colour] = apart, (new, len(palette) - 1)
    return stands


def _apart(one: Colour, other: Colour) -> int:
    """How unlike they look, squared."""
    return 3 * (one[0] - other[0]) ** 2 + 6 * (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2
