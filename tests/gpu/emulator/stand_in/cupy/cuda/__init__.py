"""`cupy.cuda`."""

from __future__ import annotations

from cupy.cuda import compiler, cublas, device, driver, memory, pinned_memory, runtime, stream
from cupy.cuda.cublas import create as _create
from cupy.cuda.device import Device
from cupy.cuda.memory import MemoryPointer, MemoryPool, alloc
from cupy.cuda.pinned_memory import PinnedMemoryPool, alloc_pinned_memory
from cupy.cuda.stream import Event, Graph, Stream, get_current_stream, get_elapsed_time

__all__ = [
    "Device", "Event", "Graph", "MemoryPointer", "MemoryPool", "PinnedMemoryPool", "Stream", "alloc",
    "alloc_pinned_memory", "compiler", "cublas", "device", "driver", "get_cublas_handle", "get_current_stream",
    "get_elapsed_time", "is_available", "memory", "pinned_memory", "runtime", "stream",
]  # fmt: skip


def get_cublas_handle() -> int:
    return _create()


def is_available() -> bool:
    try:
        return runtime.getDeviceCount() > 0
    except runtime.CUDARuntimeError:
        return False
