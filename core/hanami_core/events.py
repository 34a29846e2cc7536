"""What happens in a server, as plugins observe it with the hook ``hanami_event``.

Events tell, they ask nothing: whoever observes one can not change or refuse what it tells of. Which events there are is
known here; what becomes of them is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hanami_core.access import Actor

__all__ = ["CallAllowed", "CallFailed", "Event"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. `name` is ``noun.verb``; `actor` did it, None if nobody was logged in yet."""

    name: ClassVar[str] = ""
    actor: Actor | None


@dataclass(frozen=True, kw_only=True)
class CallAllowed(Event):
    """A logged-in and permitted call that may change something came in; its fields are not checked yet.

    `endpoint` is what policies call it, `method` the HTTP method.
    """

    name: ClassVar[str] = "call.allowed"
    endpoint: str
    method: str


@dataclass(frozen=True, kw_only=True)
class CallFailed(Event):
    """A call ended with an internal error.

    `component` is the action that failed, `context` the method and endpoint. `input_values` are the fields of the
    call without those that hold a secret. `message` contains the number that the client was told.
    """

    name: ClassVar[str] = "call.failed"
    component: str
    context: str
    input_values: Mapping[str, Any] = field(default_factory=dict)
    message: str
