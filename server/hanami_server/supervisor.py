"""``hanami serve``: starts the api, the worker, one sidecar for each compute host and what plugins declare.

Restarts what dies, does not get ready or hangs, and ends all together. Small on purpose: it loads no plugin and
outlives everything else. It owns the listening socket, so that connections wait in the backlog while the api restarts.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from hanami_core.errors import StartupError
from hanami_core.localsocket import run_directory
from hanami_server import ends, logs, privacy, process_control
from hanami_server.child import Child
from hanami_server.launch_spec import LaunchSpec
from hanami_server.paths import ends_path, plugin_states_path, request_counts_path, server_lock_path, state_path
from hanami_server.process import Launch, Options, arguments
from hanami_server.starting import Starter, in_words

__all__ = ["ServerState", "Supervisor", "bind", "read_state", "serve"]

BACKLOG = 2048
PATIENCE = 4.0
SLOW = 20.0
"""Seconds after which the operator is told that the bootstrap takes long."""
FINAL_PATIENCE = 0.5
OVERSLEPT = 1.0
"""Seconds by which this process may wake up late; beyond that, it was stopped itself, and perhaps all with it."""
LONGEST_PAUSE = 60.0
"""Seconds between two starts of a plugin's process that fails again and again."""

log = logging.getLogger("hanami.supervisor")


class ServerState(msgspec.Struct):
    """Content of the state file: who runs where."""

    pid: int
    host: str
    port: int
    ready: bool
    children: dict[str, int]


def read_state(data_dir: Path) -> ServerState | None:
    """Return what the supervisor of a running server says of it."""
    try:
        return msgspec.json.decode(state_path(data_dir).read_bytes(), type=ServerState)
    except (OSError, msgspec.MsgspecError):
        return None


def serve(data_dir: Path, flags: Mapping[str, str]) -> int:
    """Run a server until it is told to stop, and return the exit code.

    Raises:
        StartupError: if the server cannot start; the text says why.
    """
    if not data_dir.is_dir():
        raise StartupError(f"there is no data directory {data_dir}, run 'hanami init' first")
    privacy.seclude()
    with process_control.hold(server_lock_path(data_dir), f"data directory {data_dir}"):
        mended = privacy.close_to_others(data_dir)
        options = Options(data_dir, flags=dict(flags), parent=os.getpid())
        run_directory(data_dir).mkdir(mode=0o700, exist_ok=True)
        state_path(data_dir).unlink(missing_ok=True)
        for former in (plugin_states_path(data_dir), request_counts_path(data_dir), ends_path(data_dir)):
            shutil.rmtree(former, ignore_errors=True)
        with Starter(options) as starter:
            spec = _prepare(options, starter)
            secrets = {name: os.environ[variable] for variable, name in spec.secrets.items() if name not in flags}
            secret = [*privacy.ADMIN_SECRETS, *spec.secrets]
            privacy.forget(secret)
            starter.forget(secret)
            logs.configure(spec.log_level, "supervisor")
            if mended:
                log.warning("others could use files of the data directory", extra={"mended": mended})
            with bind(*spec.address) as listener:
                Supervisor(options, spec, listener, starter, secrets).run()
    return 0


def _prepare(options: Options, starter: Starter) -> LaunchSpec:
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as told:
        slow = threading.Timer(SLOW, _tell_slow)
        slow.start()
        try:
            code = _run_bootstrap(options, starter, {"1": printed.fileno(), "2": told.fileno()})
        finally:
            slow.cancel()
        printed.seek(0)
        told.seek(0)
        spec, errors = printed.read(), told.read().decode(errors="replace")
    if code or not spec:
        advice = "; 'hanami plugins' tells whether a plugin does that" if code < 0 else ""
        raise StartupError(errors.strip() or f"the bootstrap {in_words(code)}{advice}")
    sys.stderr.write(errors)
    return msgspec.json.decode(spec, type=LaunchSpec)


def _run_bootstrap(options: Options, starter: Starter, descriptors: Mapping[str, int]) -> int:
    """Return the exit code of the bootstrap, or that of a plugin's module that ends whatever imports it."""
    try:
        pid = starter.start("hanami_server.bootstrap", arguments(options), descriptors, patience=None)
    except OSError:
        if starter.code is None:
            raise
        return starter.code
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _tell_slow() -> None:
    log.warning("the bootstrap takes long; 'hanami plugins' tells whether a plugin hangs")


