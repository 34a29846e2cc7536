"""Exports networks as ONNX models. Needs the library `onnx`: ``pip install 'hanami[onnx]'``."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.exports import NetworkExport
from hanami_plugins.export_onnx.model import model_bytes

__all__ = ["model_bytes"]


@hookimpl
def hanami_exports() -> list[NetworkExport]:
    """Add the format ``onnx``."""
    return [NetworkExport("onnx", "application/octet-stream", ".onnx", lambda formula: [model_bytes(formula)])]
