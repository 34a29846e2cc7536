"""NVIDIA's compiler of CUDA C as a library, from PyPI; it needs neither a GPU nor a driver."""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path


class CompileFailed(Exception):
    """NVRTC refuses a source; the text is its log."""


@cache
def _library() -> ctypes.CDLL:
    found = importlib.util.find_spec("nvidia.cuda_nvrtc")
    assert found is not None, "nvidia-cuda-nvrtc-cu12 of the extra `dev` is not installed"
    assert found.submodule_search_locations is not None
    (directory,) = found.submodule_search_locations
    library = ctypes.CDLL(str(Path(directory) / "lib" / "libnvrtc.so.12"))
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


def compile_source(source: str, file: str, capability: int, macros: Mapping[str, int]) -> tuple[bytes, str]:
    """Compile a source for one compute capability, such as 90.

    Returns:
        The program of the device (a cubin) and what the compiler has to say.

    Raises:
        CompileFailed: if the compiler refuses the source.
    """
    program = ctypes.c_void_p()
    _check(_library().nvrtcCreateProgram(ctypes.byref(program), source.encode(), file.encode(), 0, None, None))
    options = [f"-arch=sm_{capability}", "-std=c++17", *(f"-D{name}={value}" for name, value in macros.items())]
    values = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    try:
        status = _library().nvrtcCompileProgram(program, len(options), values)
        log = _bytes(program, "ProgramLog").decode().rstrip("\0\n")
        if status:
            raise CompileFailed(log)
        return _bytes(program, "CUBIN"), log
    finally:
        _check(_library().nvrtcDestroyProgram(ctypes.byref(program)))


def _bytes(program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(_library(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(getattr(_library(), f"nvrtcGet{what}")(program, buffer))
    return buffer.raw


def _check(status: int) -> None:
    if status:
        raise RuntimeError(_library().nvrtcGetErrorString(status).decode())
