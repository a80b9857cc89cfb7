"""``make bench``: every claim, measured on this machine, as a table and as JSON.

Each claim is a module here with ``measured(quick: bool) -> list[Figure]``. Figures are ratios against a limit or a peer
that is part of the same run, so that they say something on another machine, too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import apart
from figures import Figure, machine, print_table, write_json

CLAIMS: Final = {
    "callbacks": "Callbacks accepted and settled",
    "prompts": "Prompts, from the click to the push",
    "people": "Pages of people while callbacks storm in",
    "footprint": "Memory, starts, and the processor at rest",
    "growth": "Growth from ten thousand referrals to a million",
    "peers": "Callbacks and pushes, with peers in the same run",
}
"""Module and title, in the order in which they are measured."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure what Rufaa claims.")
    parser.add_argument("--only", default="", help=f"some of {', '.join(CLAIMS)}, with commas between them")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, and fewer repetitions")
    parser.add_argument("--json", type=Path, help="where to write what was found")
    options = parser.parse_args(arguments)
    wanted = options.only.split(",") if options.only else list(CLAIMS)
    unknown = set(wanted) - set(CLAIMS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(CLAIMS)}")
    about = machine()
    found: dict[str, Sequence[Figure]] = {}
    for name in wanted:
        began = time.monotonic()
        found[name] = apart.measured(name, options.quick)
        print_table(f"{CLAIMS[name]} ({time.monotonic() - began:.0f} s)", found[name])
        if options.json is not None:
            write_json(options.json, found, about)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
