"""What can go wrong with a GPU, and how CuPy's errors are told: as what a caller, a task or an operator can use."""

from __future__ import annotations

import re
from collections.abc import Callable

from hanami_core.errors import HanamiError, ServiceError, Unprocessable
from hanami_core.sizes import size_text

__all__ = ["DeviceError", "OutOfDeviceMemory", "first_line", "translated"]

_REFUSED_CALLS = {
    "CUDA_ERROR_INVALID_VALUE",
    "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
    "CUDA_ERROR_NOT_FOUND",
    "cudaErrorInvalidConfiguration",
    "cudaErrorInvalidValue",
    "cudaErrorLaunchOutOfResources",
}
"""Errors of calls that the device never saw: a defect of ours, after which it works as before."""
_FULL = {
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "cudaErrorMemoryAllocation",
}
_ALLOCATION = re.compile(r"allocating ([\d,]+) bytes")


class DeviceError(ServiceError):
    """A GPU cannot be used, or can no longer be used.

    Attributes:
        reason: why.
    """

    status = 503

    def __init__(self, reason: str, device: str = "") -> None:
        """Tell why, and which device it is, if it was in use."""
        super().__init__("host_failed", **({"host": device} if device else {}), reason=reason)
        self.reason = reason


class OutOfDeviceMemory(Unprocessable):
    """The memory of a GPU is too small for what was asked for, or others have taken it."""

    def __init__(self, device: str, needed: int | None, free: int) -> None:
        """Tell the bytes that were asked for, if that is known, and those that were free."""
        asked = "more" if needed is None else size_text(needed)
        super().__init__("host_memory_short", host=device, needed=asked, free=size_text(free))


def translated(error: Exception, device: str, free: Callable[[], int]) -> Exception:
    """Return the error to raise instead of one that came while a device was in use.

    Errors that are not CuPy's are returned as they are. CUDA's own errors become `DeviceError`: with few exceptions
    nothing works any more in a process that met one.

    Args:
        error: what came.
        device: name of the device, for the text.
        free: tells the bytes that are free on the device.
    """
    if isinstance(error, HanamiError) or not _is_of_cuda(error):
        return error
    name = str(error).split(":")[0].split(" ")[0]
    if isinstance(error, MemoryError) or name in _FULL:
        asked = _ALLOCATION.search(str(error))
        return OutOfDeviceMemory(device, int(asked[1].replace(",", "")) if asked else None, free())
    if name in _REFUSED_CALLS or type(error).__name__ == "CompileException":
        return RuntimeError(f"{device}: {first_line(error)}")
    return DeviceError(first_line(error), device)


def first_line(error: Exception) -> str:
    """Return what an error says in one line, without the frame that CuPy draws around some of its texts."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" =")]
    return lines[0] if lines else type(error).__name__


def _is_of_cuda(error: Exception) -> bool:
    """Tell whether an error comes from CuPy or what it is built on, and not from NumPy or from us."""
    return type(error).__module__.partition(".")[0] in {"cupy", "cupy_backends", "cupyx"}