def bind(host: str, port: int) -> socket.socket:
    """Return the listening socket of a server.

    Raises:
        StartupError: if the address cannot be had.
    """
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise StartupError(f"http.host {host}: {error.strerror}") from error
    listener = socket.socket(info[0], socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(info[4])
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartupError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    if not ipaddress.ip_address(str(info[4][0])).is_loopback:
        print(f"Warning: {host} can be reached from other machines, and nothing is encrypted.", file=sys.stderr)
    return listener


class Supervisor:
    """The main loop: waits for ends, reports and signals, and for the moments of restarts."""

    def __init__(
        self,
        options: Options,
        spec: LaunchSpec,
        listener: socket.socket,
        starter: Starter,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare the processes of `spec`; `secrets` are settings that stand in no command line."""
        self._options = msgspec.structs.replace(
            options, log_level=spec.log_level, secrets=bool(secrets), silence=spec.silence
        )
        self._given = msgspec.json.encode(secrets) if secrets else b""
        self._spec = spec
        self._listener = listener
        self._starter = starter
        self._children = [self._sidecar(host) for host in spec.hosts] + [self._worker(), self._api()]
        self._children += [self._process(launch) for launch in spec.processes]
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._greeted = False

    def _sidecar(self, host: str) -> Child:
        return self._child(f"sidecar {host}", self._launch("hanami_server.sidecar.main", host=host))

    def _worker(self) -> Child:
        return self._child("worker", self._launch("hanami_server.worker_process"))

    def _process(self, launch: Launch) -> Child:
        return Child(
            f"process {launch.name}",
            self._launch("hanami_server.plugin_process", process=launch),
            patience=launch.ready,
            longest_pause=LONGEST_PAUSE,
            awaited=False,
            given=self._given,
        )

    def _api(self) -> Child:
        descriptors = {"listener": self._listener.fileno()}
        return self._child("api", self._launch("hanami_server.api", descriptors, http=self._spec.http))

    def _child(self, name: str, launch: Callable[[int, int], int]) -> Child:
        return Child(name, launch, given=self._given, silence=self._options.silence)

    def _launch(
        self, module: str, descriptors: Mapping[str, int] | None = None, **more: object
    ) -> Callable[[int, int], int]:
        argv = arguments(msgspec.structs.replace(self._options, **more))

        def launch(given: int, ready: int) -> int:
            return self._starter.start(module, argv, {"0": given, "ready": ready, **(descriptors or {})})

        return launch

    def run(self) -> None:
        """Keep all processes running until a signal asks for the end, then end them."""
        with self._signals():
            try:
                while not self._stopping:
                    self._start_due()
                    self._wait(self._next_moment())
                    self._kill_late()
                    self._starter.reap([child.pid for child in self._children if child.pid is not None])
            finally:
                self._end()

    # -- signals ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Make signals readable, so that there is one thing to wait for."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            former = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
            handlers = {
                number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
            }
            # It wakes this process, which asks who has ended.
            handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
            self._selector.register(ours, selectors.EVENT_READ, lambda: ours.recv(64))
            try:
                yield
            finally:
                signal.set_wakeup_fd(former)
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    # -- children -----------------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        for child in self._children:
            if child.pid is None and child.due <= time.monotonic():
                self._start(child)
                self._save()

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:
            log.error("process could not be started", extra={"child": child.name, "reason": str(error)})
        else:
            self._watch(child)

    def _watch(self, child: Child) -> None:
        self._selector.register(child.handle, selectors.EVENT_READ, lambda: self._ended(child))
        self._selector.register(child.reports, selectors.EVENT_READ, lambda: self._reported(child))

    def _next_moment(self) -> float | None:
        """Return the seconds until a process is to be started, or to have reported."""
        moments = [child.due if child.pid is None else child.deadline for child in self._children]
        known = [moment for moment in moments if moment is not None]
        return max(0.0, min(known) - time.monotonic()) if known else None

    def _kill_late(self) -> None:
        for child in self._children:
            if child.deadline is not None and child.deadline <= time.monotonic():
                if child.ready:
                    log.error("process gives no sign of life, it is started anew", extra={"child": child.name})
                else:
                    fields = {"child": child.name, "seconds": child.patience}
                    log.error("process does not get ready, it is started anew", extra=fields)
                child.kill()
                self._ended(child)

    def _wait(self, timeout: float | None) -> None:
        begin = time.monotonic()
        found = self._selector.select(timeout)
        late = time.monotonic() - begin - (timeout or 0.0)
        if timeout is not None and late > OVERSLEPT:
            for child in self._children:
                child.excuse(late)
        for key, _ in found:
            # An earlier event of the same round may have ended what this one is about.
            if key.fd in self._selector.get_map():
                key.data()

    def _reported(self, child: Child) -> None:
        known = child.ready
        if not child.reported():
            self._selector.unregister(child.reports)
        elif child.ready and not known:
            self._save()
            if self._ready:
                self._greet()

    @property
    def _ready(self) -> bool:
        return all(child.ready for child in self._children if child.awaited)

    def _ended(self, child: Child) -> None:
        for descriptor in (child.handle, child.reports):
            with contextlib.suppress(KeyError):
                self._selector.unregister(descriptor)
        code = child.ended()
        if not self._stopping:
            ends.note(self._options.data_dir, child.name, ends.End(code, child.memory))
            fields = {"child": child.name, "code": code, "memory": child.memory}
            log.error("process ended, it will be restarted", extra=fields)
        self._save()

    def _greet(self) -> None:
        if not self._greeted:
            self._greeted = True
            host, port = self._listener.getsockname()[:2]
            with contextlib.suppress(OSError):  # nobody may be reading
                print(f"Hanami listens at http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)

    def _save(self) -> None:
        host, port = self._listener.getsockname()[:2]
        children = {child.name: child.pid for child in self._children if child.pid is not None}
        path = state_path(self._options.data_dir)
        temporary = path.with_suffix(".tmp")
        try:
            temporary.write_bytes(msgspec.json.encode(ServerState(os.getpid(), host, port, self._ready, children)))
            temporary.replace(path)
        except OSError as error:  # a full disk must not end what still works
            log.warning("state file could not be written", extra={"reason": str(error)})

    # -- end ----------------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        self._stopping = True
        for child in self._children:
            child.terminate()
        self._wait_for_ends(PATIENCE)
        for child in self._children:
            if child.pid is not None:
                log.warning("process does not end, it is killed", extra={"child": child.name})
                child.kill()
        self._wait_for_ends(FINAL_PATIENCE)
        state_path(self._options.data_dir).unlink(missing_ok=True)
        self._selector.close()

    def _wait_for_ends(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while any(child.pid is not None for child in self._children) and (left := end - time.monotonic()) > 0:
            self._wait(left)
