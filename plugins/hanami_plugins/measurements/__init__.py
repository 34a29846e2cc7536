"""What the machine does: power, temperature and speed of its processors over time, and what they are.

A thread in one of the sidecars measures once a second and keeps the values in a file; the api, which knows nothing that
is not stored, answers from that file. What a tool for operators would collect about the server itself is not here.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_plugins.measurements import routes
from hanami_plugins.measurements.machine import Machine
from hanami_plugins.measurements.sampler import Sampler
from hanami_plugins.measurements.sensors import POWER, SPEED, TEMPERATURE
from hanami_plugins.measurements.series import Values
from hanami_plugins.measurements.service import describe_machine, measured, thread_map
from hanami_plugins.measurements.threads import ThreadMap

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

SAMPLER: StashKey[Sampler] = StashKey("measurements.sampler")


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """In a sidecar, measure."""
    if runtime.role is Role.SIDECAR:
        runtime.stash[SAMPLER] = Sampler(runtime)
        runtime.stash[SAMPLER].start()


@hookimpl
def hanami_shutdown(runtime: Runtime) -> None:
    """Stop measuring."""
    if SAMPLER in runtime.stash:
        runtime.stash[SAMPLER].stop()


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of measurements."""
    return routes.routes()
