"""`cupy.cuda.driver`."""

from cupy.cuda._errors import CUDADriverError

__all__ = ["CUDADriverError", "get_build_version"]


def get_build_version() -> int:
    """Return the version of CUDA that CuPy was built with."""
    return 12090
