"""Writes the pages that are made from the code: ``python tools/generate.py``; ``--check`` says which are stale.

What a page says is taken from the tables, docstrings and comments of the code, so that no page can say anything else.
Only the reasons of the edges stand here (``WHY``), and an edge without one, or a reason without its edge, is an error.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import EnumType
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
MADE: Final = "<!-- Made by tools/generate.py from the code; edit the code instead. -->"

# --- states ----------------------------------------------------------------------------------------------------------

ABOUT: Final = {
    "referral": "Moved by people, except `money-seen`, which settlement says.",
    "fee": "What is owed. Raised by approval, or by the confirmation of an emergency; payee, account and amount are"
    " frozen then.",
    "prompt": "One STK push. Its row is committed before anything is sent, and it is its own queue.",
    "receipt": "Money that arrived. It pays fees, or waits in *unapplied* for a person, or was given back.",
    "refund": "Money that two people give back: what waits of a receipt, or what paid a cancelled fee. Its row is"
    " committed before anything is ordered, and its id is the order's.",
    "notice": "A fact that somebody is told, by SMS or e-mail, once.",
    "appointment": "A place in a slot of a clinic. It is held while the fee is being paid, and lets go by itself.",
}

_MONEY: Final = "nothing: money beats every verdict of ours, at any age; the trigger wants the receipt"
_OVERDUE: Final = "the last query of the schedule knew nothing, or there is no id to ask by; opens a task"
_DOUBTED: Final = "a report of success that cannot be believed as it is; opens a task, and a query is made at once"
_APPLIED: Final = "the fee is open, on the same account, and paid whole by the commit: the triggers look"
_EARLIER: Final = "this order was not taken, but one before may have been: nothing is known"
_FAILED: Final = "a trusted callback, or a second query that says so, after the prompt's life of 90 s"

# (machine, event) → what the edge needs and does; (machine, from, event) where that differs.
WHY: Final[Mapping[tuple[str, ...], str]] = {
    ("referral", "approve"): "raises the fee: the referring facility's price list has to have a price",
    ("referral", "reject"): "a reason",
    (
        "referral",
        "ask-payment",
    ): "particulars are no precondition; with a payer phone known the prompt is sent",
    ("referral", "money-seen"): "the fee is paid: the trigger refuses the move without it",
    ("referral", "confirm"): "the money is there; it may come before an appointment exists",
    ("referral", "pending-payment", "confirm"): "the fee is waived or deferred: the trigger looks",
    ("referral", "confirm-emergency"): "priority Emergency: the trigger looks; a fee not raised yet is raised deferred",
    ("referral", "complete"): "the outcome for the referring doctor, as reason",
    ("referral", "cancel"): "a reason; an open fee is given up, an unsent prompt withdrawn",
    ("referral", "pending-admin", "cancel"): "a reason; there is no fee yet",
    ("referral", "paid", "cancel"): "a reason; opens a refund task",
    ("referral", "confirmed", "cancel"): "a reason; where money came it opens a refund task",
    ("fee", "pay"): "what is applied to it, of receipts of its account, is its amount: the trigger looks",
    ("fee", "waive"): "two people agreed to waive it: the trigger looks",
    ("fee", "defer"): "two people agreed to defer it: the trigger looks",
    ("fee", "cancel"): "by the commit its referral is cancelled: the trigger looks",
    ("fee", "refund"): "all that paid it went back: the trigger looks",
    ("prompt", "claim"): "the fee is open and the account's rate allows it; from here on the POST may have happened",
    ("prompt", "gave-up"): "Daraja did not take it for 150 s",
    ("prompt", "withdrawn"): "the fee was paid, waived or given up before a worker claimed it",
    (
        "prompt",
        "restored",
    ): "a backup in which it waited was restored: it may have been sent since, so never again",
    ("prompt", "accepted"): "Daraja's answer with a CheckoutRequestID",
    ("prompt", "declined"): "an answer that certainly means that no prompt was sent",
    ("prompt", "not-sent"): "throttled, or no connection: the same attempt is sent again later",
    (
        "prompt",
        "answer-lost",
    ): "a timeout, a reset, a 5xx, HTML: it may ring; it is asked about and never sent again",
    ("prompt", "lease-expired"): "the worker died after claiming it; the POST may have been the last thing it did",
    ("prompt", "confirmed"): _MONEY,
    ("prompt", "failed"): _FAILED,
    ("prompt", "created", "failed"): 'a report on a prompt that Daraja "did not take" proves that it did',
    ("prompt", "sending", "failed"): "the callback beat the answer to the POST",
    ("prompt", "doubted"): _DOUBTED,
    (
        "prompt",
        "created",
        "doubted",
    ): "a claim of success about a prompt that should not ring: it is not sent again",
    ("prompt", "overdue"): _OVERDUE,
    ("receipt", "apply"): f"{_APPLIED}; nothing of the receipt is free or promised any more",
    ("receipt", "part-apply"): f"{_APPLIED}; the rest of the receipt waits",
    ("receipt", "give-back"): "a refund of all of it is done; no fee ever took any of it",
    ("receipt", "part-give-back"): "a refund of a part is done; the rest waits",
    ("receipt", "give-back-rest"): "a refund of the last that waited is done; all else pays fees",
    ("receipt", "return"): "the refund of the fee that it paid is done, and no other fee is paid by it",
    ("receipt", "part-return"): "the refund of a fee that it paid is done; more of it waits or pays another fee",
    ("refund", "withdraw"): "M-Pesa took no order of it; what was promised is free again",
    ("refund", "approve"): "another person than the one who proposed it",
    ("refund", "claim"): "from here on the order may have been given",
    ("refund", "accepted"): "Daraja's acknowledgement: the order is queued, and a result comes",
    ("refund", "declined"): "an answer that certainly means that nothing was ordered; what was promised is free again",
    ("refund", "not-sent"): "throttled, or no connection: the same order is sent again later",
    ("refund", "answer-lost"): "a timeout, a reset, a 5xx, HTML: the order may stand",
    ("refund", "lease-expired"): "the worker died after claiming it; the order may have been the last thing it did",
    ("refund", "silent"): "no result in time, or a post to the time-out address",
    ("refund", "approved", "silent"): 'a post about an order that Daraja "did not take" proves that it did',
    ("refund", "resend"): "under the first id: B2C knows it again, and a whole receipt is reversed once",
    ("refund", "resending", "declined"): _EARLIER,
    ("refund", "resending", "not-sent"): _EARLIER,
    ("refund", "resending", "answer-lost"): _EARLIER,
    ("refund", "resending", "lease-expired"): _EARLIER,
    ("refund", "succeeded"): "a result: the money is gone, whatever was thought of the order",
    ("refund", "rejected"): "a result of every order that may stand: nothing went; what was promised is free again",
    ("refund", "restored"): "a backup in which it waited was restored: it may have been ordered since",
    ("appointment", "keep"): "the fee is paid, waived or deferred; the referral is confirmed with it",
    ("appointment", "lapse"): "the hold's end; never once the fee is settled",
    ("appointment", "late-money"): "the fee is settled, and the slot is open, to come, and has a place left",
    ("appointment", "arrive"): "on the day, or later",
    ("appointment", "arrived", "see"): "the outcome for the referring doctor is the referral's",
    ("appointment", "booked", "see"): "the referral was completed, and its time had come: the desk said nothing",
    ("appointment", "miss"): "said by the desk, or by the worker once the day is over; a paid fee is a person's task",
    ("appointment", "cancel"): "the place is free again; also when the referral is cancelled",
    ("notice", "claim"): "its time has come, it is still so, wanted, and worded; the worker has a lease on it",
    ("notice", "taken"): "the gateway says so, perhaps later than we waited",
    ("notice", "drop"): "it is too late, no longer so, not wanted, switched off, or there is no gateway",
    ("notice", "not-taken"): "the gateway certainly has not taken it; later again, five times",
    ("notice", "refused"): "the gateway never will",
    ("notice", "gave-up"): "after the fifth time",
    ("notice", "same-again"): "only of a gateway that knows a message again by our key",
    ("notice", "answer-lost"): "the gateway may have it, and would not know it again",
    ("notice", "lease-expired"): "as answer-lost: the worker is gone",
    ("notice", "restored"): "the server was restored from a backup in which it waited: it may have been sent since",
    ("notice", "reported"): "a report of delivery, at an address that only the gateway knows",
    ("notice", "reported-lost"): "such a report, of the contrary",
    ("notice", "again"): "a person says so",
    ("appointment", "move"): "the new appointment names the one whose place it takes",
}

POSTINGS: Final[Mapping[str, tuple[str, str, str]]] = {
    "raised": ("a fee is raised", "receivable", "income"),
    "received": ("a receipt arrives", "mpesa:account", "unapplied"),
    "applied": ("so much of a receipt pays a fee", "unapplied", "receivable"),
    "waived": ("a fee is waived, or given up with its referral", "income", "receivable"),
    "returned": ("what paid a fee goes back: it is no income any more", "income", "unapplied"),
    "refunded": ("money went back", "unapplied", "mpesa:account"),
}


def states() -> str:
    from rufaa.appointments.machine import MACHINE as APPOINTMENT  # noqa: PLC0415
    from rufaa.ledger.models import KINDS  # noqa: PLC0415 - Django has to be set up first
    from rufaa.notices.machine import MACHINE as NOTICE  # noqa: PLC0415
    from rufaa.payments.machine import MACHINES  # noqa: PLC0415
    from rufaa.referrals.machine import MACHINE  # noqa: PLC0415

    machines = (MACHINE, *MACHINES, APPOINTMENT, NOTICE)
    _check_reasons(machines)
    if tuple(POSTINGS) != tuple(KINDS):
        raise SystemExit(f"tools/generate.py: POSTINGS are {list(POSTINGS)}, the ledger's kinds {list(KINDS)}")
    lines = [
        "# States",
        "",
        MADE,
        "",
        "The tables below are the law: Python asks them, and PostgreSQL holds every writer to the same rows (table",
        "`law`, a trigger on each machine and on `history`). What is not here is refused, with the list",
        "of what is allowed.",
    ]
    for machine in machines:
        lines += _machine(machine)
    lines += ["", "## The books", "", "One row a transfer, written by triggers. The amount is above zero.", ""]
    lines += table(
        ("posting", "when", "debit", "credit"),
        [(f"`{kind}`", when, f"`{debit}`", f"`{credit}`") for kind, (when, debit, credit) in POSTINGS.items()],
    )
    lines += [
        "",
        "What always holds: a fee's receivable is its amount while it is due or deferred, else zero; `unapplied` is",
        "what of all receipts neither pays a fee nor went back; `mpesa:account` (`mpesa:<short code>`, with `/<till>`",
        "for a till) is the money that came to this short code, less what went back from it.",
    ]
    return "\n".join(lines) + "\n"


def _machine(machine: Any) -> Iterator[str]:
    words = _comments(machine)
    yield from ("", f"## {machine.name.title()}", "", ABOUT[machine.name], "", "```mermaid", "stateDiagram-v2")
    for state in machine.states:
        yield f'    state "{state}" as {_mermaid(state)}'
    for event, state in machine.first.items():
        yield f"    [*] --> {_mermaid(state)}: {event}"
    for (source, event), target in machine.transitions.items():
        yield f"    {_mermaid(source)} --> {_mermaid(target)}: {event}"
    for state in machine.states:
        if not machine.allowed(state):
            yield f"    {_mermaid(state)} --> [*]"
    yield from ("```", "")
    states_with_words = [(f"`{state}`", words[state.name]) for state in machine.states if state.name in words]
    if states_with_words:
        yield from table(("state", "means"), states_with_words)
        yield ""
    events_with_words = [(f"`{event}`", words[event.name]) for event in machine.events if event.name in words]
    if events_with_words:
        yield from table(("event", "means"), events_with_words)
        yield ""
    births = [("(new)", f"`{event}`", f"`{state}`", "") for event, state in machine.first.items()]
    moves = [
        (f"`{source}`", f"`{event}`", f"`{target}`", _why(machine.name, source, event))
        for (source, event), target in machine.transitions.items()
    ]
    yield from table(("from", "event", "to", "needs, and does"), births + moves)
    if machine.ignored:
        yield from ("", "Heard, and nothing changes:", "")
        yield from table(
            ("in", "event", "since"),
            [(f"`{state}`", f"`{event}`", why) for (state, event), why in machine.ignored.items()],
        )


def _mermaid(state: str) -> str:
    return str(state).replace("-", "_")


def _why(machine: str, source: str, event: str) -> str:
    return WHY.get((machine, source, event)) or WHY[machine, event]


def _check_reasons(machines: Sequence[Any]) -> None:
    """Every edge has its reason, and every reason its edge."""
    edges = {(machine.name, str(source), str(event)) for machine in machines for source, event in machine.transitions}
    short = {(name, event) for name, _, event in edges}
    without = sorted(edge for edge in edges if edge not in WHY and (edge[0], edge[2]) not in WHY)
    stale = sorted(key for key in WHY if key not in edges | short)
    if without or stale:
        raise SystemExit(f"tools/generate.py: edges without a reason: {without}; reasons without an edge: {stale}")


def _comments(machine: Any) -> dict[str, str]:
    """The comment beside each member of the machine's enums, which says what it means."""
    source = inspect.getsource(machine.states) + inspect.getsource(machine.events)
    return dict(re.findall(r'^    (\w+) = "[^"]*"  # (.+)$', source, flags=re.MULTILINE))


