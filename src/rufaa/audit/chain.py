"""The chain: what a block's hash is made of, and how a chain is walked. Pure.

A block's hash is the SHA-256 of the hash before it (32 zero bytes before the first), followed by lines of ASCII that
end in a newline: first the JSON array ``[number, at, up_to, entries]`` of the block, then for each of its entries, in
the order of their ids, ``[id, at, kind, referral, actor, channel, place]``. Instants are whole microseconds since 1970,
ids of referrals and users 32 hex digits, and no blanks stand between the parts. So anybody can check it without Rufaa.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

GENESIS: Final = bytes(32)
_line: Final = json.JSONEncoder(separators=(",", ":")).encode


class Entry(NamedTuple):
    id: int
    at_us: int
    kind: str
    referral: str
    actor: str | None
    channel: str
    place: str


class Block(NamedTuple):
    """``entries`` is how many it seals: those after the last block's ``up_to``, up to its own."""

    number: int
    at_us: int
    up_to: int
    entries: int
    previous: bytes
    hash: bytes

    @property
    def name(self) -> str:
        """As a head is noted down: its number and its hash."""
        return f"{self.number}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Broken:
    """The first block that is not as it was sealed, and what is wrong with it."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. ``unsealed`` entries came after the last block; ``head`` is None before the first."""

    blocks: int
    entries: int
    unsealed: int
    head: Block | None
    broken: Broken | None


def sealed(number: int, *, at_us: int, up_to: int, previous: bytes, entries: Iterable[Entry]) -> Block:
    """The block with this number over ``entries``, which are in the order of their ids."""
    lines = [_line(entry) for entry in entries]
    return Block(number, at_us, up_to, len(lines), previous, _hash(previous, (number, at_us, up_to, len(lines)), lines))


def _hash(previous: bytes, head: tuple[int, int, int, int], lines: list[str]) -> bytes:
    text = "\n".join([_line(head), *lines, ""])
    return hashlib.sha256(previous + text.encode("ascii")).digest()


def walk(blocks: Iterable[Block], entries: Iterable[Entry], *, noted: str | None = None) -> Verdict:
    """Follow the chain from its beginning, up to the first block that is broken. Both come in their order.

    ``noted``: a head that was noted down once (``Block.name``); a chain that has no such block is broken at its number.
    """
    rest = iter(entries)
    waiting: Entry | None = next(rest, None)
    last: Block | None = None
    count = 0
    for block in blocks:
        mine: list[Entry] = []
        while waiting is not None and waiting.id <= block.up_to:
            mine.append(waiting)
            waiting = next(rest, None)
        wrong = _wrong(block, last, mine, noted)
        if wrong is not None:
            return Verdict(0 if last is None else last.number, count, 0, last, wrong)
        last = block
        count += len(mine)
    number = 0 if last is None else last.number
    unsealed = 0 if waiting is None else 1 + sum(1 for _ in rest)
    lost = None
    if noted is not None and int(noted.partition(":")[0]) > number:
        lost = Broken(number + 1, f"the chain ends at block {number}, and block {noted} was noted")
    return Verdict(number, count, unsealed, last, lost)


def _wrong(block: Block, last: Block | None, entries: list[Entry], noted: str | None) -> Broken | None:
    number, previous = (1, GENESIS) if last is None else (last.number + 1, last.hash)
    if block.number != number:
        return Broken(number, f"it is missing; the next that is there is {block.number}")
    if block.previous != previous:
        return Broken(number, "it does not follow on the block before")
    if len(entries) != block.entries:
        return Broken(
            number, f"it was sealed over {block.entries} entries, and {len(entries)} are there{_ids(entries)}"
        )
    lines = [_line(entry) for entry in entries]
    if _hash(previous, (number, block.at_us, block.up_to, block.entries), lines) != block.hash:
        return Broken(number, f"it, or one of its entries, is not what was sealed{_ids(entries)}")
    if noted is not None and noted.startswith(f"{number}:") and noted != block.name:
        return Broken(number, f"it is {block.name}, and {noted} was noted: the chain was made anew")
    return None


def _ids(entries: list[Entry]) -> str:
    return f" (ids {entries[0].id} to {entries[-1].id})" if entries else ""
