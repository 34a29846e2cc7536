"""The process in which dataset formats run: one that has loaded what all of them need, and a copy of it for each job.

Started as ``python -m hanami_core.decoder`` by `hanami_core.decoding`, which tells what is asked and answered. A copy
imports the plugin of its format and no other one. Must not open anything but what it is given: it begins with nothing
of the server, and each copy begins with nothing of the others.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NamedTuple, TypedDict

from hanami_core.datasets import TableWriter
from hanami_core.disclosure import HIDDEN_PATH, without_paths
from hanami_core.errors import BadRequest
from hanami_core.priority import step_back
from hanami_core.process_control import die_with
from hanami_core.storage.disk import is_storage_error

__all__ = ["main"]

LONGEST = 1 << 17
"""Bytes of a job."""
IDLE = 60.0
"""Seconds without a job after which the process ends; whoever has one then starts another."""
ANSWERS = 3
"""Descriptor that a copy answers on."""
_MAX_TEXT = 2000


class DecodeJob(TypedDict):
    """What a copy is to do.

    Attributes:
        module: import name of the plugin that provides the format.
        format: name of the format.
        files: path of the file of each part of the format.
        output: path of the table that it writes.
        memory: bytes that it may use.
        seconds: seconds of processor time that it may use.
        size: bytes that it may write to a file.
        path: where Python looks for modules.
    """

    module: str
    format: str
    files: dict[str, str]
    output: str
    memory: int
    seconds: int
    size: int
    path: list[str]


class _RunningJob(NamedTuple):
    """A copy at work.

    Attributes:
        pid: its number.
        end: descriptor that can be read when it has ended.
        line: where its exit status goes; its other side is closed by whoever wants the job no more.
    """

    pid: int
    end: int
    line: socket.socket


def main() -> int:
    """Do the jobs that arrive on the standard input, a socket, until its other side is closed."""
    with socket.socket(fileno=os.dup(0)) as control, selectors.DefaultSelector() as selector:
        with open(os.devnull, "rb") as silence:
            os.dup2(silence.fileno(), 0)
        gc.freeze()
        selector.register(control, selectors.EVENT_READ)
        return _serve(control, selector)


def _serve(control: socket.socket, selector: selectors.BaseSelector) -> int:
    while True:
        alone = len(selector.get_map()) == 1
        ready = selector.select(IDLE if alone else None)
        if not ready and alone:
            return 0
        for key, _ in ready:
            running = key.data
            if running is None:
                job, descriptors, _, _ = socket.recv_fds(control, LONGEST, 2)
                if not job:
                    return 0  # copies that are at work die with this process
                _begin(control, selector, json.loads(job), *descriptors)
            elif key.fd == running.end:
                _tell(selector, running)
            elif running.line.fileno() >= 0:  # else it has ended in this very moment
                selector.unregister(running.line)
                _kill(running.pid)


def _begin(control: socket.socket, selector: selectors.BaseSelector, job: DecodeJob, answers: int, line: int) -> None:
    """Let a copy do a job, and tell its number, or the reason why there is none."""
    this = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        os.close(answers)
        os.close(line)
        control.send(json.dumps({"errno": error.errno}).encode())
        return
    if pid == 0:
        code = 1
        try:
            os.setsid()
            die_with(this)
            code = _work(job, _only(answers))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(answers)
    running = _RunningJob(pid, os.pidfd_open(pid), socket.socket(fileno=line))
    selector.register(running.end, selectors.EVENT_READ, running)
    selector.register(running.line, selectors.EVENT_READ, running)
    control.send(json.dumps({"pid": pid}).encode())


def _tell(selector: selectors.BaseSelector, running: _RunningJob) -> None:
    """Pass on how a copy has ended."""
    selector.unregister(running.end)
    with contextlib.suppress(KeyError):
        selector.unregister(running.line)
    _kill(running.pid)  # what it has left behind
    status = os.waitstatus_to_exitcode(os.waitpid(running.pid, 0)[1])
    os.close(running.end)
    with running.line, contextlib.suppress(OSError):
        running.line.send(json.dumps(status).encode())


def _kill(pid: int) -> None:
    """End a copy, which nobody has waited for yet, and all that it has started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # it has no group of its own yet


def _only(answers: int) -> int:
    """Close what belongs to this process and to other copies, and return where the descriptor for answers is now."""
    os.dup2(answers, ANSWERS)
    os.closerange(ANSWERS + 1, os.sysconf("SC_OPEN_MAX"))
    return ANSWERS


def _work(job: DecodeJob, answers: int) -> int:
    sys.path[:] = job["path"]
    step_back()
    _limit(job)
    os.write(answers, json.dumps(_perform(job)).encode())
    return 0


def _limit(job: DecodeJob) -> None:
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_FSIZE, job["size"])
    _cap(resource.RLIMIT_CPU, job["seconds"], 5)  # SIGXCPU comes before SIGKILL, and tells what was too much
    _cap(resource.RLIMIT_AS, job["memory"])


def _cap(kind: int, soft: int, slack: int = 0) -> None:
    allowed = resource.getrlimit(kind)[1]
    hard = soft + slack if allowed == resource.RLIM_INFINITY else min(soft + slack, allowed)
    resource.setrlimit(kind, (min(soft, hard), hard))


def _perform(job: DecodeJob) -> dict[str, str]:
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


def _paths(job: DecodeJob) -> list[str]:
    return [*map(str, job["files"].values()), str(job["output"])]


def _decode(job: DecodeJob) -> None:
    plugin = importlib.import_module(job["module"])
    formats = {item.name: item for item in plugin.hanami_dataset_formats()}
    with contextlib.ExitStack() as stack:
        files = {part: stack.enter_context(open(path, "rb")) for part, path in job["files"].items()}
        with TableWriter(Path(job["output"])) as table:
            formats[job["format"]].decode(files, table)


if __name__ == "__main__":
    sys.exit(main())
