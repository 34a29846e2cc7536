"""What a start would do to the plugins, found out by one that harms nothing.

A process of its own takes all plugins through a whole start, as each kind of process of a server does, on a data
directory that is thrown away. It tells before each call of a plugin what it is about to do; so whoever ends it, or does
not return, is known, and the next attempt goes on without that plugin. Owns both ends of this. The end that asks
imports no plugin.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, NoReturn

import msgspec

from hanami_core.errors import HanamiError, PluginError, StartupError
from hanami_core.plugin_host import EntryPoint, PluginHost, importable, installed_plugins, read_disabled
from hanami_core.roles import Role
from hanami_core.settings import Settings
from hanami_server import logs, process_control
from hanami_server.plugin_states import PluginInfo, info

__all__ = ["DryRun", "StartTried", "dry_run", "main"]

STARTS = {"bootstrap": Role.MIGRATE} | {str(role): role for role in Role if role.writes and not role.prepares}
COPIED = ("hanami.toml", "plugins.json")
LARGEST_COPY = 16 << 20
CALLS = 6
"""How many calls a whole start may last, if each takes as long as a call may."""
PIECE = 1 << 16


class DryRunOrder(msgspec.Struct):
    """What the process is to do; `broken` are plugins to leave out, and for what reason."""

    data_dir: str
    scratch: str
    report: int
    parent: int
    broken: dict[str, str]


class CallBegins(msgspec.Struct, tag=True):
    """The process is about to call a plugin."""

    plugin: str
    call: str


class StartTried(msgspec.Struct, tag=True):
    """One kind of process was started; `refusal` says why it would not."""

    process: str
    refusal: str
    plugins: list[PluginInfo]


class Finished(msgspec.Struct, tag=True):
    """There is nothing more to try."""


Report = CallBegins | StartTried | Finished


class DryRun(NamedTuple):
    """What a start would do: the states of plugins in each kind of process, and why the server would not start."""

    starts: list[StartTried]
    refusal: str


# -- the end that asks ------------------------------------------------------------------------------------------------


def dry_run(
    data_dir: Path, patience: float, environ: Mapping[str, str] | None = None, without: Mapping[str, str] | None = None
) -> DryRun:
    """Try all plugins that are installed, with the settings of a data directory, which is only read.

    Args:
        data_dir: the directory; it need not exist.
        patience: seconds that one call of a plugin may take.
        environ: environment of the process; that of this one if left out.
        without: plugins to leave out, each with a reason.

    Raises:
        StartupError: if the attempt fails without a plugin's doing.
        SettingsError: if the folder for plugins that are single files is not there.
    """
    importable()
    broken = dict(without or {})
    while True:
        with tempfile.TemporaryDirectory(prefix="hanami-plugins-") as scratch:
            attempt = _Attempt(data_dir, Path(scratch), broken, patience, environ)
            end = attempt.run()
        if attempt.finished:
            return DryRun(attempt.starts, next((start.refusal for start in attempt.starts if start.refusal), ""))
        culprit = attempt.call
        if culprit is None or culprit.plugin in broken:
            raise StartupError(f"the plugins could not be tried: {end}")
        moment = "while it is imported" if culprit.call == "import" else f"in {culprit.call}"
        broken[culprit.plugin] = f"{end} {moment}"


class _Attempt:
    """One process, from its start to its end."""

    def __init__(
        self,
        data_dir: Path,
        scratch: Path,
        broken: Mapping[str, str],
        patience: float,
        environ: Mapping[str, str] | None,
    ) -> None:
        self.starts: list[StartTried] = []
        self.finished = False
        self.call: CallBegins | None = None
        self._data_dir, self._scratch, self._broken = data_dir, scratch, dict(broken)
        self._patience = patience
        self._environ = environ
        self._buffer = b""

    def run(self) -> str:
        """Run the process to its end and return how it ended."""
        for name in COPIED:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(self._data_dir / name, self._scratch / name)
        ours, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            process = self._start(theirs)
        finally:
            os.close(theirs)
        with open(ours, "rb", buffering=0) as reports:
            return self._attend(process, reports.fileno())

    def _start(self, report: int) -> subprocess.Popen[bytes]:
        os.set_blocking(report, True)
        order = DryRunOrder(str(self._data_dir), str(self._scratch), report, os.getpid(), self._broken)
        command = [sys.executable, "-P", "-m", "hanami_server.dry_run", msgspec.json.encode(order).decode()]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            command,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            pass_fds=(report,),
            start_new_session=True,
            env=None if self._environ is None else dict(self._environ),
        )

    def _attend(self, process: subprocess.Popen[bytes], reports: int) -> str:
        """Read reports until the process ends or takes too long."""
        handle = os.pidfd_open(process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(reports, selectors.EVENT_READ)
                selector.register(handle, selectors.EVENT_READ)
                ended = self._wait(selector, reports, handle)
        finally:
            os.close(handle)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # with what plugins have started
            code = process.wait()
        return _end(code) if ended else f"takes longer than {self._patience:g} seconds"

    def _wait(self, selector: selectors.BaseSelector, reports: int, handle: int) -> bool:
        """Return True when the process has ended, False when it takes too long."""
        last = time.monotonic() + self._patience * CALLS
        while True:
            ready = selector.select(min(self._patience, last - time.monotonic()))
            if not ready:
                return False
            descriptors = {key.fd for key, _ in ready}
            if reports in descriptors and not self._read(reports):
                selector.unregister(reports)
            if handle in descriptors:
                self._read(reports)
                return True

    def _read(self, reports: int) -> bool:
        """Take in all reports that are there; False is their end."""
        try:
            while piece := os.read(reports, PIECE):
                *lines, self._buffer = (self._buffer + piece).split(b"\n")
                for line in lines:
                    self._note(msgspec.json.decode(line, type=Report))
        except BlockingIOError:
            return True
        return False

    def _note(self, report: Report) -> None:
        if isinstance(report, CallBegins):
            self.call = report
        elif isinstance(report, StartTried):
            self.starts.append(report)
        else:
            self.finished = True


def _end(code: int) -> str:
    if code >= 0:
        return f"ends the process with exit code {code}"
    return f"ends the process with {signal.Signals(-code).name}"


# -- the end that tries -----------------------------------------------------------------------------------------------


def main(argv: list[str]) -> NoReturn:
    """Do what the order says; ends the process, whatever plugins have left running."""
    order = msgspec.json.decode(argv[0], type=DryRunOrder)
    process_control.die_with(order.parent)
    logs.configure("critical", "dry run")
    for start in _starts(order):
        _send(order, start)
    _send(order, Finished())
    os._exit(0)


def _send(order: DryRunOrder, report: Report) -> None:
    os.write(order.report, msgspec.json.encode(report) + b"\n")


def _starts(order: DryRunOrder) -> Iterator[StartTried]:
    for process, role in STARTS.items():
        observer = partial(_announce, order)
        host = PluginHost(_points(order.broken), read_disabled(Path(order.scratch)), observer)
        refusal = _open(host, order, role)
        yield StartTried(process, _real(order, refusal), [_without_scratch(order, plugin) for plugin in info(host)])
        if refusal:
            return


def _announce(order: DryRunOrder, plugin: str, call: str) -> None:
    _send(order, CallBegins(plugin, call))


def _points(broken: Mapping[str, str]) -> list[EntryPoint]:
    """Return what is installed; what is known to end the process is broken before it can."""
    return [_broken(p, broken[p.name]) if p.name in broken else p for p in installed_plugins()]


def _broken(point: EntryPoint, reason: str) -> EntryPoint:
    def load() -> ModuleType:
        raise PluginError(reason)

    return EntryPoint(point.name, point.distribution, point.version, load, point.module)


def _open(host: PluginHost, order: DryRunOrder, role: Role) -> str:
    """Start and end a process of one role; return why it refuses to start."""
    from hanami_core.runtime import Runtime, resolve_settings

    try:
        host.require_essential()
        _copy_named_files(resolve_settings(Path(order.data_dir), host, {}), Path(order.scratch))
        Runtime.open(Path(order.scratch), role, plugins=host).close()
    except HanamiError as error:
        return str(error)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _copy_named_files(settings: Settings, scratch: Path) -> None:
    """Copy files of the data directory that settings name, such as policies, to where plugins look for them."""
    for value in settings.values():
        if not isinstance(value, str) or not value or Path(value).is_absolute() or ".." in Path(value).parts:
            continue
        file = settings.data_dir / value
        if file.is_file() and file.stat().st_size <= LARGEST_COPY:
            (scratch / value).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, scratch / value)


def _without_scratch(order: DryRunOrder, plugin: PluginInfo) -> PluginInfo:
    return msgspec.structs.replace(plugin, reason=_real(order, plugin.reason))


def _real(order: DryRunOrder, text: str) -> str:
    """Return a text as it would be about the real data directory."""
    return text.replace(order.scratch, order.data_dir)


if __name__ == "__main__":
    main(sys.argv[1:])
