"""Logs that clients can read: who called what, and which calls ended with an internal error.

They are made of events. What a process writes to stderr is another thing and not known here.
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.events import CallAllowed, CallFailed, Event
from hanami_core.http import Route
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_plugins.logs import routes, service
from hanami_plugins.logs.models import AuditLog, ErrorLog
from hanami_plugins.logs.service import AuditEntry, ErrorEntry, count_errors, read_audit, read_errors

__all__ = ["AuditEntry", "ErrorEntry", "count_errors", "read_audit", "read_errors"]


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long the logs may grow."""
    return [
        Setting("logs.audit_rows", int, 1_000_000, "Number of latest rows of the audit log to keep", 100),
        Setting("logs.error_rows", int, 10_000, "Number of latest rows of the error log to keep", 100),
    ]


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the tables of both logs."""
    return [AuditLog, ErrorLog]


@hookimpl
def hanami_event(event: Event) -> None:
    """Write what happened into the log that it belongs to."""
    if isinstance(event, CallAllowed):
        service.write_audit(event)
    elif isinstance(event, CallFailed):
        service.write_error(event)


@hookimpl
def hanami_schedules(runtime: Runtime) -> list[Schedule]:
    """Keep the logs as short as the settings say."""
    return [Schedule("logs.trim", service.TRIM_SECONDS, service.trim)]


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of both logs."""
    return routes.routes()
