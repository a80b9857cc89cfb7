"""Which functions there are: plain Python functions, put here under ``module:name`` by a decorator.

A function's keyword-only parameters are its arguments, and their annotations the validator:

    register = registry.module("referrals")

    @register.query
    def getReferral(caller: Caller, *, referralId: str) -> dict[str, Value] | None: ...

What the first parameter is, and whether the function is awaited or run in a thread, is the runtime's matter.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar, overload

from rufaa.sync import arguments, names
from rufaa.sync.arguments import Parameter
from rufaa.sync.values import Value

Handler = Callable[..., object]
AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])


class FunctionKind(StrEnum):
    """What a function may do."""

    QUERY = "query"  # reads only, and can be subscribed to
    MUTATION = "mutation"  # writes, all or nothing
    ACTION = "action"  # anything, not transactional


@dataclass(frozen=True, slots=True)
class Arguments:
    """The validated arguments of one call: the function's own, and the ambient ones that every function accepts."""

    own: Mapping[str, Value]
    ambient: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Function:
    """One registered function. ``kinds`` has more than one where several decorators were stacked, in enum order."""

    name: str
    kinds: tuple[FunctionKind, ...]
    parameters: tuple[Parameter, ...]
    ambient: tuple[Parameter, ...]
    doc: str
    handler: Handler

    def bind(self, args: Mapping[str, Value]) -> Arguments:
        """Holds ``args`` against the parameters. Raises ``ArgumentValidationError``."""
        bound = arguments.bind(args, (*self.parameters, *self.ambient))
        ambient = {parameter.name for parameter in self.ambient}
        return Arguments(
            own={name: value for name, value in bound.items() if name not in ambient},
            ambient={name: value for name, value in bound.items() if name in ambient},
        )


class Registry:
    """The functions of one server.

    ``ambient`` names arguments that every function accepts besides its own, with their annotations; the runtime gets
    them apart. All of them are optional.
    """

    def __init__(self, *, ambient: Mapping[str, object] | None = None) -> None:
        self._ambient = tuple(
            Parameter(name, arguments.Nullable(arguments.read(annotation)), optional=True)
            for name, annotation in (ambient or {}).items()
        )
        self._functions: dict[str, Function] = {}

    def module(self, name: str) -> ModuleRegistrar:
        """The decorators that register functions under ``name`` (``referrals``, ``dir/sub``)."""
        if names.module(name) != name:
            raise names.BadName(f"Register a module by its name without .js: {name}")
        return ModuleRegistrar(self, name)

    def get(self, name: str) -> Function | None:
        """The function with this canonical name (``names.canonical``)."""
        return self._functions.get(name)

    def functions(self) -> Sequence[Function]:
        """All functions, by name."""
        return sorted(self._functions.values(), key=lambda function: function.name)

    def add(self, module: str, handler: Handler, *, kind: FunctionKind, name: str | None = None) -> None:
        """Register ``handler`` under its own name, or under ``name``; again under another kind if it is there already.

        Raises ``TypeError`` for a bad one.
        """
        name = names.canonical(f"{module}:{name or handler.__name__}")
        known = self._functions.get(name)
        if known is None:
            known = Function(
                name=name,
                kinds=(),
                parameters=_parameters(name, handler, ambient=self._ambient),
                ambient=self._ambient,
                doc=inspect.getdoc(handler) or "",
                handler=handler,
            )
        elif known.handler is not handler or kind in known.kinds:
            raise TypeError(f"{name} is registered twice")
        kinds = {*known.kinds, kind}
        if FunctionKind.QUERY in kinds and len(kinds) > 1:
            raise TypeError(f"{name}: a query only reads, so it can be nothing else")
        self._functions[name] = replace(known, kinds=tuple(each for each in FunctionKind if each in kinds))


class ModuleRegistrar:
    """Decorators for the functions of one module. They return the function as it is, so they can be stacked."""

    def __init__(self, registry: Registry, name: str) -> None:
        self._registry = registry
        self._name = name

    @overload
    def query(self, handler: AnyHandler) -> AnyHandler: ...

    @overload
    def query(self, *, name: str) -> Callable[[AnyHandler], AnyHandler]: ...

    def query(
        self, handler: AnyHandler | None = None, *, name: str | None = None
    ) -> AnyHandler | Callable[[AnyHandler], AnyHandler]:
        """``name`` is for a function whose name is a word of Python's own: ``@register.query(name="list")``."""

        def register(handler: AnyHandler) -> AnyHandler:
            self._registry.add(self._name, handler, kind=FunctionKind.QUERY, name=name)
            return handler

        return register if handler is None else register(handler)

    def mutation(self, handler: AnyHandler) -> AnyHandler:
        self._registry.add(self._name, handler, kind=FunctionKind.MUTATION)
        return handler

    def action(self, handler: AnyHandler) -> AnyHandler:
        self._registry.add(self._name, handler, kind=FunctionKind.ACTION)
        return handler


def _parameters(name: str, handler: Handler, *, ambient: Sequence[Parameter]) -> tuple[Parameter, ...]:
    declared = list(inspect.signature(handler).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not declared or declared[0].kind not in positional:
        raise TypeError(f"{name}: the first parameter is the caller")
    hints = typing.get_type_hints(handler)
    taken = {parameter.name for parameter in ambient}
    parameters = []
    for parameter in declared[1:]:
        if parameter.kind is not parameter.KEYWORD_ONLY:
            raise TypeError(f"{name}: after the caller come keyword-only parameters, not {parameter.name}")
        if parameter.name in taken:
            raise TypeError(f"{name}: {parameter.name} is an ambient argument, which the runtime takes")
        if parameter.name not in hints:
            raise TypeError(f"{name}: {parameter.name} has no annotation")
        try:
            accepts = arguments.read(hints[parameter.name])
        except TypeError as error:
            raise TypeError(f"{name}: {parameter.name}: {error}") from None
        parameters.append(Parameter(parameter.name, accepts, optional=parameter.default is not parameter.empty))
    return tuple(parameters)
