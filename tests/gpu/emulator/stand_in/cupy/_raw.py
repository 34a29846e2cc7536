"""`cupy.RawKernel` and `cupy.RawModule`: the sources run on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.gpu.emulator.compiler import CompileError
from tests.gpu.emulator.launcher import MOST_SHARED, EmulatedKernel, KernelFault, Launch, LaunchRefused

from cupy._array import ndarray
from cupy._machine import check, process
from cupy.cuda import driver, runtime
from cupy.cuda.compiler import CompileException
from cupy.cuda.memory import MemoryPointer, broken_blocks
from cupy.cuda.stream import perform, ready


class RawKernel:
    """A kernel of a source."""

    def __init__(
        self,
        code: str,
        name: str,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        *,
        translate_cucomplex: bool = False,
        enable_cooperative_groups: bool = False,
        jitify: bool | None = None,
    ) -> None:
        self.code, self.name, self.options, self.backend = code, name, options, backend
        self._compiled: EmulatedKernel | None = None

    @property
    def kernel(self) -> EmulatedKernel:
        """The kernel, compiled when it is first asked for."""
        runtime.getDevice()
        if self._compiled is None:
            defines = tuple(option[2:] for option in self.options if option.startswith("-D"))
            major, minor = process.machine.capability
            try:
                self._compiled = EmulatedKernel(self.code, self.name, defines, 10 * major + minor)
            except CompileError as error:
                raise CompileException(str(error), self.code, self.name, self.options) from error
        return self._compiled

    def compile(self, log_stream: object = None) -> None:
        """Compile the kernel."""
        assert self.kernel

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        return self.kernel.most_dynamic

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size: int) -> None:
        kernel = self.kernel
        if size + kernel.static_shared > MOST_SHARED[kernel.capability]:
            raise driver.CUDADriverError.named("CUDA_ERROR_INVALID_VALUE")
        kernel.most_dynamic = size

    @property
    def shared_size_bytes(self) -> int:
        return self.kernel.static_shared

    @property
    def max_threads_per_block(self) -> int:
        return self.kernel.most_threads

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: Any, *, shared_mem: int = 0, stream: Any = None
    ) -> None:
        """Run the kernel."""
        assert isinstance(grid, tuple)
        assert isinstance(block, tuple)
        ready()
        kernel = self.kernel
        how = Launch(tuple(max(1, n) for n in grid), tuple(max(1, n) for n in block), shared_mem, process.machine.order)
        values = [_argument(argument) for argument in args]
        try:
            kernel.check(how, values)
        except LaunchRefused as error:
            raise driver.CUDADriverError.named(error.code, str(error)) from error
        kept = list(args)
        perform(lambda: _launch(kernel, how, values, kept))


class RawModule:
    """A source with kernels."""

    def __init__(self, *, code: str, options: tuple[str, ...] = (), backend: str = "nvrtc", **others: Any) -> None:
        self._code, self._options = code, options

    def get_function(self, name: str) -> RawKernel:
        """Return a kernel, which is compiled now.

        Raises:
            CompileException: if the compiler refuses the source.
        """
        kernel = RawKernel(self._code, name, self._options)
        kernel.compile()
        return kernel


def _argument(argument: Any) -> Any:
    if isinstance(argument, ndarray | MemoryPointer):
        return argument.data.ptr if isinstance(argument, ndarray) else argument.ptr
    if argument is None:
        return 0
    if isinstance(argument, np.ndarray):
        if argument.size != 1:
            raise TypeError(
                f"You are trying to pass a numpy.ndarray of shape {argument.shape} as a kernel parameter. "
                "Only numpy.ndarrays of size one can be passed by value."
            )
        return argument.reshape(())[()]
    return argument


def _launch(kernel: EmulatedKernel, how: Launch, values: list[Any], kept: list[Any]) -> None:
    """Run the kernel; whatever goes wrong breaks the context of the process. `kept` keeps the arrays alive."""
    failure = process.launch_error()
    if failure is not None:
        process.break_context(failure)
        raise runtime.CUDARuntimeError.named(failure)
    if process.machine.wrong_results:
        return
    try:
        kernel.launch(how, values)
        if broken_blocks():
            raise KernelFault(f"{kernel.name}: an illegal address behind the end of an array")
    except KernelFault as error:
        illegal = "an illegal address" in str(error)
        process.break_context("cudaErrorIllegalAddress" if illegal else "cudaErrorLaunchFailure", str(error))
        check()
