"""The Open Inference Protocol, version 2: clients of KServe, Triton and MLServer ask clusters as models.

Must not keep anything of its own: models are clusters, and what they answer are predictions.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Api, Route
from hanami_plugins.api_inference import routes
from hanami_plugins.api_inference.api import InferenceApi

__all__ = ["InferenceApi"]

requires = ("api_v1_0alpha", "clusters", "predictions")


@hookimpl
def hanami_apis() -> list[Api]:
    """Add the Api."""
    return [InferenceApi()]


@hookimpl
def hanami_routes() -> list[Route]:
    """Add its routes."""
    return routes.routes()
