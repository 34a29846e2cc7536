"""How threads inside of a kernel wait for each other. Needs no lock and no GIL.

`sync` is a flat int64 array with one cache line (8 numbers) a thread; a thread's line holds the number of the barrier
that it has reached and how long it has waited for slow ones.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import types

from hanami_plugins.host_numba.simd import Emitter, call_llvm, element_pointer, inlined, operation
from hanami_plugins.networks_section import ZERO

LINE = 8
"""Numbers of `sync` that belong to one thread."""
WAITED = 1
"""Place in a thread's line for the nanoseconds that it waited since it lost patience."""
NOTE = 2
"""Place in a thread's line for a number that the others read after the next barrier."""
BEGIN = 3
"""Place in the first thread's line for the time at which a call began."""
CLOCK = 4
"""Place in a thread's line for two numbers of the system's clock, seconds and nanoseconds."""
LONG_WAIT = 2_000_000
"""Nanoseconds of waiting in a call below which nobody complains."""
SPINS = 2000
"""Rounds of waiting, about 20 µs, after which a thread loses patience and lets other programs run."""

_X86 = platform.machine().lower() in {"x86_64", "amd64"}
_MONOTONIC = time.CLOCK_MONOTONIC

# Functions of the C library, which Numba finds by their names, also in code that comes from its cache.
_sched_yield: Any = types.ExternalFunction("sched_yield", types.int32())
_clock_gettime: Any = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.intp))


@operation
def _read_acquire(typing: Any, array: Any, index: Any) -> tuple[Any, Emitter]:
    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        pointer = element_pointer(context, builder, signature.args[0], args[0], args[1])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(array, types.int64), emit


@operation
def _write_release(typing: Any, array: Any, index: Any, value: Any) -> tuple[Any, Emitter]:
    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        pointer = element_pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store_atomic(args[2], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), emit


@operation
def _relax(typing: Any) -> tuple[Any, Emitter]:
    """Tell the processor that this is a waiting loop."""

    def emit(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        if _X86:
            call_llvm(builder, "llvm.x86.sse2.pause", ir.VoidType(), [])
        return context.get_dummy_value()

    return types.void(), emit


@inlined
def _nanoseconds(sync: Any, thread: int) -> int:
    """Read the system's clock."""
    place = thread * LINE + CLOCK
    _clock_gettime(_MONOTONIC, sync.ctypes.data + 8 * place)
    return int(sync[place] * 1_000_000_000 + sync[place + 1])


@inlined
def wait_for_all(sync: Any, thread: int, threads: int) -> None:
    """Return once all threads have come here as often as this one; what they wrote before is visible then."""
    if threads == 1:
        return
    reached = sync[thread * LINE] + 1
    _write_release(sync, thread * LINE, reached)
    for other in range(threads):
        rounds = 0
        while _read_acquire(sync, other * LINE) < reached and rounds < SPINS:
            _relax()
            rounds += 1
        if rounds == SPINS:
            begin = _nanoseconds(sync, thread)
            while _read_acquire(sync, other * LINE) < reached:
                _sched_yield()
            sync[thread * LINE + WAITED] += _nanoseconds(sync, thread) - begin


@inlined
def start_clock(sync: Any) -> None:
    """Note the time at which a call begins."""
    sync[BEGIN] = _nanoseconds(sync, ZERO)


@inlined
def is_crowded(sync: Any, threads: int) -> bool:
    """Tell whether threads wait for each other so much that one of them alone would not be slower.

    That is when some other program uses the processors: a thread that should work does not get one.
    """
    waited = 0
    for thread in range(threads):
        waited += sync[thread * LINE + WAITED]
    if waited < LONG_WAIT:
        return False
    passed = _nanoseconds(sync, ZERO) - sync[BEGIN]
    return bool(waited * 10 > passed * (threads - 1) * 8)
