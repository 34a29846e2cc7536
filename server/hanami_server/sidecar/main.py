"""Puts a sidecar together and keeps it running until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from hanami_core import localsocket
from hanami_core.errors import HanamiError, StartupError
from hanami_core.runtime import Runtime
from hanami_core.settings import cache_directory
from hanami_server import lifetime, logs
from hanami_server.paths import control_path, host_lock_path
from hanami_server.process import Options, announce, parse
from hanami_server.sidecar.connection_manager import ConnectionManager
from hanami_server.sidecar.control import Control
from hanami_server.sidecar.end import abort
from hanami_server.sidecar.probe import Probe
from hanami_server.sidecar.runner import Runner
from hanami_server.sidecar.watchdog import Watchdog

__all__ = ["main"]

STOP_TASKS = 2.5
STOP_SOCKETS = 1.0
SWITCH_INTERVAL = 0.0005

log = logging.getLogger("hanami.sidecar")


def main(argv: list[str]) -> NoReturn:
    """Run the sidecar of one host; ends the process."""
    options = parse(argv)
    assert options.host is not None
    logs.configure(options.log_level, f"sidecar {options.host}")
    try:
        with lifetime.hold(host_lock_path(options.data_dir, options.host), f"host {options.host}"):
            code = _run(options, options.host)
    except HanamiError as error:
        log.error("sidecar does not start", extra={"reason": str(error)})
        code = 1
    sys.stderr.flush()
    # Threads of tasks that did not stop in time must not keep the process.
    os._exit(code)


def _run(options: Options, host: str) -> int:
    lifetime.raise_file_limit()
    runtime = Runtime.open(options.data_dir, "sidecar", options.flags)
    if host not in runtime.hosts:
        raise StartupError(f"no plugin provides the host {host}")
    runtime.compute = runtime.hosts[host]
    runtime.compute.start(cache_directory(runtime.settings, os.environ))
    # What lives until the end need not be looked at by the collector; the event loop waits for every run of it.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        asyncio.run(_serve(runtime, host, options))
    finally:
        runtime.close()
    return 0


async def _serve(runtime: Runtime, host: str, options: Options) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    runner, connections, watchdog = Runner(runtime, host, abort), ConnectionManager(runtime, host), Watchdog(loop)
    control = Control(control_path(options.data_dir, host), _operations(runtime, runner, connections))
    await control.start()
    poked = _listen_for_pokes(loop, runtime, host, runner)
    connections.start()
    runner.start()
    watchdog.start()
    announce(options)
    log.info("sidecar is ready")
    await stopped.wait()
    log.info("sidecar stops")
    control.stop()
    loop.remove_reader(poked)
    poked.close()
    await _stop(runner, connections)
    watchdog.stop()


async def _stop(runner: Runner, connections: ConnectionManager) -> None:
    tasks = asyncio.create_task(asyncio.to_thread(runner.stop, STOP_TASKS))
    try:
        await asyncio.wait_for(connections.stop(STOP_SOCKETS), STOP_TASKS)
    except TimeoutError:
        log.warning("sessions were cut")
    if not await tasks:
        log.warning("tasks were cut", extra={"tasks": runner.count})


def _listen_for_pokes(loop: asyncio.AbstractEventLoop, runtime: Runtime, host: str, runner: Runner) -> socket.socket:
    poked = localsocket.bind(socket.SOCK_DGRAM, localsocket.poke_path(runtime.settings.data_dir, host))
    poked.setblocking(False)

    def wake() -> None:
        try:
            while poked.recv(16):
                pass
        except BlockingIOError:
            runner.poke()

    loop.add_reader(poked, wake)
    return poked


def _operations(runtime: Runtime, runner: Runner, connections: ConnectionManager) -> dict[str, Any]:
    assert runtime.compute is not None

    def metrics() -> dict[str, Any]:
        return {
            "rss": lifetime.resident_bytes(),
            "tasks": runner.count,
            "sockets": connections.count,
            "pid": os.getpid(),
        }

    return {"probe": Probe(runtime, runtime.compute).run, "metrics": metrics}
