"""The Api object of the Open Inference Protocol: its prefix, its credentials and its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hanami_core.errors import Unauthorized, VisibleError
from hanami_core.http import Api, ApiDescription, Route
from hanami_plugins.api_inference.sentences import SENTENCES

if TYPE_CHECKING:
    import falcon

__all__ = ["NAME", "InferenceApi"]

NAME = "inference"
PREFIX = "/v2"
SCHEMES = ("token", "bearer")


class InferenceApi(Api):
    """Version 2 of the protocol that KServe, Triton and MLServer speak."""

    sentences = SENTENCES

    def __init__(self) -> None:
        super().__init__(NAME, PREFIX, SCHEMES)

    def refuse(
        self, request: falcon.Request, response: falcon.Response, error: VisibleError, route: Route | None = None
    ) -> None:
        """Render an error as the protocol has it: an object with `error`."""
        response.status = error.status
        response.content_type = "application/json"
        response.text = None
        response.data = msgspec.json.encode({"error": self.sentence(error, route)})
        self.advise(response, error)
        if isinstance(error, Unauthorized):
            response.set_header("WWW-Authenticate", "Bearer")

    @property
    def description(self) -> ApiDescription:
        """What the OpenAPI document says about the Api."""
        about = "The Open Inference Protocol, version 2, for clients of KServe, Triton and MLServer.\n"
        security = {
            "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        return ApiDescription("Open Inference Protocol", about, security, error_type="application/json")
