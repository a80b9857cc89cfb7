"""What a function answers: its return annotation, read into the shapes that arguments have.

Nothing here runs when a function is called. Types for front ends are made of this, and tests hold real answers to it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Union

from rufaa.sync import arguments
from rufaa.sync.arguments import Accepts
from rufaa.sync.registry import Function


def of(function: Function, *, besides: Sequence[object] = ()) -> Accepts:
    """The shape of ``function``'s answers. ``besides`` are classes in the annotation that are no answer themselves,
    since the runtime makes one of them. Raises ``TypeError`` for an annotation that is missing or no value's.
    """
    hints = typing.get_type_hints(function.handler)
    if "return" not in hints:
        raise TypeError(f"{function.name} does not say what it answers")
    try:
        return arguments.read(_without(hints["return"], besides))
    except TypeError as error:
        raise TypeError(f"{function.name}: {error}") from None


def _without(annotation: object, besides: Sequence[object]) -> object:
    if typing.get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    left = tuple(member for member in typing.get_args(annotation) if member not in besides)
    return Union[left]  # noqa: UP007 - the members are known only now
