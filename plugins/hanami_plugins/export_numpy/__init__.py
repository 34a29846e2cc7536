"""Exports for NumPy: networks as a module that needs nothing else, tables as arrays."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.exports import NetworkExport, TableExport
from hanami_plugins.export_numpy import arrays, module

__all__ = ["arrays", "module"]


@hookimpl
def hanami_network_exports() -> list[NetworkExport]:
    """Add the format ``numpy``."""
    return [NetworkExport("numpy", "application/zip", ".zip", module.archive)]


@hookimpl
def hanami_table_exports() -> list[TableExport]:
    """Add ``npz``, an array for each column, and ``npy``, one array of all values."""
    return [
        TableExport("npz", "application/zip", ".npz", arrays.npz),
        TableExport("npy", "application/octet-stream", ".npy", arrays.npy),
    ]
