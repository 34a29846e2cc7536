"""What was deleted or has ended long ago leaves the database, and the database gives the room back to the disk.

What may go is told by the models themselves (`Record.forgettable`) and by the queue; this plugin says when.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_plugins.retention import service

__all__ = ["clean_up"]

clean_up = service.clean_up


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long rows are kept."""
    return [
        Setting("retention.days", float, 30.0, "Days to keep rows of deleted things; -1 keeps them forever", -1.0),
        Setting("retention.interval", float, 3600.0, "Seconds between two removals of old rows", 0.05),
    ]


@hookimpl
def hanami_schedules(runtime: Runtime) -> list[Schedule]:
    """Remove what is old from time to time."""
    return [Schedule("retention.clean_up", runtime.settings["retention.interval"], service.clean_up)]
