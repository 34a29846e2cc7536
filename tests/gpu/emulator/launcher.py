"""Launches of emulated kernels: limits of the device, types of the arguments, and what goes wrong in a kernel."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from tests.gpu.emulator.compiler import Compiled, compiled

STATIC_SHARED = 48 * 1024
"""Bytes of shared memory that a block has without asking for more."""
MOST_SHARED = {80: 163 * 1024, 86: 99 * 1024, 89: 99 * 1024, 90: 227 * 1024}
"""Bytes of shared memory that a block can ask for, by compute capability."""
MOST_GRID = (2**31 - 1, 65535, 65535)
MOST_BLOCK = (1024, 1024, 64)
MOST_CLUSTER = 8
ORDERS = {"forwards": 0, "backwards": 1, "shuffled": 2}

_LOCK = Lock()


class LaunchRefused(Exception):
    """A launch that the device does not begin; `code` is CUDA's name for the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code


class KernelFault(Exception):
    """A kernel did what it may not do; the text says which thread and where."""


@dataclass(frozen=True)
class Launch:
    """How a kernel is launched."""

    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int = 0
    order: str = "forwards"
    """Which threads run first where CUDA leaves it open: forwards, backwards, or shuffled:SEED."""


class EmulatedKernel:
    """A kernel of a CUDA C source that runs on the CPU."""

    def __init__(self, source: str, name: str, defines: tuple[str, ...] = (), capability: int = 90) -> None:
        """Compile a kernel.

        Raises:
            CompileError: if gcc does not accept the source.
        """
        self.name = name
        self.capability = capability
        self.cluster = next((int(d.partition("=")[2]) for d in defines if d.startswith("CLUSTER=")), 1)
        self.most_dynamic = STATIC_SHARED
        self._compiled: Compiled = compiled(source, name, defines)
        library = ctypes.CDLL(str(self._compiled.library), mode=os.RTLD_LOCAL)
        self._launch = library.emulated_launch
        self._launch.restype = ctypes.c_char_p
        self.static_shared = int(library.emulated_static_shared())
        count = len(self._compiled.parameters)
        self._sizes = tuple((ctypes.c_uint * (count + 1)).in_dll(library, "emulated_sizes"))[:count]

    def launch(self, how: Launch, arguments: Sequence[Any]) -> None:
        """Run the kernel.

        Args:
            how: sizes and order.
            arguments: NumPy arrays, which the kernel reads and writes in place, addresses as `int` for parameters that
                are pointers, and NumPy scalars of exactly the types of the parameters.

        Raises:
            LaunchRefused: if the device would not begin it.
            KernelFault: if the kernel did what it may not do.
            TypeError: if an argument does not fit its parameter.
        """
        grid, block = _three(how.grid), _three(how.block)
        values = self.check(how, arguments)
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        order, _, seed = how.order.partition(":")
        with _LOCK:
            message = self._launch(
                pointers,
                (ctypes.c_uint * 3)(*grid),
                (ctypes.c_uint * 3)(*block),
                ctypes.c_uint(how.shared),
                ctypes.c_uint(ORDERS[order]),
                ctypes.c_uint(int(seed or 0)),
            )
        if message is not None:
            raise KernelFault(f"{self.name}: {message.decode()}")

    def check(self, how: Launch, arguments: Sequence[Any]) -> list[Any]:
        """Return the arguments as arrays of one value each; raises as `launch` does before the kernel runs."""
        self._check_sizes(_three(how.grid), _three(how.block), how.shared)
        return self._packed(arguments)

    @property
    def most_threads(self) -> int:
        """Threads of a block, at most."""
        return self._compiled.most_threads

    def _check_sizes(self, grid: tuple[int, int, int], block: tuple[int, int, int], shared: int) -> None:
        threads = block[0] * block[1] * block[2]
        if any(not 1 <= n <= most for n, most in zip(grid, MOST_GRID, strict=True)):
            raise LaunchRefused("CUDA_ERROR_INVALID_VALUE", f"a grid of {grid}")
        if any(not 1 <= n <= most for n, most in zip(block, MOST_BLOCK, strict=True)) or threads > 1024:
            raise LaunchRefused("CUDA_ERROR_INVALID_VALUE", f"a block of {block}, {threads} threads")
        if threads > self._compiled.most_threads:
            raise LaunchRefused(
                "CUDA_ERROR_INVALID_VALUE",
                f"{threads} threads, its __launch_bounds__ are {self._compiled.most_threads}",
            )
        if self.static_shared > STATIC_SHARED:
            raise LaunchRefused("CUDA_ERROR_INVALID_IMAGE", f"{self.static_shared} bytes of static shared memory")
        if shared > self.most_dynamic or shared + self.static_shared > MOST_SHARED[self.capability]:
            raise LaunchRefused(
                "CUDA_ERROR_INVALID_VALUE",
                f"{shared} bytes of dynamic shared memory, {self.most_dynamic} are allowed, "
                f"with {self.static_shared} static ones at most {MOST_SHARED[self.capability]}",
            )
        self._check_cluster(grid)

    def _check_cluster(self, grid: tuple[int, int, int]) -> None:
        if self.cluster > 1 and self.capability < 90:
            raise LaunchRefused("CUDA_ERROR_NO_BINARY_FOR_GPU", "clusters need compute capability 9.0")
        if self.cluster > MOST_CLUSTER:
            raise LaunchRefused("CUDA_ERROR_INVALID_CLUSTER_SIZE", f"a cluster of {self.cluster}")
        if grid[0] % self.cluster:
            raise LaunchRefused("CUDA_ERROR_INVALID_CLUSTER_SIZE", f"{grid[0]} blocks in clusters of {self.cluster}")

    def _packed(self, arguments: Sequence[Any]) -> list[Any]:
        """Return each argument as an array of one value that has the size of its parameter."""
        parameters = self._compiled.parameters
        if len(arguments) != len(parameters):
            raise TypeError(f"{self.name} has {len(parameters)} parameters, not {len(arguments)}")
        return [
            _value(argument, kind, size, f"parameter {place} of {self.name}, {kind}")
            for place, (argument, kind, size) in enumerate(zip(arguments, parameters, self._sizes, strict=True))
        ]


def _value(argument: Any, kind: str, size: int, what: str) -> Any:
    if "*" in kind:
        if isinstance(argument, np.ndarray):
            return np.array([argument.ctypes.data], np.uint64)
        if isinstance(argument, int):
            return np.array([argument], np.uint64)
        raise TypeError(f"{what}: {argument!r} is no array")
    if isinstance(argument, bool | np.bool_):
        argument = np.int8(argument)
    if isinstance(argument, int):
        argument = np.int64(argument)
        if size < 8 and -(2**31) <= argument < 2**31:
            argument = argument.astype(f"i{size}")  # the low bytes are what the device reads
    if isinstance(argument, float) or not isinstance(argument, np.generic):
        raise TypeError(f"{what}: {argument!r} has no size, give a NumPy scalar")
    floating = kind.replace("const", "").strip() in ("float", "double")
    if argument.dtype.itemsize != size or (argument.dtype.kind == "f") != floating:
        raise TypeError(f"{what}: a value of type {argument.dtype} does not fit")
    return np.array([argument])


def _three(sizes: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = (*map(int, sizes), 1, 1, 1)[:3]
    return x, y, z
