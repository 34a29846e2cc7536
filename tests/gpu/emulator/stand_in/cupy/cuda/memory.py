"""`cupy.cuda.memory`: memory of the devices, in blocks that end before a page that nobody may touch."""

from __future__ import annotations

import ctypes
import gc
import mmap
from typing import Any

import numpy as np

from cupy._machine import LOCK, check, process
from cupy.cuda import runtime

UNIT = 512
PAGE = mmap.PAGESIZE
MOST_POISONED = 64 << 20
"""Bytes of a block up to which it is filled with NaN: filling takes the memory of the test."""
SLACK = 0xA5
"""What lies between the end of a block and the page behind it, fewer than 16 bytes."""

_mprotect = ctypes.CDLL(None, use_errno=True).mprotect
_mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class OutOfMemoryError(MemoryError):
    """The memory of the device does not suffice; the text is CuPy's."""

    def __init__(self, size: int, total: int, limit: int = 0) -> None:
        self._size, self._total, self._limit = size, total, limit
        message = f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes"
        super().__init__(f"{message}, limit set to: {limit:,} bytes)." if limit else f"{message}).")


class Block:
    """Bytes of a device. They begin at a multiple of 16 and end less than 16 bytes before a page that is guarded."""

    def __init__(self, size: int) -> None:
        self.size = size
        padded = size + -size % 16
        room = max(PAGE, padded + -padded % PAGE)
        self._map = mmap.mmap(-1, room + PAGE)
        whole = np.frombuffer(self._map, np.uint8)
        if _mprotect(whole.ctypes.data + room, PAGE, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        self.bytes = whole[room - padded : room - padded + size]
        self._slack = whole[room - padded + size : room]
        self._slack[:] = SLACK
        if size <= MOST_POISONED:
            self.bytes[:] = 0xFF
        self.address = int(whole.ctypes.data) + room - padded

    def intact(self) -> bool:
        """Tell whether nobody wrote behind the end."""
        return bool((self._slack == SLACK).all())


class Memory:
    """A block that belongs to a pool, until nobody refers to it."""

    def __init__(self, size: int, pool: _DevicePool) -> None:
        self._pool: _DevicePool | None = None
        self.rounded = pool.take(size)
        self._pool = pool
        self.size = size
        self.block = Block(size)
        self.device_id = pool.number
        self.ptr = self.block.address
        with LOCK:
            _live[self.ptr] = self.block

    def __del__(self) -> None:
        if self._pool is not None:
            with LOCK:
                _live.pop(self.ptr, None)
            self._pool.give(self.rounded)


_live: dict[int, Block] = {}


def block_at(address: int) -> Block | None:
    """Return the block that an address lies in."""
    with LOCK:
        return next((b for start, b in _live.items() if start <= address < start + max(1, b.size)), None)


def broken_blocks() -> list[Block]:
    """Return the blocks behind whose end somebody wrote."""
    with LOCK:
        return [block for block in _live.values() if not block.intact()]


class MemoryPointer:
    """`cupy.cuda.MemoryPointer`."""

    def __init__(self, mem: Memory, offset: int) -> None:
        self.mem = mem
        self.ptr = mem.ptr + offset

    def __int__(self) -> int:
        return self.ptr


class _DevicePool:
    """The memory of one device that this process has; what is given back is kept for later."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.used = self.kept = self.limit = 0

    def take(self, size: int) -> int:
        """Return the bytes that a block of some size takes.

        Raises:
            OutOfMemoryError: if there are not so many.
        """
        check()
        rounded = size + -size % UNIT
        for attempt in range(2):
            with LOCK:
                missing = max(0, rounded - self.kept)
                if missing <= self._free():
                    self.kept -= rounded - missing
                    self.used += rounded
                    return rounded
                self.kept = 0
            if attempt == 0:
                gc.collect()
        raise OutOfMemoryError(rounded, self.used + self.kept, self.limit)

    def _free(self) -> int:
        machine = process.machine
        free = machine.memory - machine.taken - held(self.number)
        return min(free, self.limit - self.used - self.kept) if self.limit else free

    def give(self, rounded: int) -> None:
        with LOCK:
            self.used -= rounded
            self.kept += rounded


_pools: dict[int, _DevicePool] = {}


def _pool(number: int | None = None) -> _DevicePool:
    number = runtime.getDevice() if number is None else number
    with LOCK:
        return _pools.setdefault(number, _DevicePool(number))


def held(number: int) -> int:
    """Return the bytes of a device that this process has, in use or kept."""
    pool = _pools.get(number)
    return pool.used + pool.kept if pool else 0


class MemoryPool:
    """`cupy.cuda.MemoryPool`, of the current device."""

    def malloc(self, size: int) -> MemoryPointer:
        return MemoryPointer(Memory(size, _pool()), 0)

    def used_bytes(self) -> int:
        return _pool().used

    def free_bytes(self) -> int:
        return _pool().kept

    def total_bytes(self) -> int:
        return _pool().used + _pool().kept

    def n_free_blocks(self) -> int:
        return int(_pool().kept > 0)

    def free_all_blocks(self, stream: Any = None) -> None:
        check()
        with LOCK:
            _pool().kept = 0

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        if size is None:
            size = int((fraction or 0) * process.machine.memory)
        _pool().limit = size

    def get_limit(self) -> int:
        return _pool().limit


default_pool = MemoryPool()


def alloc(size: int) -> MemoryPointer:
    """Return bytes of the current device."""
    return default_pool.malloc(size)
