"""The options that a method takes by name: shown by `help()`, and refused when there is none of that name."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

Method = TypeVar("Method", bound=Callable[..., Any])

KEYWORD = inspect.Parameter.KEYWORD_ONLY


class _ServerDefault:
    """Stands in a signature for what the server chooses."""

    def __repr__(self) -> str:
        return "..."


def takes(options: type) -> Callable[[Method], Method]:
    """For a method whose `**options` are this TypedDict.

    Each option becomes a parameter of the signature, with its sentence in the documentation. A call with another name
    raises TypeError.
    """

    def decorate(method: Method) -> Method:
        hints = get_type_hints(options, include_extras=True)
        own = inspect.signature(method)
        named = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        known = frozenset({each.name for each in named} | hints.keys())

        @wraps(method)
        def checked(*values: Any, **given: Any) -> Any:
            for name in given.keys() - known:
                raise TypeError(unknown_option(method.__name__, name, known - {"self"}))
            return method(*values, **given)

        added = [
            inspect.Parameter(name, KEYWORD, default=_ServerDefault(), annotation=_type(hint))
            for name, hint in hints.items()
        ]
        checked.__signature__ = own.replace(parameters=[*named, *added])  # type: ignore[attr-defined]
        checked.__doc__ = f"{inspect.getdoc(method)}\n\n{_described(hints)}"
        return cast("Method", checked)

    return decorate


def unknown_option(method: str, name: str, known: Iterable[str]) -> str:
    """The sentence about an option that is not there, with the nearest one that is."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    meant = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(sorted(known))}."
    return f"{method}() has no option {name!r}: {meant}"


def _described(hints: Mapping[str, Any]) -> str:
    width = max(map(len, hints))
    return "\n".join(["Options:", *(f"  {name:<{width}}  {_sentence(hint)}" for name, hint in hints.items())])


def _type(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _sentence(hint: Any) -> str:
    return str(get_args(hint)[1]) if get_origin(hint) is Annotated else ""
