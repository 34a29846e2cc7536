"""Runs a dataset format in a process of its own, with limits on memory, time and disk.

`decode` is the server's side; the other side is `hanami_core.decoder`. Neither knows HTTP or the database. What a
hostile file does to a format, be it a crash, a hang or a flood of memory, ends as an `InvalidFile`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hanami_core.datasets import Table
from hanami_core.errors import CorruptFile, InvalidFile

if TYPE_CHECKING:
    from hanami_core.decoder import DecodeJob

_STEP = 0.25
"""Seconds between two looks at how far a decoding process has come."""
_START = 60.0
"""Seconds in which a process must have begun with a job."""
_LEAVING = 10.0
"""Seconds in which a process that was told to end must have ended."""
_PIECE = 1 << 16
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

log = logging.getLogger("hanami.decoding")


@dataclass(frozen=True)
class Limits:
    """What decoding may use.

    `memory` is the address space of the process in bytes, including the interpreter; `seconds` limits both elapsed and
    CPU time; `output` is the size of the table file in bytes.
    """

    memory: int = 1 << 30
    seconds: float = 600.0
    output: int = 20_000_000_000


@dataclass(frozen=True)
class DecodeResult:
    """Shape of a decoded table. `columns` maps names to half-open ranges of values in a row."""

    rows: int
    columns: Mapping[str, tuple[int, int]]
    dtype: str


class Stopped(Exception):
    """Decoding was given up because nobody wants the table any more, or not now."""


def decode(
    module: str,
    name: str,
    files: Mapping[str, Path],
    output: Path,
    limits: Limits,
    step: Callable[[int], bool] = lambda done: True,
) -> DecodeResult:
    """Write the table that a format decodes from `files` to `output`.

    Args:
        module: import name of the plugin that provides the format.
        name: name of the format.
        files: a file for each part of the format.
        output: table file; it is overwritten.
        limits: what the process may use.
        step: called a few times a second with the total number of bytes read so far; returns whether to continue.

    Raises:
        InvalidFile: if the format refuses the files, fails, or needs more than it may use; the text says which.
        OSError: if the disk is full or defective; the files are not the cause.
        Stopped: if `step` returns False.
    """
    job: DecodeJob = {
        "module": module,
        "format": name,
        "files": {part: str(path.resolve()) for part, path in files.items()},
        "output": str(output),
        "memory": limits.memory,
        "seconds": math.ceil(limits.seconds),
        "size": limits.output,
        "path": [entry for entry in sys.path if entry],
    }
    answer = _run(job, limits.seconds, step)
    if "refused" in answer:
        raise InvalidFile(answer["refused"])
    if "errno" in answer:
        number = int(answer["errno"])
        raise OSError(number, os.strerror(number))
    if "failed" in answer:
        log.error("format failed", extra={"plugin": module, "format": name, **answer})
        raise InvalidFile(f"the files could not be decoded: {answer['failed']}")
    return _result(output)


def _result(output: Path) -> DecodeResult:
    try:
        table = Table.open(output)
    except CorruptFile as error:
        raise InvalidFile(f"the files could not be decoded: {error}") from error
    return shape_of(table)


def shape_of(table: Table) -> DecodeResult:
    """Return the shape of a table."""
    return DecodeResult(len(table.values), table.columns, table.values.dtype.name)


def _run(job: DecodeJob, seconds: float, step: Callable[[int], bool]) -> dict[str, str]:
    with _decoder.begun(job) as (pid, answers, line):
        try:
            answer, status = _answer(pid, answers, line, job["files"].values(), time.monotonic() + seconds, step)
        except TimeoutError:
            return {"failed": _too_slow(seconds)}
    if status == 0:
        with contextlib.suppress(ValueError):
            return dict(json.loads(answer))
    return {"failed": _death(status, seconds)}


def _answer(
    pid: int, answers: int, line: socket.socket, files: Iterable[str], end: float, step: Callable[[int], bool]
) -> tuple[bytes, int]:
    """Return what a process answers and its exit status, or raise `TimeoutError` at the moment `end`."""
    answer, read, look = bytearray(), 0, time.monotonic() + _STEP
    with selectors.DefaultSelector() as selector:
        for source in (answers, line):
            selector.register(source, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select(max(0.0, min(look, end) - time.monotonic()))}
            if answers in ready:
                answer += (piece := os.read(answers, _PIECE))
                if not piece:
                    selector.unregister(answers)
            elif line in ready:
                return bytes(answer), _status(line)
            now = time.monotonic()
            if now >= end:
                raise TimeoutError
            if now >= look:
                look = now + _STEP
                read = max(read, bytes_read(pid, files))
                if not step(read):
                    raise Stopped


def _status(line: socket.socket) -> int:
    status = line.recv(_PIECE)
    if not status:
        raise ChildProcessError("the process that starts decoders has ended")
    return int(status)


class _Decoder:
    """The process that has loaded what formats need, and copies itself for each job; started when it is needed.

    A fork of this process starts its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0

    @contextlib.contextmanager
    def begun(self, job: DecodeJob) -> Iterator[tuple[int, int, socket.socket]]:
        """Yield number, answers and line of a process that does a job; it has ended afterwards.

        Raises:
            OSError: if there is none.
        """
        answers, theirs = os.pipe()
        line, other = socket.socketpair()
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, answers)
            stack.enter_context(line)
            try:
                pid = self._begin(json.dumps(job).encode(), [theirs, other.fileno()])
            finally:
                os.close(theirs)
                other.close()
            try:
                yield pid, answers, line
            finally:
                _end(line)

    def _begin(self, job: bytes, descriptors: list[int]) -> int:
        with self._lock:
            for _ in range(2):  # it may have ended in this very moment, for want of jobs
                try:
                    answer = self._ask(job, descriptors)
                except TimeoutError:
                    self._forget()
                    raise
                except ConnectionError:
                    answer = b""
                if answer:
                    break
                self._forget()
            else:
                raise ChildProcessError("the process that starts decoders ends")
        begun = json.loads(answer)
        if "errno" in begun:
            raise OSError(begun["errno"], os.strerror(begun["errno"]))
        return int(begun["pid"])

    def _ask(self, job: bytes, descriptors: list[int]) -> bytes:
        if self._control is not None and self._owner != os.getpid():
            self._control.close()
            self._control = None
        if self._control is None:
            self._control, self._process = self._start()
            self._owner = os.getpid()
        self._control.settimeout(_START)
        socket.send_fds(self._control, [job], descriptors)
        return self._control.recv(_PIECE)

    @staticmethod
    def _start() -> tuple[socket.socket, subprocess.Popen[bytes]]:
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hanami_core.decoder"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
        return control, process

    def _forget(self) -> None:
        """End the process, if there is one; the next job gets another."""
        control, process, self._control, self._process = self._control, self._process, None, None
        if control is not None and process is not None and self._owner == os.getpid():
            control.close()
            process.kill()
            process.wait()

    def close(self) -> None:
        """End the process, and all jobs with it."""
        with self._lock:
            self._forget()


def _end(line: socket.socket) -> None:
    """End the process at the other side of a line, if it has not ended, and wait until it has."""
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_WR)
        line.settimeout(_LEAVING)
        line.recv(_PIECE)


_decoder = _Decoder()
atexit.register(_decoder.close)


def bytes_read(pid: int, files: Iterable[str]) -> int:
    """Return up to where a process has read files, all of them together; those that it has not open count as nothing.

    The kernel tells where the descriptors stand, so that no format needs to report anything.
    """
    wanted, found = set(files), dict[str, int]()
    with contextlib.suppress(OSError):  # it may be gone
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError, ValueError):
                path = os.readlink(entry)
                if path in wanted:
                    position = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text().split()[1]
                    found[path] = max(found.get(path, 0), int(position))
    return sum(found.values())


def _environment() -> dict[str, str]:
    """Return nothing of the server's environment, which may hold secrets, but its import path."""
    return _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _too_slow(seconds: float) -> str:
    return f"it took longer than {seconds:g} seconds"


def _death(status: int, seconds: float) -> str:
    if -status == signal.SIGXCPU:
        return _too_slow(seconds)
    if status < 0:
        return f"the process was ended by {signal.Signals(-status).name}"
    return f"the process ended with status {status}"
