"""Predictions: answers to some rows at once, from the last stored state of a cluster, by many clients at a time.

The api checks the rows and asks the sidecar of the cluster's host, which keeps a copy of the stored network for it.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.predictions import routes
from hanami_plugins.predictions.questions import CALL, Values
from hanami_plugins.predictions.readers import READERS, Readers
from hanami_plugins.predictions.service import LIMIT, TIMEOUT, Prediction, predict

__all__ = ["Prediction", "Values", "predict"]

requires = ("clusters",)


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how much may be asked at once, and how long it may take."""
    return [
        Setting(LIMIT, int, 4_000_000, "Most values of inputs and outputs in one prediction", 1),
        Setting(TIMEOUT, float, 30.0, "Seconds that a prediction may take", 0.1),
    ]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """In a sidecar, answer what the api asks."""
    if runtime.role is Role.SIDECAR:
        readers = runtime.stash[READERS] = Readers(runtime)
        runtime.host_calls.offer(CALL, readers.answer)


@hookimpl
def hanami_shutdown(runtime: Runtime) -> None:
    """Close the networks that answer."""
    if READERS in runtime.stash:
        runtime.stash[READERS].close()


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of predictions."""
    return routes.routes()