# --- reference -------------------------------------------------------------------------------------------------------


def rights() -> str:
    from rufaa.facilities import rights as module  # noqa: PLC0415

    words = dict(re.findall(r'^    (\w+) = "[^"]*"  # (.+)$', inspect.getsource(module.Right), flags=re.MULTILINE))
    columns = list(module.RIGHTS)
    lines = ["# Rights", "", MADE, "", _doc(module), ""]
    lines += table(
        ("right", *(f"{role}, {side}" for role, side in columns)),
        [
            (f"`{right}`" + (f": {words[right.name]}" if right.name in words else ""), *(
                "yes" if right in module.RIGHTS[column] else "–" for column in columns
            ))
            for right in module.Right
        ],
    )  # fmt: skip
    lines += ["", "What is not in the table is not allowed. An operator runs the server and sees no patients.", ""]
    lines += table(("side", "means"), [(f"`{side}`", _side(module.Side, side)) for side in module.Side])
    return "\n".join(lines) + "\n"


def _side(sides: Any, side: Any) -> str:
    words = dict(re.findall(r'^    (\w+) = "[^"]*"  # (.+)$', inspect.getsource(sides), flags=re.MULTILINE))
    meaning = {
        "referring": "made the referral",
        "receiving": "gets the patient",
        "payee": "gets the fee",
        "itself": "no referral",
    }[side]
    return f"{meaning}; {words[side.name]}" if side.name in words else meaning


