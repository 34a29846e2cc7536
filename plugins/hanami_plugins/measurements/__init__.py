"""What the machine does: power, temperature and speed of its processors over time, and what they are.

A schedule measures once a second and keeps the values in a file; the api, which knows nothing that is not stored,
answers from that file. What a tool for operators would collect about the server itself is not here.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.localsocket import run_directory
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.stash import StashKey
from hanami_plugins.measurements import routes
from hanami_plugins.measurements.machine import Machine
from hanami_plugins.measurements.sampler import INTERVAL, Sampler
from hanami_plugins.measurements.sensors import POWER, SPEED, TEMPERATURE
from hanami_plugins.measurements.series import Values
from hanami_plugins.measurements.service import describe_machine, measured, thread_map
from hanami_plugins.measurements.threads import Notes, ThreadMap

__all__ = [
    "POWER",
    "SPEED",
    "TEMPERATURE",
    "Machine",
    "ThreadMap",
    "Values",
    "describe_machine",
    "measured",
    "thread_map",
]

NOTES: StashKey[Notes] = StashKey("measurements.notes")


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare whether there is anything to do."""
    return [Setting("measurements.enabled", bool, True, "Whether to measure the machine once a second")]


@hookimpl
def hanami_schedules(runtime: Runtime) -> list[Schedule]:
    """Measure."""
    return [Schedule("measurements.sample", INTERVAL, Sampler())] if runtime.settings["measurements.enabled"] else []


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """In a sidecar, leave notes about its threads, which nobody else knows by name."""
    if runtime.role is Role.SIDECAR:
        runtime.stash[NOTES] = Notes(run_directory(runtime.settings.data_dir), runtime)
        runtime.stash[NOTES].start()


@hookimpl
def hanami_shutdown(runtime: Runtime) -> None:
    """Leave no further notes."""
    if NOTES in runtime.stash:
        runtime.stash[NOTES].stop()


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of measurements."""
    return routes.routes()
