"""The whole application with all installed plugins and a worker, in this process and without sidecars."""

from __future__ import annotations

from typing import Any

from hanami_core.storage.database import atomic
from hanami_plugins.api_v1_0alpha.testing import NativeApp

__all__ = ["ADMIN", "CHEAP", "Whole", "fill"]

Whole = NativeApp
ADMIN = NativeApp.admin
CHEAP = NativeApp.settings


def fill(whole: Whole, model: Any, count: int, **fields: Any) -> None:
    """Add rows; a value that is a function is called with the row's number."""
    rows = [{name: value(n) if callable(value) else value for name, value in fields.items()} for n in range(count)]
    with atomic():
        for start in range(0, count, 1000):
            model.insert_many(rows[start : start + 1000]).execute()
