"""Exports for NumPy: networks as a module that needs nothing else, tables as arrays."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.exports import NetworkExport, TableExport
from hanami_plugins.export_numpy import arrays, module

__all__ = ["arrays", "module"]


@hookimpl
def hanami_exports() -> list[NetworkExport | TableExport]:
    """Add ``numpy`` for networks; of tables ``npz``, an array for each column, and ``npy``, one array of all values."""
    return [
        NetworkExport("numpy", "application/zip", ".zip", module.archive),
        TableExport("npz", "application/zip", ".npz", arrays.npz),
        TableExport("npy", "application/octet-stream", ".npy", arrays.npy),
    ]
