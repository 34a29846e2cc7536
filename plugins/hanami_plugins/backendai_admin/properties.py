"""Arguments ``props`` of mutations: what of them asks for something that cannot be had here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanami_core.errors import Conflict

__all__ = ["Props", "given", "require_fixed", "require_unchanged"]

Props = Mapping[str, Any]


def given(props: Props, name: str) -> Any:
    """Return a property, or None if nothing is asked for: clients cannot leave out lists and texts, only empty them."""
    value = props.get(name)
    return None if value in ("", [], {}) else value


def require_fixed(props: Props, **fixed: object) -> None:
    """Raise `Conflict` if a property is to be anything but what it always is; None stands for nothing at all."""
    for name, value in fixed.items():
        wanted = given(props, name)
        if wanted is not None and wanted != value:
            raise Conflict("fixed_here", field=name, value=_shown(value))


def require_unchanged(props: Props, **current: object) -> None:
    """Raise `Conflict` if a property is to be anything but what it is."""
    for name, value in current.items():
        wanted = given(props, name)
        if wanted is not None and wanted != value:
            raise Conflict("not_changeable", field=name)


def _shown(value: object) -> str:
    return "empty" if value is None else repr(value).lower() if isinstance(value, bool) else repr(value)
