"""The types of the functions: what each answers, and all of them as TypeScript."""

from __future__ import annotations

from typing import Final

from rufaa.functions import load
from rufaa.functions.runtime import Waiting
from rufaa.functions.shapes import Page
from rufaa.sync import answers, typescript
from rufaa.sync.arguments import Accepts
from rufaa.sync.registry import Function

HOW_TO_USE: Final = """\
// The functions of Rufaa, for front ends on the npm package "convex". Printed by: rufaa functions --typescript
//
// Keep it as api.d.ts beside an api.js of two lines, and import { api } from there:
//
//   import { anyApi } from "convex/server";
//   export const api = anyApi, paginated = anyApi, actions = anyApi;
//
// Ids are strings, instants milliseconds since 1970, amounts shillings.
"""


def answer(function: Function) -> Accepts:
    """The shape of what ``function`` answers in the end, also where it waits for Daraja before."""
    return answers.of(function, besides=(Waiting,))


def api() -> str:
    """The text of ``api.d.ts``."""
    return f"{HOW_TO_USE}\n{typescript.declarations(load().functions(), answers=answer, page=Page)}"
