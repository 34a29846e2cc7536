"""A typed place where plugins keep what belongs to a process, for example caches."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class StashKey(Generic[T]):
    """Key of a value of type T. Create one at the top of the module that owns the value."""

    def __init__(self, name: str) -> None:
        """Name the key for error messages."""
        self.name = name


class Stash:
    """Values by key; only code that has the key object can access a value."""

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[StashKey[Any], Any] = {}

    def __setitem__(self, key: StashKey[T], value: T) -> None:
        """Store a value."""
        self._values[key] = value

    def __getitem__(self, key: StashKey[T]) -> T:
        """Return a value; a missing one is a `KeyError` with the key's name."""
        if key not in self._values:
            raise KeyError(key.name)
        return self._values[key]  # type: ignore[no-any-return]

    def __contains__(self, key: StashKey[Any]) -> bool:
        """Tell whether a value is stored."""
        return key in self._values
