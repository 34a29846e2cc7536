"""The process of background work: tasks that need no compute host, and what is to be done again and again.

Started by the supervisor, once for a data directory. Must not know what the tasks and schedules do; must not load a
compute library.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import NoReturn

from hanami_core.errors import HanamiError
from hanami_core.queue import WITHDRAWALS, WORKERS, TaskRunner
from hanami_core.roles import Role
from hanami_core.runtime import CORE_SCHEDULES, Runtime
from hanami_core.schedules import Scheduler
from hanami_server import logs, process_control
from hanami_server.ends import predecessor
from hanami_server.paths import worker_lock_path
from hanami_server.plugin_states import publish
from hanami_server.process import Options, announce, parse

__all__ = ["main"]

STOP_TASKS = 2.5
STOP_SCHEDULES = 0.5

log = logging.getLogger("hanami.worker")


def main(argv: list[str]) -> NoReturn:
    """Run the worker; ends the process."""
    options = parse(argv)
    logs.configure(options.log_level, "worker")
    try:
        with process_control.hold(worker_lock_path(options.data_dir), "the worker"):
            code = _run(options)
    except HanamiError as error:
        log.error("worker does not start", extra={"reason": str(error)})
        code = 1
    sys.stderr.flush()
    # Threads of tasks and schedules that did not stop in time must not keep the process.
    os._exit(code)


def _run(options: Options) -> int:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    process_control.raise_file_limit()
    runtime = Runtime.open(options.data_dir, Role.WORKER, options.flags)
    try:
        with publish(runtime.plugins, options.data_dir, "worker"):
            _work(runtime, options, stopped)
    finally:
        runtime.close()
    return 0


def _work(runtime: Runtime, options: Options, stopped: threading.Event) -> None:
    before = predecessor(options.data_dir, "worker")
    runner = TaskRunner(runtime, WORKERS, runtime.settings["queue.background"], process_control.abort, before)
    schedules = [WITHDRAWALS, *CORE_SCHEDULES, *runtime.schedules.values()]
    scheduler = Scheduler(runtime, schedules, process_control.abort)
    runner.listen()
    runner.start()
    scheduler.start()
    announce(options)
    log.info("worker is ready")
    while not stopped.wait(process_control.TRIMMING):
        process_control.return_memory()
    log.info("worker stops")
    if not runner.stop(STOP_TASKS):
        log.warning("tasks were cut", extra={"tasks": runner.count})
    if not scheduler.stop(STOP_SCHEDULES):
        log.warning("schedules were cut")


if __name__ == "__main__":
    main(sys.argv[1:])
