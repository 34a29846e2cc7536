"""What must be done once before the processes of a server start: migrations, recovery, the check for an admin.

Runs in a process of its own, so that the supervisor stays small; its answer is one line of JSON on stdout. Must not
leave anything running.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial

import msgspec

from hanami_core.audit import needed
from hanami_core.compute import placement
from hanami_core.errors import HanamiError, SettingsError, StartupError
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.storage.failures import in_words, storage_failure
from hanami_server import logs
from hanami_server.client_address import ClientAddressResolver
from hanami_server.foreign_pages import foreign_pages
from hanami_server.launch_spec import LaunchSpec
from hanami_server.process import HttpLimits, Launch, Options, parse

__all__ = ["main", "prepare"]

LEVELS = ("debug", "info", "warning", "error")
MOST_WORKERS = 4
"""Processes that answer REST on a machine with many cores, unless a setting says otherwise."""

log = logging.getLogger("hanami.bootstrap")


def prepare(options: Options) -> LaunchSpec:
    """Make the data directory ready for a server and return what the server needs to know.

    Raises:
        HanamiError: if the server must not start; the text says why.
    """
    runtime = Runtime.open(options.data_dir, Role.MIGRATE, options.flags)
    try:
        if runtime.identity is None or not runtime.identity.has_admin():
            raise StartupError("there is no admin yet, run 'hanami init' first")
        for task in runtime.queue.recover():
            log.warning("a task had no queue and failed", extra={"task": task})
        gone = runtime.blobs.recover(set(), partial(needed, runtime))
        runtime.reserve.lay_ballast()
        if gone:
            log.warning("unfinished blobs removed, or moved aside", extra={"count": len(gone)})
        return _spec(runtime)
    finally:
        runtime.close()


def _spec(runtime: Runtime) -> LaunchSpec:
    settings = runtime.settings
    if settings["log.level"] not in LEVELS:
        raise SettingsError(f"log.level must be one of {', '.join(LEVELS)}, not {settings['log.level']}")
    placement.check(settings[placement.SETTING], list(runtime.hosts))
    ClientAddressResolver(settings["http.proxies"])  # which each worker of the api makes, and could not report
    list(foreign_pages(settings["http.origins"]))
    if not runtime.hosts:
        log.warning("no plugin provides a compute host, no task will run")
    limits = {name: settings[f"http.{name}"] for name in HttpLimits.__struct_fields__}
    http = HttpLimits(**limits | {"workers": limits["workers"] or min(len(os.sched_getaffinity(0)), MOST_WORKERS)})
    address = settings["http.host"], settings["http.port"]
    processes = [Launch(p.name, p.target, p.command, p.ready) for p in runtime.processes.values()]
    hosts = list(runtime.hosts)
    specs = [spec for spec in settings.specs.values() if spec.secret and spec.variable in os.environ]
    return LaunchSpec(
        hosts=hosts,
        processes=processes,
        address=address,
        log_level=settings["log.level"],
        http=http,
        silence=settings["processes.silence"],
        secrets={spec.variable: spec.name for spec in specs},
    )


def main(argv: list[str]) -> int:
    """Prepare and print the spec; return the exit code."""
    options = parse(argv)
    logs.configure("warning", "bootstrap")
    try:
        spec = prepare(options)
    except HanamiError as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:
        failure = storage_failure(error)
        if failure is None:
            raise
        print(in_words(failure, error), file=sys.stderr)
        return 1
    print(msgspec.json.encode(spec).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
