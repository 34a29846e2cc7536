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
    """A kind of file; those of plugins are of a subclass, which says what they are made of.

    Attributes:
        of: what is exported.
        name: what a request names it by: lower-case letters, digits and underscores.
        media_type: of the file.
        ending: of the file's name, with its dot.
        parts: returns the bytes of the file, piece by piece, so that one of a big table never lies in memory as a
            whole. The same thing always gives the same bytes.

    Raises:
        PluginError: if the name can not be one.
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
    """Makes a file of what a network computes. `parts` raises `Unprocessable` for what the file can not hold."""

    of = "network"


class TableExport(Export[Table]):
    """Makes a file of a table. `parts` raises `Unprocessable`, when it is called, for what the file can not hold."""

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
