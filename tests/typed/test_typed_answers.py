"""Answers are of the types that are declared; ``Running.call`` holds every answer of every test against them."""

from __future__ import annotations

from typing import Any

import pytest

from rufaa.functions import documents, load, typed
from rufaa.sync.arguments import Fields, Mismatch
from support import Running, World


@pytest.mark.parametrize("name", [function.name for function in load().functions()])
def test_every_function_declares_its_answer(name: str) -> None:
    function = load().get(name)
    assert function is not None

    assert typed.answer(function).text not in {"any value", "object of any value", "list of any value"}


def test_a_document_that_lies_is_noticed(world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a field too many, one too few, and one of another type fail the test that gets them."""
    referral = world.waiting()
    honest: Any = documents.referral
    lies: list[dict[str, Any]] = [{"extra": 1.0}, {"status": "lost"}, {"patientName": None}]

    for lie in lies:
        monkeypatch.setattr(documents, "referral", lambda *args, lie=lie: honest(*args) | lie)
        with pytest.raises(Mismatch):
            gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.admin)
    monkeypatch.setattr(documents, "referral", lambda *args: {"_id": honest(*args)["_id"]})
    with pytest.raises(Mismatch):
        gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.admin)


def test_documents_say_what_they_are() -> None:
    """What is shown to front ends has words: a docstring of its own at each document."""
    seen: list[type] = []

    def look(shape: Any) -> None:
        if isinstance(shape, Fields) and shape.declared not in seen:
            seen.append(shape.declared)
            for field in shape.fields:
                look(field.accepts)
        for inner in (getattr(shape, "inner", None), *getattr(shape, "members", ()), *getattr(shape, "filled", ())):
            if inner is not None:
                look(inner)

    for function in load().functions():
        look(typed.answer(function))

    assert len(seen) > 10
    assert [declared.__name__ for declared in seen if not declared.__dict__.get("__doc__")] == []