def functions() -> str:
    from rufaa.functions import load, typed  # noqa: PLC0415
    from rufaa.functions.shapes import Page  # noqa: PLC0415

    lines = [
        "# Functions",
        "",
        MADE,
        "",
        "Every function of the function API, with its arguments and what it answers: `name?` may be left out. In the",
        "demo every function takes `demoUserId` besides, which names the caller. The types for TypeScript are in",
        "[api.d.ts](api.d.ts); `rufaa functions --typescript` prints those of your version.",
        "",
        "What is refused has a `code`, listed in [errors.md](errors.md). Every function refuses `not-signed-in` and",
        "`unknown-user`; a referral that the caller may not see is `referral-not-found`, a right that is missing is",
        "`forbidden`, and an argument that cannot be is `invalid-argument` or a code of its own.",
        "",
        "A list that takes `paginationOpts` is whole without it, up to its limit; with it, it is a page for",
        "`usePaginatedQuery`.",
    ]
    documents: dict[str, Any] = {}
    module = ""
    for function in load().functions():
        home, _, name = function.name.partition(":")
        if home != module:
            module = home
            lines += ["", f"## {module}"]
        arguments = ", ".join(parameter.text for parameter in function.parameters)
        lines += ["", f"### {name}", "", f"*{', '.join(function.kinds)}* `{function.name}` `{{{arguments}}}`", ""]
        lines += [
            " ".join(function.doc.split()),
            "",
            f"Answers {_answer(typed.answer(function), documents, page=Page)}.",
        ]
    lines += ["", "## Documents", "", "Ids are 32 hex digits, instants milliseconds since 1970, amounts shillings."]
    for name in sorted(documents):
        shape = documents[name]
        lines += ["", f"### {name}", "", " ".join(_doc(shape.declared).split()), ""]
        comments = _field_comments(shape.declared)
        lines += table(
            ("field", "type", "means"),
            [
                (
                    f"`{field.name}{'?' if field.optional else ''}`",
                    f"`{field.accepts.text}`",
                    comments.get(field.name, ""),
                )
                for field in shape.fields
            ],
        )
    return "\n".join(lines) + "\n"


