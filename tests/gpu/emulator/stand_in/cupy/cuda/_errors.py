"""Errors of CUDA by their names."""

from __future__ import annotations

from typing import ClassVar

RUNTIME = {
    "cudaErrorInvalidValue": (1, "invalid argument"),
    "cudaErrorMemoryAllocation": (2, "out of memory"),
    "cudaErrorInvalidConfiguration": (9, "invalid configuration argument"),
    "cudaErrorInsufficientDriver": (35, "CUDA driver version is insufficient for CUDA runtime version"),
    "cudaErrorDevicesUnavailable": (46, "CUDA-capable device(s) is/are busy or unavailable"),
    "cudaErrorNoDevice": (100, "no CUDA-capable device is detected"),
    "cudaErrorInvalidDevice": (101, "invalid device ordinal"),
    "cudaErrorECCUncorrectable": (214, "uncorrectable ECC error encountered"),
    "cudaErrorIllegalAddress": (700, "an illegal memory access was encountered"),
    "cudaErrorLaunchOutOfResources": (701, "too many resources requested for launch"),
    "cudaErrorAssert": (710, "device-side assert triggered"),
    "cudaErrorLaunchFailure": (719, "unspecified launch failure"),
    "cudaErrorUnknown": (999, "unknown error"),
}
DRIVER = {
    "CUDA_ERROR_INVALID_VALUE": (1, "invalid argument"),
    "CUDA_ERROR_OUT_OF_MEMORY": (2, "out of memory"),
    "CUDA_ERROR_NO_DEVICE": (100, "no CUDA-capable device is detected"),
    "CUDA_ERROR_INVALID_IMAGE": (200, "device kernel image is invalid"),
    "CUDA_ERROR_NO_BINARY_FOR_GPU": (209, "no kernel image is available for execution on the device"),
    "CUDA_ERROR_NOT_FOUND": (500, "named symbol not found"),
    "CUDA_ERROR_ILLEGAL_ADDRESS": (700, "an illegal memory access was encountered"),
    "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES": (701, "too many resources requested for launch"),
    "CUDA_ERROR_LAUNCH_FAILED": (719, "unspecified launch failure"),
    "CUDA_ERROR_INVALID_CLUSTER_SIZE": (912, "invalid cluster size"),
    "CUDA_ERROR_UNKNOWN": (999, "unknown error"),
}


class _CUDAError(RuntimeError):
    names: ClassVar[dict[str, tuple[int, str]]] = {}

    def __init__(self, status: int, detail: str = "") -> None:
        self.status = status
        name, text = next((name, text) for name, (number, text) in self.names.items() if number == status)
        super().__init__(f"{name}: {text}{detail and f' [{detail}]'}")

    @classmethod
    def named(cls, name: str, detail: str = "") -> _CUDAError:
        """Return the error with a name; the detail is ours, a device tells none."""
        return cls(cls.names[name][0], detail)


class CUDARuntimeError(_CUDAError):
    """An error of the runtime; `status` is its number."""

    names = RUNTIME


class CUDADriverError(_CUDAError):
    """An error of the driver; `status` is its number."""

    names = DRIVER


CUDARuntimeError.__module__ = "cupy_backends.cuda.api.runtime"
CUDADriverError.__module__ = "cupy_backends.cuda.api.driver"
