"""State a variant of a builder as what it changes."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["with_defaults"]

Result = TypeVar("Result")


def with_defaults(
    base: Callable[..., Any], **changed: Any
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Give a builder the keyword arguments of `base`, with other defaults.

    The decorated function names the arguments that it adds or uses itself (without a default those
    that it inherits) and takes the others as `**kwargs`; it is called with every argument filled
    in, so that it can pass all of them on. Its published signature is the union, keyword-only.

    Args:
        base: the builder whose arguments are inherited.
        changed: defaults that differ from those of `base`.

    Raises:
        TypeError: when `changed`, or a later call, names an argument that does not exist.

    >>> def create_box(*, width=1, height=1):
    ...     return width * height
    >>> @with_defaults(create_box, height=3)
    ... def create_tower(*, floors=2, **kwargs):
    ...     return floors * create_box(**kwargs)
    >>> create_tower(width=5)
    30
    """
    inherited = _keywords(base)
    _refuse_unknown(base.__name__, changed, inherited)

    def decorate(variant: Callable[..., Result]) -> Callable[..., Result]:
        parameters = {
            name: parameter.replace(default=changed[name]) if name in changed else parameter
            for name, parameter in inherited.items()
        }
        for name, parameter in _keywords(variant).items():
            if parameter.default is parameter.empty and name in parameters:
                parameter = parameter.replace(default=parameters[name].default)
            parameters[name] = parameter
        defaults = {
            name: parameter.default
            for name, parameter in parameters.items()
            if parameter.default is not parameter.empty
        }

        @functools.wraps(variant)
        def builder(**kwargs: Any) -> Result:
            _refuse_unknown(variant.__name__, kwargs, parameters)
            return variant(**{**defaults, **kwargs})

        builder.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            list(parameters.values()),
            return_annotation=inspect.signature(variant).return_annotation,
        )
        return builder

    return decorate


def _keywords(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The named parameters of a function, as keyword-only ones."""
    return {
        name: parameter.replace(kind=parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }


def _refuse_unknown(builder: str, given: dict[str, Any], known: dict[str, Any]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise TypeError(f"{builder}() has no argument {name!r}{hint}")