def _answer(shape: Any, documents: dict[str, Any], *, page: type) -> str:
    """How the page names an answer; every document in it is added to ``documents``."""
    from rufaa.sync.arguments import Either, Fields, ListOf, Nullable, RecordOf  # noqa: PLC0415

    match shape:
        case Fields(declared=declared, filled=filled) if declared is page:
            return f"a page of {_answer(filled[0], documents, page=page)}"
        case Fields():
            if shape.text not in documents:
                documents[shape.text] = shape
                for field in shape.fields:
                    _answer(field.accepts, documents, page=page)
            return f"[{shape.text}](#{shape.text.lower()})"
        case Either():
            return " or ".join(_answer(member, documents, page=page) for member in shape.members)
        case Nullable():
            return f"{_answer(shape.inner, documents, page=page)} or null"
        case ListOf():
            return f"a list of {_answer(shape.inner, documents, page=page)}"
        case RecordOf():
            return f"an object of {_answer(shape.inner, documents, page=page)}"
        case _:
            return f"`{shape.text}`"


def _field_comments(declared: type) -> dict[str, str]:
    return dict(re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(declared), flags=re.MULTILINE))


def api_types() -> str:
    from rufaa.functions import typed  # noqa: PLC0415

    return typed.api()


def errors() -> str:
    from rufaa.errors import Kind, RufaaError  # noqa: PLC0415

    modules()
    found = sorted(set(_subclasses(RufaaError)), key=lambda error: (error.code, error.__module__, error.__name__))
    lines = [
        "# Errors",
        "",
        MADE,
        "",
        "A refusal changes nothing. Its `code` is stable, its message is for a person and says what is allowed, and",
        "its data is for a program. What a caller of the function API gets is `{code, message, data}`.",
        "",
    ]
    words = dict(re.findall(r'^    (\w+) = "[^"]*"  # (.+)$', inspect.getsource(Kind), flags=re.MULTILINE))
    lines += table(("kind", "means"), [(f"`{kind}`", words[kind.name]) for kind in Kind])
    lines.append("")
    lines += table(
        ("code", "kind", "means", "raised in"),
        [(f"`{error.code}`", f"`{error.kind}`", _first(error), f"`{error.__module__}`") for error in found],
    )
    return "\n".join(lines) + "\n"


