"""Puts a sidecar together and keeps it running until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from functools import partial
from typing import Any, NoReturn

from hanami_core.compute import HostDescription
from hanami_core.errors import HanamiError
from hanami_core.host_calls import HostCallServer
from hanami_core.metrics import Metric, Sample
from hanami_core.queue import TaskRunner
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_server import logs, process_control
from hanami_server.ends import predecessor
from hanami_server.paths import control_path, host_lock_path
from hanami_server.plugin_states import publish
from hanami_server.process import Options, announce, parse
from hanami_server.sidecar.busy_poll import BusyPollSelector
from hanami_server.sidecar.connection_manager import ConnectionManager
from hanami_server.sidecar.control import Control, Operation
from hanami_server.sidecar.loop_delay import LoopDelay
from hanami_server.sidecar.probe import Probe
from hanami_server.sidecar.watchdog import Watchdog
from hanami_server.sidecar_metrics import pack

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
        with process_control.hold(host_lock_path(options.data_dir, options.host), f"host {options.host}"):
            code = _run(options, options.host)
    except HanamiError as error:
        log.error("sidecar does not start", extra={"reason": str(error)})
        code = 1
    sys.stderr.flush()
    # Threads of tasks that did not stop in time must not keep the process.
    os._exit(code)


def _run(options: Options, host: str) -> int:
    process_control.raise_file_limit()
    runtime = Runtime.open(options.data_dir, Role.SIDECAR, options.flags)
    try:
        runtime.start_compute(host)
        # What lives until the end need not be looked at by the collector; the event loop waits for every run of it.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_INTERVAL)
        with publish(runtime.plugins, options.data_dir, f"sidecar {host}"):
            with asyncio.Runner(loop_factory=partial(_loop, runtime.settings["sockets.busy_poll"])) as runner:
                runner.run(_serve(runtime, host, options))
    finally:
        runtime.close()
    return 0


def _loop(busy_poll: float) -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(BusyPollSelector(busy_poll))


async def _serve(runtime: Runtime, host: str, options: Options) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    runtime.watch_host(partial(_end_for_host, loop, stopped))
    before = predecessor(options.data_dir, f"sidecar {host}")
    assert runtime.compute is not None
    slots = _slots(runtime)
    # A device that is not there yet tells of one thread; the tasks that it gets later must not take turns one by one.
    threads = max(slots - 1, runtime.compute.describe().threads)
    runner = TaskRunner(runtime, host, slots, process_control.abort, before, threads)
    connections, delay = ConnectionManager(runtime, host), LoopDelay(loop)
    watchdog = Watchdog(loop, connections.hung)
    control = Control(control_path(options.data_dir, host), _operations(runtime, runner, connections, delay))
    calls = HostCallServer(runtime, host)
    await control.start()
    calls.start()
    runner.listen()
    connections.start()
    runner.start()
    watchdog.start()
    delay.start()
    announce(options)
    log.info("sidecar is ready")
    await stopped.wait()
    log.info("sidecar stops")
    control.stop()
    calls.stop()
    await _stop(runner, connections)
    watchdog.stop()
    delay.stop()


def _end_for_host(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event, description: HostDescription) -> None:
    """End the process as if it was told to, if another one can do what its host no longer can; called in a thread."""
    if description.needs_restart:
        log.warning(
            "sidecar makes room for another one", extra={"host": description.name, "reason": description.reason}
        )
        with contextlib.suppress(RuntimeError):  # it ends already
            loop.call_soon_threadsafe(stopped.set)


async def _stop(runner: TaskRunner, connections: ConnectionManager) -> None:
    tasks = asyncio.create_task(asyncio.to_thread(runner.stop, STOP_TASKS))
    try:
        await asyncio.wait_for(connections.stop(STOP_SOCKETS), STOP_TASKS)
    except TimeoutError:
        log.warning("sessions were cut")
    if not await tasks:
        log.warning("tasks were cut", extra={"tasks": runner.count})


def _slots(runtime: Runtime) -> int:
    # One more than cores: while a task waits for the disk, another one computes.
    return runtime.settings["queue.workers"] or len(os.sched_getaffinity(0)) + 1


def _operations(
    runtime: Runtime, runner: TaskRunner, connections: ConnectionManager, delay: LoopDelay
) -> dict[str, Operation]:
    assert runtime.compute is not None
    labels = {"host": runtime.compute.name}

    def own() -> list[Metric]:
        return [
            Sample("hanami_open_sockets", connections.count, help="Websockets that are open", labels=labels),
            Sample("hanami_running_tasks", runner.count, help="Tasks that a sidecar runs", labels=labels),
            delay.histogram(labels),
        ]

    def metrics() -> dict[str, Any]:
        process = {"pid": os.getpid(), "rss": process_control.resident_bytes()}
        try:
            return process | pack([*own(), *runtime.plugins.metrics(runtime)])
        finally:
            runtime.database.disconnect()  # the thread may never be used again

    return {"probe": Probe(runtime, runtime.compute).run, "metrics": metrics}


if __name__ == "__main__":
    main(sys.argv[1:])
