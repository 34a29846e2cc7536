"""How functions of the SDK become functions of v0.4. Must not know what any function is for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from hanami_sdk import _calls

P = ParamSpec("P")
R = TypeVar("R")

in_v04 = _calls.speaking(_calls.Generation("/control/v1", "/{}/dataset"))
"""Let a function speak to servers of v0.4."""

_CREATED = re.compile(r'"created_at", |created_at, ')
_RETURNS = re.compile(r"(?<=^Returns:\n    ).*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


def shared(function: Callable[P, R], returns: str | None = None) -> Callable[P, R]:
    """Return a function of v0.4 that differs in its answer only.

    Args:
        function: function of today.
        returns: what its documentation says about the answer; None takes that of today, without `created_at`, which
            v0.4 has nowhere.
    """
    call = in_v04(function)
    call.__module__ = function.__module__.replace("hanami_sdk", "hanami_sdk.v04", 1)
    text = _CREATED.sub("", inspect.cleandoc(function.__doc__ or ""))
    call.__doc__ = text if returns is None else _RETURNS.sub(lambda _: returns, text)
    return call