def _subclasses(error: type[Any]) -> Iterator[type[Any]]:
    for each in error.__subclasses__():
        if each.__module__.startswith("rufaa."):
            yield each
        yield from _subclasses(each)


def modules() -> list[str]:
    """Import every module of the package and give their names."""
    import rufaa  # noqa: PLC0415

    names = [
        module.name
        for module in pkgutil.walk_packages(rufaa.__path__, "rufaa.")
        if not module.name.endswith(".__main__")
    ]
    for name in names:
        importlib.import_module(name)
    return names


def settings() -> str:
    from rufaa import config  # noqa: PLC0415

    lines = ["# Settings", "", MADE, "", "Read once at the start, from the environment over a file `.env`.", ""]
    lines += table(("setting", "means"), [(f"`{name}`", meaning) for name, meaning in config.SETTINGS.items()])
    return "\n".join(lines) + "\n"


def metrics() -> str:
    from rufaa import metrics as module  # noqa: PLC0415
    from rufaa.functions import load  # noqa: PLC0415

    lines = ["# Metrics", "", MADE, ""]
    lines += [
        "What `/metrics` shows; [operate/monitoring.md](../operate/monitoring.md) says how to read it. No label has"
    ]
    lines += [
        "other values than these, and none is a phone, a name or an id. Figures of the database are the same in every"
    ]
    lines += ["process: take their `max`, not their `sum`.", ""]
    lines += table(
        ("metric", "type", "means", "labels"),
        [(f"`{told.name}`", told.kind, told.help, _labels(told.labels)) for told in module.DESCRIBED.values()],
    )
    names = ", ".join(f"`{function.name}`" for function in load().functions())
    lines += ["", f"The registered functions: {names}.", ""]
    lines += ["Besides: `process_*`, `python_info` and `python_gc_*` of Prometheus's own library."]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, Sequence[str]]) -> str:
    told = {name: [value if " " in value else f"`{value}`" for value in values] for name, values in labels.items()}
    return "; ".join(f"`{name}`: {', '.join(values)}" for name, values in told.items())


