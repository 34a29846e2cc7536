"""How much is tried: enough for a change in the usual suite, all that is worth the time in ``tox -e long``.

A test that is marked ``long`` runs there only: it takes more than five seconds, and shorter ones run always that fail
when what it is about breaks.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

__all__ = ["LONG", "choose", "seldom"]

LONG = bool(os.environ.get("HANAMI_TEST_LONG"))

T = TypeVar("T")


def choose(short: T, long: T) -> T:
    """Return what the usual suite tries, or what the long one does."""
    return long if LONG else short


def seldom(*values: Any, id: str | None = None) -> Any:
    """Return values of parameters that the long suite alone tries; others show the same defects."""
    import pytest  # servers that start as copies load this module, and no test

    return pytest.param(*values, marks=pytest.mark.long, id=id)
