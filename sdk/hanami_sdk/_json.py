"""Names of the JSON values that servers answer. Which fields an object has stands in the reference of its route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

__all__ = ["Json", "JsonObject"]

Json: TypeAlias = Any
"""A JSON value: nearly always a dictionary."""
JsonObject: TypeAlias = Mapping[str, Any]
"""A JSON object."""
