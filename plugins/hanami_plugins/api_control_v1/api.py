"""The Api object of the v0.4 generation.

It reads and renders as the native API does, which came after it, but for what stands here. Must not know what any route
does.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TypeVar

import falcon
import msgspec

from hanami_core.access import Action
from hanami_core.http import ApiDescription, Handler, Route
from hanami_plugins.api_control_v1.sentences import SENTENCES
from hanami_plugins.api_v1_0alpha import NativeApi

__all__ = ["ATTRIBUTES", "NAME", "ControlApi", "ShortPrefix", "for_admins", "route"]

NAME = "control_v1"
R = TypeVar("R", bound=msgspec.Struct)
PREFIX, SHORT_PREFIX = "/control/v1", "/v1"
SERVER = "ToriiGateway"
ATTRIBUTES = {"generation": "v0.4"}
"""What the tokens of this generation carry."""


class ControlApi(NativeApi):
    """The API of v0.4.0 and v0.4.1."""

    sentences = SENTENCES
    attributes = ATTRIBUTES

    def __init__(self) -> None:
        super().__init__(PREFIX, name=NAME, server=SERVER, fallback=False)

    def endpoint(self, route: Route) -> str:
        """Return the path without ``control``, as policy files of this generation list it."""
        return _listed(route.path)

    def socket_action(self, action: Action) -> Action:
        """Return the action of a target with the endpoint of this generation."""
        named = super().socket_action(action)
        return replace(named, endpoint=_listed(f"/{action.endpoint}")) if action.endpoint else named

    @property
    def description(self) -> ApiDescription:
        """What the OpenAPI document says about the API."""
        native = super().description
        about = "The interface of OpenHanami v0.4, for programs that were written for it; new ones use `/v1.0alpha`.\n"
        return ApiDescription("OpenHanami v0.4", about, native.security, native.errors, native.error_type)


class ShortPrefix(NativeApi):
    """Leads the prefix that the documents of v0.4 use to the one that its clients use."""

    sentences = SENTENCES
    attributes = ATTRIBUTES

    def __init__(self, api: ControlApi) -> None:
        super().__init__(SHORT_PREFIX, name=f"{NAME}_short", server=SERVER, fallback=False)
        self._api = api

    def admit(self, request: falcon.Request) -> str:
        """Return the path of the same call below the other prefix."""
        path = super().admit(request)
        request.context.api = self._api
        return PREFIX + path.removeprefix(SHORT_PREFIX)

    def socket_action(self, action: Action) -> Action:
        """Return the action that a socket below the other prefix needs."""
        return self._api.socket_action(action)


def _listed(path: str) -> str:
    return SHORT_PREFIX.lstrip("/") + path


def route(
    method: str,
    path: str,
    action: str,
    request: type[R],
    response: object,
    handler: Handler[R],
    roles: tuple[str, ...] = ("admin", "member"),
    *,
    keyed: bool = False,
    example: tuple[str, ...] = (),
) -> Route[R]:
    """Return a route of this API that admins and members may call."""
    return Route(method, path, action, request, response, handler, roles, api=NAME, keyed=keyed, example=example)


for_admins = partial(route, roles=("admin",))
"""Return a route of this API that only admins may call."""
