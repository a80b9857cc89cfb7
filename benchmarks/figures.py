"""What a benchmark says: figures that are ratios against a limit or a peer of the same run, with their spread."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Figure:
    """One claim, measured ``len(values)`` times in one run.

    ``ratios`` are against ``limit``, each taken beside its value; empty where the limit is a fixed number, which is
    then ``limit`` itself. ``goal`` is of the median ratio if there are ratios, else of the median value.
    """

    claim: str
    values: tuple[float, ...]
    unit: str
    limit: str = ""
    ratios: tuple[float, ...] = ()
    goal: float | None = None
    at_least: bool = True
    """Whether the goal is the least that is wanted, or the most."""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def met(self) -> bool | None:
        """None: nothing is promised."""
        if self.goal is None:
            return None
        got = self.value if self.ratio is None else self.ratio
        return got >= self.goal if self.at_least else got <= self.goal

    def told(self) -> dict[str, Any]:
        return {
            "claim": self.claim,
            "median": self.value,
            "unit": self.unit,
            "values": list(self.values),
            "against": self.limit,
            "ratio": self.ratio,
            "ratios": list(self.ratios),
            "goal": self.goal,
            "goal_is": "at least" if self.at_least else "at most",
            "met": self.met,
        }


_LEFT: Final = frozenset({0, 4, 8, 9, 10})


def print_table(title: str, figures: Sequence[Figure]) -> None:
    print(f"\n{title}")
    head = ("", "median", "from", "to", "", "ratio", "from", "to", "against", "goal", "")
    rows = [head, *(_row(each) for each in figures)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    for row in rows:
        cells = [
            cell.ljust(width) if at in _LEFT else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _row(figure: Figure) -> tuple[str, ...]:
    ratios = figure.ratios
    sign = "≥" if figure.at_least else "≤"
    return (
        figure.claim,
        _number(figure.value),
        _number(min(figure.values)) if len(figure.values) > 1 else "",
        _number(max(figure.values)) if len(figure.values) > 1 else "",
        figure.unit,
        "" if figure.ratio is None else _number(figure.ratio),
        _number(min(ratios)) if len(ratios) > 1 else "",
        _number(max(ratios)) if len(ratios) > 1 else "",
        figure.limit,
        "" if figure.goal is None else f"{sign} {_number(figure.goal)}",
        {None: "", True: "met", False: "MISSED"}[figure.met],
    )


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def write_json(path: Path, found: dict[str, Sequence[Figure]], about: dict[str, Any]) -> None:
    told = {"machine": about, "claims": {name: [each.told() for each in figures] for name, figures in found.items()}}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted or unsorted values: the one below which ``share`` of them are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