def commands() -> str:
    import typer.main  # noqa: PLC0415

    from rufaa.cli.commands import app  # noqa: PLC0415

    root = typer.main.get_command(app())
    lines = ["# Commands", "", MADE, "", f"`rufaa COMMAND`, or `python -m rufaa COMMAND`. {_help(root)}"]
    for path, command in _leaves("rufaa", root):
        shown = [_name(parameter) for parameter in command.params if _is_argument(parameter)]
        lines += [
            "",
            f"## {path}",
            "",
            " ".join([f"`{path}`", *shown, "`[OPTIONS]`" if _options(command) else ""]).rstrip(),
        ]
        lines += ["", _help(command)]
        described = [
            (_name(parameter), _meaning(parameter)) for parameter in command.params if parameter.name != "help"
        ]
        if described:
            lines.append("")
            lines += table(("", "means"), described)
    return "\n".join(lines) + "\n"


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name in sorted(children):
        yield from _leaves(f"{path} {name}", children[name])


def _help(command: Any) -> str:
    return " ".join((command.help or "").split())


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _options(command: Any) -> list[Any]:
    return [parameter for parameter in command.params if not _is_argument(parameter) and parameter.name != "help"]


def _name(parameter: Any) -> str:
    if _is_argument(parameter):
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    return ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])


def _meaning(parameter: Any) -> str:
    text = " ".join((getattr(parameter, "help", None) or "").split())
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, EnumType):
        choices: list[Any] = list(kind.__members__.values())
        text += " One of " + ", ".join(f"`{choice.value}`" for choice in choices) + "."
    if parameter.required and not _is_argument(parameter):
        text += " Needed."
    default = parameter.default
    if isinstance(default, str | int | float) and not isinstance(default, bool) and default != "":
        text += f" Default: `{getattr(default, 'value', default)}`."
    return text.strip()


# --- shared ----------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table. A bar inside a cell is escaped."""
    body = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (head, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in body]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]


def _doc(thing: Any) -> str:
    return inspect.getdoc(thing) or ""


def _first(error: type[Any]) -> str:
    """The first paragraph of the class's own docstring."""
    return " ".join((inspect.cleandoc(error.__doc__ or "")).partition("\n\n")[0].split())


PAGES: Final = {
    "docs/states.md": states,
    "docs/reference/rights.md": rights,
    "docs/reference/functions.md": functions,
    "docs/reference/api.d.ts": api_types,
    "examples/seed/page/src/api.d.ts": api_types,
    "docs/reference/errors.md": errors,
    "docs/reference/settings.md": settings,
    "docs/reference/commands.md": commands,
    "docs/reference/metrics.md": metrics,
}


def prepare() -> None:
    """Set Django up, with settings of its own: nothing of this machine may get into a page."""
    import django  # noqa: PLC0415

    for name in [name for name in os.environ if name.startswith(("RUFAA_", "MPESA_"))]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "rufaa.settings",
        "DATABASE_URL": "postgresql:///nowhere",
        "RUFAA_SECRET_KEYS": "no secret is needed to write pages",
    }
    django.setup()


def stale() -> list[str]:
    """The pages that do not say what the code says."""
    return [page for page, made in PAGES.items() if _read(ROOT / page) != made()]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the pages that are made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page is stale")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT / "src"))
    prepare()
    for page in stale():
        if arguments.check:
            print(f"{page} is stale: run python tools/generate.py")
            continue
        path = ROOT / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGES[page](), encoding="utf-8")
        print(f"wrote {page}")
    return 1 if arguments.check and stale() else 0


if __name__ == "__main__":
    raise SystemExit(main())
