"""docs/reference/simulator.md names all that there is, in the code's own words."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from rufaa.simulator.bulk_sms import BulkSms
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.control import Control
from rufaa.simulator.control_phones import PhoneControl
from rufaa.simulator.faults import KINDS
from rufaa.simulator.plans import Forgery
from rufaa.simulator.presets import PRESETS
from rufaa.simulator.shapes import FIELDS, SHAPES
from rufaa.simulator.switches import SWITCHES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")


def rows(head: str) -> dict[str, list[str]]:
    """The cells of the table under ``head``, by the name in its first column."""
    _, _, after = PAGE.partition(f"| {head} |")
    lines = after.split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def test_every_kind_stands_there_with_its_line_and_parameters() -> None:
    table = rows("kind")
    assert list(table) == [str(kind) for kind in KINDS]
    for kind, about in KINDS.items():
        line, _, parameters = table[kind]
        assert line == about.line
        assert re.findall(r"`(\w+)`", parameters) == list(about.parameters), kind


def test_every_preset_and_shape_stands_there() -> None:
    told = {
        name: (line, "unclear" if preset.may_ring else "no")
        for name, preset in PRESETS.items()
        for line in [preset.line]
    }
    assert {name: tuple(cells) for name, cells in rows("preset").items()} == told
    assert rows("shape") == {name: [shape.line] for name, shape in SHAPES.items()}
    assert list(rows("forgery")) == [str(each) for each in Forgery]
    assert all(f"`{name}`" in PAGE for name in FIELDS)


def test_every_switch_stands_there() -> None:
    assert rows("switch") == {name: [each.line.replace("…", f"{each.seconds}")] for name, each in SWITCHES.items()}


def test_every_setting_stands_there() -> None:
    assert sorted(rows("setting")) == sorted(each.name for each in dataclasses.fields(SimulatorSettings))


class Router:
    """Hears what routes are added, in place of aiohttp's."""

    def __init__(self) -> None:
        self.routes: list[str] = []

    def add_get(self, path: str, _: object) -> None:
        self.routes.append(f"GET {path}")

    def add_post(self, path: str, _: object) -> None:
        self.routes.append(f"POST {path}")

    def add_delete(self, path: str, _: object) -> None:
        self.routes.append(f"DELETE {path}")


def test_every_control_route_stands_there() -> None:
    router = Router()
    Control.__new__(Control).add_routes(router)  # type: ignore[arg-type]
    PhoneControl.__new__(PhoneControl).add_routes(router)  # type: ignore[arg-type]
    BulkSms.__new__(BulkSms).add_routes(router)  # type: ignore[arg-type]
    told = re.findall(r"^\| `([A-Z]+ /control/[^`]*)` \|", PAGE, flags=re.MULTILINE)
    assert sorted(told) == sorted(each for each in router.routes if " /control/" in each)
