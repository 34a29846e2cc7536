"""A process that a plugin has declared: calls its function, or becomes its program.

Started by the supervisor. Holds a lock from its start to its end, which a program inherits. Must not know what the
process does.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from hanami_core.errors import HanamiError, PluginError
from hanami_core.processes import ProcessContext
from hanami_server import logs, process_control
from hanami_server.paths import process_lock_path
from hanami_server.process import READY, Launch, Options, announce, parse

if TYPE_CHECKING:
    from hanami_core.plugin_host import PluginHost

__all__ = ["main"]

log = logging.getLogger("hanami.process")


def main(argv: list[str]) -> NoReturn:
    """Run the process; ends it."""
    options = parse(argv)
    assert options.process is not None
    name = options.process.name
    logs.configure(options.log_level, f"process {name}")
    code = 1
    try:
        with process_control.hold(process_lock_path(options.data_dir, name), f"process {name}") as lock:
            code = _run(options, options.process, lock)
    except HanamiError as error:
        log.error("process does not run", extra={"reason": str(error)})
    except BaseException:
        log.exception("process failed")
    sys.stderr.flush()
    # What the function has left running must not keep the process.
    os._exit(code)


def _run(options: Options, launch: Launch, lock: int) -> int:
    if launch.command:
        _become(options, launch.command, lock)
    published = contextlib.ExitStack()

    def loaded(host: PluginHost) -> None:
        from hanami_server.plugin_states import publish

        published.enter_context(publish(host, options.data_dir, f"process {launch.name}"))

    context = ProcessContext(launch.name, options.data_dir, options.flags, partial(announce, options), loaded)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: context.stop.set())
    with published:
        try:
            _function(launch.target)(context)
        finally:
            context.close()
    if not context.stop.is_set():
        log.warning("process ended by itself")
    return 0


def _become(options: Options, command: tuple[str, ...], lock: int) -> NoReturn:
    os.set_inheritable(lock, True)
    if options.ready is not None:
        os.write(options.ready, READY)
    os.execvp(command[0], command)  # noqa: S606 - the command of a plugin that the operator has installed


def _function(target: str) -> Callable[[ProcessContext], Any]:
    from hanami_core.plugin_host import importable

    importable()
    module, _, name = target.partition(":")
    function: Callable[[ProcessContext], Any] | None = getattr(importlib.import_module(module), name, None)
    if function is None:
        raise PluginError(f"{module} has no function {name}")
    return function


if __name__ == "__main__":
    main(sys.argv[1:])
