"""The chain without a database: what it is made of, and every way to break it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest

from rufaa.audit import chain
from rufaa.audit.chain import GENESIS, Block, Entry, Verdict, sealed, walk

ENTRIES = [
    Entry(number, 1_780_000_000_000_000 + number, "referral.read", "ab" * 16, None, "page", "/referrals/<referral>/")
    for number in (1, 2, 4, 5, 9)
]


def chained(*sizes: int) -> list[Block]:
    blocks: list[Block] = []
    rest = list(ENTRIES)
    for number, size in enumerate(sizes, start=1):
        mine, rest = rest[:size], rest[size:]
        previous = blocks[-1].hash if blocks else GENESIS
        blocks.append(sealed(number, at_us=1_790_000_000_000_000, up_to=mine[-1].id, previous=previous, entries=mine))
    return blocks


def test_it_holds() -> None:
    blocks = chained(2, 2)

    assert walk(blocks, ENTRIES) == Verdict(blocks=2, entries=4, unsealed=1, head=blocks[1], broken=None)


def test_nothing_holds() -> None:
    assert walk([], []) == Verdict(0, 0, 0, None, None)


def test_anybody_can_compute_a_hash_as_the_docs_say() -> None:
    (block,) = chained(2)
    lines = [[1, 1_790_000_000_000_000, 2, 2], *([*entry] for entry in ENTRIES[:2])]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    assert block.hash == hashlib.sha256(bytes(32) + text.encode()).digest()


def test_a_place_cannot_pass_for_the_next_line() -> None:
    one = Entry(1, 1, "a.read", "r", None, "page", '"]\n[2,1,"a.read"')

    assert b"\n" not in chain._line(one).encode()


def _entries(change: Callable[[list[Entry]], object]) -> list[Entry]:
    entries = list(ENTRIES)
    change(entries)
    return entries


BROKEN_ENTRIES: dict[str, tuple[Callable[[list[Entry]], object], int]] = {
    "edited": (lambda it: it.__setitem__(2, it[2]._replace(actor="cd" * 16)), 2),
    "an earlier time": (lambda it: it.__setitem__(0, it[0]._replace(at_us=1)), 1),
    "deleted": (lambda it: it.__delitem__(1), 1),
    "all of a block deleted": (lambda it: it.__delitem__(slice(2, 4)), 2),
    "inserted in a gap": (lambda it: it.insert(2, it[2]._replace(id=3)), 2),
    "swapped": (lambda it: it.__setitem__(slice(0, 2), [it[1]._replace(id=1), it[0]._replace(id=2)]), 1),
    "moved into the next block": (lambda it: it.__setitem__(1, it[1]._replace(id=3)), 1),
}


@pytest.mark.parametrize("how", BROKEN_ENTRIES)
def test_a_changed_entry_breaks_its_block(how: str) -> None:
    change, number = BROKEN_ENTRIES[how]

    found = walk(chained(2, 2), _entries(change))

    assert found.broken is not None
    assert (found.broken.number, found.blocks) == (number, number - 1)


BROKEN_BLOCKS: dict[str, tuple[Callable[[list[Block]], object], int]] = {
    "the first deleted": (lambda it: it.__delitem__(0), 1),
    "one deleted": (lambda it: it.__delitem__(1), 2),
    "its number edited": (lambda it: it.__setitem__(1, it[1]._replace(number=7)), 2),
    "its time edited": (lambda it: it.__setitem__(1, it[1]._replace(at_us=5)), 2),
    "its hash edited": (lambda it: it.__setitem__(0, it[0]._replace(hash=bytes(32))), 1),
    "its count edited": (lambda it: it.__setitem__(1, it[1]._replace(entries=2)), 2),
    "its end edited": (lambda it: it.__setitem__(1, it[1]._replace(up_to=3)), 2),
    "its end edited, where no entry is": (lambda it: it.__setitem__(2, it[2]._replace(up_to=8)), 3),
    "the one before edited and sealed anew": (
        lambda it: it.__setitem__(
            0, sealed(1, at_us=it[0].at_us, up_to=2, previous=GENESIS, entries=[ENTRIES[0]._replace(kind="x.read")])
        ),
        1,
    ),
    "put in": (lambda it: it.insert(0, it[0]._replace(number=0, up_to=0, entries=0)), 1),
}


@pytest.mark.parametrize("how", BROKEN_BLOCKS)
def test_a_changed_block_breaks_the_chain(how: str) -> None:
    change, number = BROKEN_BLOCKS[how]
    blocks = chained(2, 1, 1)
    change(blocks)

    found = walk(blocks, ENTRIES)

    assert found.broken is not None
    assert found.broken.number == number


def test_a_chain_made_anew_is_told_by_a_head_that_was_noted() -> None:
    old = chained(2, 2)
    edited = _entries(BROKEN_ENTRIES["edited"][0])
    anew = [
        old[0],
        sealed(2, at_us=old[1].at_us, up_to=old[1].up_to, previous=old[0].hash, entries=edited[2:4]),
    ]

    assert walk(anew, edited).broken is None
    assert walk(old, ENTRIES, noted=old[1].name).broken is None
    found = walk(anew, edited, noted=old[1].name)
    assert found.broken is not None
    assert found.broken.number == 2


def test_a_chain_that_was_cut_is_told_by_a_head_that_was_noted() -> None:
    old = chained(2, 2)

    found = walk(old[:1], ENTRIES[:2], noted=old[1].name)

    assert found.broken is not None
    assert found.broken.number == 2
    assert "ends at block 1" in found.broken.why
