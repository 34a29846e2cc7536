"""Runs a dataset format in a process of its own, with limits on memory, time and disk.

`decode` is the server's side. The other side is ``python -m hanami_core.decoding``: it reads one job from its standard
input, imports the plugin of the format and no other one, and answers with one line. Neither side knows HTTP or the
database. What a hostile file does to a format, be it a crash, a hang or a flood of memory, ends as an `InvalidFile`.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import logging
import math
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanami_core.datasets import Table, TableWriter
from hanami_core.disclosure import HIDDEN_PATH, without_paths
from hanami_core.errors import BadRequest, CorruptFile, InvalidFile
from hanami_core.process_control import die_with
from hanami_core.storage.disk import is_storage_error

_MAX_TEXT = 2000
_STEP = 0.25
"""Seconds between two looks at how far a decoding process has come."""
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
    job = {
        "module": module,
        "format": name,
        "files": {part: str(path.resolve()) for part, path in files.items()},
        "output": str(output),
        "memory": limits.memory,
        "seconds": math.ceil(limits.seconds),
        "size": limits.output,
        "parent": os.getpid(),
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


def _run(job: Mapping[str, object], seconds: float, step: Callable[[int], bool]) -> dict[str, str]:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "hanami_core.decoding"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    ) as process:
        try:
            line = _answer(process, job, time.monotonic() + seconds, step)
        except subprocess.TimeoutExpired:
            return {"failed": _too_slow(seconds)}
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode == 0:
        with contextlib.suppress(ValueError):
            return dict(json.loads(line))
    return {"failed": _death(process.returncode, seconds)}


def _answer(process: subprocess.Popen[bytes], job: Mapping[str, Any], end: float, step: Callable[[int], bool]) -> bytes:
    """Give a process its job and return its answer, or raise `TimeoutExpired` at the moment `end`."""
    question: bytes | None = json.dumps(job).encode()
    read = 0
    while True:
        left = max(0.0, end - time.monotonic())
        try:
            return process.communicate(question, timeout=min(left, _STEP))[0]
        except subprocess.TimeoutExpired:
            question = None  # it is sent once, and `communicate` goes on where it was
            if left <= _STEP:
                raise
        read = max(read, bytes_read(process.pid, job["files"].values()))
        if not step(read):
            raise Stopped


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


def main() -> int:
    """Do the job that stands on the standard input; the answer is the only thing written to the standard output."""
    answers = os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    job = json.load(sys.stdin)
    die_with(job["parent"])
    _limit(job)
    os.write(answers, json.dumps(_perform(job)).encode())
    return 0


def _limit(job: Mapping[str, Any]) -> None:
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_FSIZE, job["size"])
    _cap(resource.RLIMIT_CPU, job["seconds"], 5)  # SIGXCPU comes before SIGKILL, and tells what was too much
    _cap(resource.RLIMIT_AS, job["memory"])


def _cap(kind: int, soft: int, slack: int = 0) -> None:
    allowed = resource.getrlimit(kind)[1]
    hard = soft + slack if allowed == resource.RLIM_INFINITY else min(soft + slack, allowed)
    resource.setrlimit(kind, (min(soft, hard), hard))


def _perform(job: Mapping[str, Any]) -> dict[str, str]:
    try:
        _decode(job)
    except BadRequest as error:
        text = str(error)
        for path in _paths(job):  # all else is the format's explanation
            text = text.replace(path, HIDDEN_PATH)
        return {"refused": text[:_MAX_TEXT]}
    except MemoryError:
        return {"failed": f"it needs more than {job['memory'] >> 20} MiB of memory"}
    except OSError as error:
        if error.errno == errno.EFBIG:
            return {"failed": f"the table would be bigger than {job['size']} bytes"}
        told = {"failed": f"{type(error).__name__}: {error.strerror}", "trace": traceback.format_exc()[-_MAX_TEXT:]}
        return told | ({"errno": str(error.errno)} if is_storage_error(error.errno) else {})
    except BaseException as error:
        text = without_paths(f"{type(error).__name__}: {error}", *_paths(job))[:_MAX_TEXT]
        return {"failed": text, "trace": traceback.format_exc()[-_MAX_TEXT:]}
    return {}


def _paths(job: Mapping[str, Any]) -> list[str]:
    return [*map(str, job["files"].values()), str(job["output"])]


def _decode(job: Mapping[str, Any]) -> None:
    plugin = importlib.import_module(job["module"])
    formats = {item.name: item for item in plugin.hanami_dataset_formats()}
    with contextlib.ExitStack() as stack:
        files = {part: stack.enter_context(open(path, "rb")) for part, path in job["files"].items()}
        with TableWriter(Path(job["output"])) as table:
            formats[job["format"]].decode(files, table)


if __name__ == "__main__":
    sys.exit(main())
