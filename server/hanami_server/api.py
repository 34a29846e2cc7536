"""The process that answers REST: the application under gunicorn, on a listening socket that the supervisor made.

Stateless: all that it knows is in the database. Must not know any route; must not load a compute library.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gunicorn.http.wsgi
from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError
from gunicorn.glogging import Logger

from hanami_core.errors import HanamiError
from hanami_server import logs, process_control
from hanami_server.process import HttpLimits, Options, announce, parse
from hanami_server.worker import Worker

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime
    from hanami_server.streamed import StreamedRoutes

__all__ = ["ApiApplication", "main"]

GRACE = 2
KEEPALIVE = 75
WORKER_SHARE = 0.75
"""Part of the time after which a silent process counts as hung that a worker has, so that it goes before all do."""
MOST_FIELDS = 64
LONGEST_FIELD = 8190

log = logging.getLogger("hanami.api")


class GunicornLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger without handlers of its own: everything goes where the process logs."""

    def setup(self, cfg: object) -> None:
        """Pass everything on."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)


class ApiApplication(BaseApplication):  # type: ignore[misc]
    """gunicorn's view of the api. `limits` are read by its workers."""

    def __init__(self, options: Options) -> None:
        """Configure from the command line."""
        assert options.http is not None
        self.limits: HttpLimits = options.http
        self._options = options
        self._runtime: Runtime | None = None
        self._streamed: StreamedRoutes | None = None
        self._published = contextlib.ExitStack()
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        shared_memory = Path("/dev/shm")  # noqa: S108 - files that only tell that a worker is alive
        values: dict[str, object] = {
            "bind": f"fd://{self._options.listener}",
            "workers": self.limits.workers,
            "threads": self.limits.threads,
            "worker_class": Worker,
            "worker_connections": self.limits.connections,
            "worker_tmp_dir": str(shared_memory) if os.access(shared_memory, os.W_OK) else None,
            "timeout": max(1, int(WORKER_SHARE * self._options.silence)),
            "graceful_timeout": GRACE,
            "keepalive": KEEPALIVE,
            "http_parser": "python",
            "limit_request_line": LONGEST_FIELD,
            "limit_request_fields": MOST_FIELDS,
            "limit_request_field_size": LONGEST_FIELD,
            "header_map": "refuse",
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
            "logger_class": GunicornLogger,
            "proc_name": __name__,
            "post_fork": self._forked,
            "post_worker_init": self._ready,
            "worker_exit": self._exit,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application in a worker; the process that only watches the workers loads none of it."""
        from hanami_core.roles import Role
        from hanami_core.runtime import Runtime
        from hanami_server.app import create_app
        from hanami_server.handoff_middleware import HandoffMiddleware
        from hanami_server.naming import named
        from hanami_server.plugin_states import publish
        from hanami_server.streamed import StreamedRoutes

        try:
            self._runtime = Runtime.open(self._options.data_dir, Role.API, self._options.flags)
        except HanamiError as error:
            log.error("api does not start", extra={"reason": str(error)})
            raise AppImportError(str(error)) from error
        self._streamed = StreamedRoutes(self._runtime.routes, self.limits.max_body)
        self._published.enter_context(publish(self._runtime.plugins, self._options.data_dir, "api"))
        threads = self._runtime.settings["http.threads"]
        return named(HandoffMiddleware(create_app(self._runtime), self._options.data_dir, self._runtime.hosts, threads))

    def is_streamed(self, line: bytes) -> bool:
        """Tell by its first line whether the handler of a request reads the body itself."""
        return self._streamed is not None and self._streamed.match(line)

    @staticmethod
    def _forked(arbiter: Any, _worker: object) -> None:
        process_control.die_with(arbiter.pid)

    def _ready(self, _worker: object) -> None:
        # What the application is made of stays. Looking at it again and again would stop all answers for a moment.
        gc.collect()
        gc.freeze()
        announce(self._options)

    def _exit(self, _arbiter: object, _worker: object) -> None:
        if self._runtime is not None:
            self._runtime.close()
        self._published.close()


def main(argv: list[str]) -> None:
    """Run the api; ends the process."""
    options = parse(argv)
    logs.configure(options.log_level, "api")
    process_control.raise_file_limit()
    # gunicorn takes no other way to name the server in answers.
    gunicorn.http.wsgi.SERVER = "Hanami"
    ApiApplication(options).run()


if __name__ == "__main__":
    main(sys.argv[1:])
