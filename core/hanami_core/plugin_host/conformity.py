"""What an object lacks of a contract, and where the code of a plugin stands. Calls nothing of a plugin.

A contract is a protocol, whose methods the server calls with all their arguments: `isinstance` tells that a method is
there, not that it can be called like that.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType

__all__ = ["faults", "location"]

_BEGIN = re.compile(r"\s*(async\s+def|def|class)\b")


def faults(item: object, contract: type) -> list[str]:
    """Return what keeps an object from being called as a protocol says; nothing for what is not a protocol."""
    return [fault for name, member in _members(contract).items() if (fault := _fault(item, name, member))]


def location(thing: object) -> str:
    """Return file and line of a function, of a class or of that of an object, as ``file:line``; empty if unknown."""
    found = thing if isinstance(thing, (type, FunctionType)) else getattr(thing, "__func__", type(thing))
    try:
        file = inspect.getsourcefile(found)
        lines, first = inspect.getsourcelines(found)
    except (TypeError, OSError):
        return ""
    decorators = next((number for number, line in enumerate(lines) if _BEGIN.match(line)), 0)
    return f"{file}:{first + decorators}" if file else ""


@cache
def _members(contract: type) -> dict[str, object]:
    """Return the public members of a protocol and of those that it extends."""
    found: dict[str, object] = {}
    for base in reversed(contract.__mro__):
        if getattr(base, "_is_protocol", False):
            found |= {name: None for name in vars(base).get("__annotations__", {}) if not name.startswith("_")}
            found |= {name: member for name, member in vars(base).items() if not name.startswith("_")}
    return found


def _fault(item: object, name: str, member: object) -> str:
    try:
        found = getattr(item, name)
    except Exception as error:  # a property of a stranger
        missing = isinstance(error, AttributeError) and not hasattr(type(item), name)
        return f"it has no {name}" if missing else f"its {name} raises {type(error).__name__}: {error}"
    if not isinstance(member, FunctionType):
        return f"its {name} is a method, and must be a value or a property" if inspect.ismethod(found) else ""
    if not callable(found):
        return f"its {name} is not a method"
    return "" if _takes(found, member) else f"its {name} does not take ({', '.join(_named(member))})"


def _takes(found: Callable[..., object], member: FunctionType) -> bool:
    """Tell whether a method can be called with all arguments that the contract's method has."""
    parameters = list(inspect.signature(member).parameters.values())[1:]
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = {p.name: None for p in parameters if p.kind is p.KEYWORD_ONLY}
    try:
        inspect.signature(found).bind(*positional, **named)
    except TypeError:
        return False
    except ValueError:  # nobody knows what it takes
        return True
    return True


def _named(member: FunctionType) -> Iterator[str]:
    yield from list(inspect.signature(member).parameters)[1:]
