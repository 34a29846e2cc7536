"""Kinds of files that networks and tables leave a server as.

Plugins bring them with the hook ``hanami_exports``; must not know which ones there are.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from hanami_core.datasets import Table
from hanami_core.errors import BadRequest, PluginError, Unprocessable
from hanami_core.network.formula import Formula

__all__ = ["Export", "NetworkExport", "TableExport", "chosen", "key_of", "library"]

T = TypeVar("T")
E = TypeVar("E", bound="Export[Any]")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class Export(Generic[T]):
    """A file format for downloads; plugins use a subclass, which says what is exported.

    Attributes:
        of: what is exported.
        name: name in requests: lower-case letters, digits and underscores.
        media_type: media type of the file.
        ending: file extension, with its dot.
        parts: returns the bytes of the file piece by piece, so that the file of a large table is never in memory as a
            whole. The same content must always give the same bytes.

    Raises:
        PluginError: if the name is invalid.
    """

    of: ClassVar[str] = ""
    name: str
    media_type: str
    ending: str
    parts: Callable[[T], Iterable[bytes]]

    def __post_init__(self) -> None:
        """Refuse a name that no request can spell."""
        if not _NAME.fullmatch(self.name):
            raise PluginError(f"an export is named by small letters, digits and '_', not {self.name!r}")


class NetworkExport(Export[Formula]):
    """Exports what a network computes. `parts` raises `Unprocessable` for what the format cannot represent."""

    of = "network"


class TableExport(Export[Table]):
    """Exports a table. `parts` raises `Unprocessable` at once for what the format cannot represent."""

    of = "table"


def key_of(export: Export[Any]) -> tuple[str, str]:
    """Return what no two exports share.

    Raises:
        PluginError: if it is not said what the export is of.
    """
    if not export.of:
        raise PluginError(f"the export {export.name} must be a NetworkExport or a TableExport")
    return export.of, export.name


def chosen(exports: Mapping[tuple[str, str], Export[Any]], kind: type[E], name: str) -> E:
    """Return the export of a kind that a request names.

    Raises:
        BadRequest: if no plugin brings it.
    """
    found = exports.get((kind.of, name))
    if not isinstance(found, kind):
        known = sorted(other for of, other in exports if of == kind.of)
        raise BadRequest("export_unknown", format=name, known=", ".join(known) or "none")
    return found


def library(name: str, extra: str) -> Any:
    """Return a module that only an export needs.

    Args:
        name: import name.
        extra: extra of the distribution with which an operator installs it.

    Raises:
        Unprocessable: if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Unprocessable("export_needs_library", library=name.partition(".")[0], extra=extra) from error
