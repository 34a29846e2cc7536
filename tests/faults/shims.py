"""Libraries in C that tests load into all processes of a server, and the one that kills at a certain call."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

__all__ = ["CALLS", "Killer", "compiled", "loaded"]

CALLS = ("fsync", "fdatasync", "rename", "pwrite64")
"""What a process can be killed at, in the order of ``killer.c``."""


def compiled(name: str, folder: Path) -> Path:
    """Return the library that is made of a source beside this file."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    library = folder / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.c")
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@contextmanager
def loaded(library: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Let the processes that are started meanwhile load a library, and see some variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LD_PRELOAD": str(library), **variables}.items():
            patch.setenv(name, value)
        yield


class Killer:
    """The plan that ``killer.c`` follows: which call of which program is the last one. A context manager."""

    _HEAD = struct.Struct("iiq")
    _COUNTS = struct.Struct(f"{len(CALLS)}q")
    _SIZE = _HEAD.size + _COUNTS.size + 64

    def __init__(self, folder: Path, data_dir: Path) -> None:
        """Make the library and the plan in a folder; calls that concern files of `data_dir` count."""
        self._library = compiled("killer", folder)
        self._file = folder / "plan"
        self._file.write_bytes(bytes(self._SIZE))
        self._data_dir = data_dir
        descriptor = os.open(self._file, os.O_RDWR)
        self._plan = mmap.mmap(descriptor, self._SIZE)
        os.close(descriptor)

    def __enter__(self) -> Self:
        """Return the killer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the plan."""
        self._plan.close()

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Let the processes that are started meanwhile follow the plan."""
        with loaded(self._library, {"KILLER": str(self._file), "KILLER_FOLDER": str(self._data_dir)}):
            yield

    def arm(self, program: str, call: str | None = None, number: int = 0) -> None:
        """Kill a process whose command line has `program` in it, at its n-th call; without a call, only count."""
        self.disarm()
        self._plan[self._HEAD.size :] = self._COUNTS.pack(*[0] * len(CALLS)) + program.encode().ljust(64, b"\0")
        index = -1 if call is None else CALLS.index(call)
        self._HEAD.pack_into(self._plan, 0, 0, index, number)
        self._HEAD.pack_into(self._plan, 0, 1, index, number)

    def disarm(self) -> dict[str, int]:
        """Kill nobody any more, and return how often each call was made since it was armed."""
        self._plan[:4] = bytes(4)
        return dict(zip(CALLS, self._COUNTS.unpack_from(self._plan, self._HEAD.size), strict=True))

    @property
    def killed(self) -> bool:
        """Tell whether somebody was killed since it was armed."""
        _, index, left = self._HEAD.unpack_from(self._plan)
        return index >= 0 and left <= 0
