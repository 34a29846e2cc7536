"""Kernel sources in CUDA C, compiled by gcc into libraries that run them on the CPU."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

INCLUDE = Path(__file__).parent / "include"
CACHE = Path(tempfile.gettempdir()) / f"hanami-emulated-kernels-{os.getuid()}"
FLAGS = (
    "-O2",
    "-std=gnu11",
    "-march=native",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-fno-stack-protector",
    "-fstack-clash-protection",  # a fiber that needs more stack than it has meets the guard page, and nothing behind it
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Wno-unused-function",
    "-Wno-unused-variable",
    "-Wno-unused-parameter",
    "-Wno-sign-compare",
    "-Wno-maybe-uninitialized",
    "-Wno-unknown-pragmas",
    "-Wno-nonnull",
)
CHECKS = (
    "-fsanitize=bounds,shift,integer-divide-by-zero,vla-bound",
    "-fno-sanitize-recover=all",
)
"""Indexes of arrays whose size is known, and what C leaves undefined, end the launch."""

_MARK = "emulated_kernel"
_HEAD = re.compile(rf"{_MARK}\b([^{{;]*)[{{;]")
_BOUNDS = re.compile(r"emulated_bounds\s*\(\s*(\w+)[^)]*\)")
_NAMED = re.compile(r"(\w+)\s*\((.*)\)\s*", re.DOTALL)


class CompileError(Exception):
    """The compiler refuses a source; the text is what it says."""


@dataclass(frozen=True)
class Compiled:
    """A kernel as a library."""

    library: Path
    parameters: tuple[str, ...]
    """Their types, as in the source."""
    most_threads: int
    """Threads of a block, at most."""


@cache
def compiled(source: str, name: str, defines: tuple[str, ...] = ()) -> Compiled:
    """Return a kernel of a source, compiled unless that was done before.

    Args:
        source: text of the source, with the prelude before it.
        name: the kernel in it.
        defines: macros, as `NAME=value`.

    Raises:
        CompileError: if gcc does not accept the source, or there is no such kernel.
    """
    text = _preprocessed(source, defines)
    parameters, bounds = _signature(text, name)
    program = text.replace(_MARK, "static __attribute__((unused))") + _entry(name, parameters)
    program = _BOUNDS.sub("", program)
    return Compiled(_library(program), parameters, bounds)


def _preprocessed(source: str, defines: tuple[str, ...]) -> str:
    options = [f"-D{define}" for define in defines]
    return _gcc(source, "-E", "-std=gnu11", *options, f"-I{INCLUDE}", "-include", "emulator.h", "-xc", "-", "-o", "-")


def _signature(text: str, name: str) -> tuple[tuple[str, ...], int]:
    for head in _HEAD.findall(text):
        bounds = _BOUNDS.search(head)
        found = _NAMED.search(_BOUNDS.sub("", head))
        if found is not None and found[1] == name:
            return tuple(map(_type_of, _parts(found[2]))), int(bounds[1]) if bounds else 1024
    raise CompileError(f"there is no kernel {name}")


def _parts(parameters: str) -> list[str]:
    return [part.strip() for part in parameters.split(",") if part.strip() not in ("", "void")]


def _type_of(parameter: str) -> str:
    """Return the type of a parameter, which is all but its name."""
    return re.sub(r"\b(__restrict__|restrict)\b", "", re.sub(r"\w+$", "", parameter)).strip()


def _entry(name: str, parameters: tuple[str, ...]) -> str:
    values = ", ".join(f"*({kind} *)arguments[{place}]" for place, kind in enumerate(parameters))
    sizes = "".join(f"sizeof({kind}), " for kind in parameters)
    return (
        f"\nstatic void call_kernel(void **arguments) {{ (void)arguments; {name}({values}); }}\n"
        f"const unsigned emulated_sizes[] = {{{sizes}0}};\n"
    )


def _library(program: str) -> Path:
    flags = (*FLAGS, *CHECKS)
    digest = hashlib.sha256("\n".join((*flags, program)).encode()).hexdigest()[:32]
    library = CACHE / f"{digest}.so"
    if not library.exists():
        CACHE.mkdir(mode=0o700, exist_ok=True)
        if CACHE.stat().st_uid != os.getuid():
            raise PermissionError(f"{CACHE} belongs to somebody else")
        part = CACHE / f"{digest}.{os.getpid()}.part"
        _gcc(program, *flags, "-shared", "-xc", "-", "-o", str(part), "-lm")
        part.replace(library)
    return library


def _gcc(program: str, *arguments: str) -> str:
    done = subprocess.run(["gcc", *arguments], input=program, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(done.stderr)
    return done.stdout
