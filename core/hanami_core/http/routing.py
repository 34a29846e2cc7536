"""All routes of a process, each bound to its Api, and the Api of every path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from hanami_core.access import Action, Actor
from hanami_core.http.api import Api
from hanami_core.http.route import NATIVE, SAFE_METHODS, Route

__all__ = ["BoundRoute", "RouteTable"]


@dataclass(frozen=True)
class BoundRoute:
    """A route with its Api."""

    api: Api
    route: Route

    @cached_property
    def path(self) -> str:
        """The whole path."""
        return self.api.path_of(self.route)

    @cached_property
    def action(self) -> Action:
        """The action that a caller needs."""
        return self.api.action(self.route)

    @property
    def key(self) -> tuple[str, str]:
        """Method and path, which no two routes share."""
        return self.route.method, self.path


class RouteTable:
    """The routes and Apis of a process."""

    def __init__(self, apis: Mapping[str, Api] | None = None, routes: Iterable[Route] = ()) -> None:
        """Bind routes to Apis; those of an Api that is not there are left out."""
        self.apis = dict(apis or {})
        bound = (BoundRoute(self.apis[route.api], route) for route in routes if route.api in self.apis)
        self._routes = {found.key: found for found in bound}
        self._actions = {(found.route.method, found.action.endpoint): found for found in self}
        self._prefixes = sorted((api for api in self.apis.values() if api.prefix), key=lambda api: -len(api.prefix))
        self._roots = {found.path: found.api for found in self if found.route.root}
        self.fallback = next((api for api in self.apis.values() if api.fallback), None)

    def __iter__(self) -> Iterator[BoundRoute]:
        """Iterate over all routes."""
        return iter(self._routes.values())

    def __len__(self) -> int:
        """Return the number of routes."""
        return len(self._routes)

    def get(self, method: str, path: str) -> BoundRoute | None:
        """Return the route with a method and a whole path, as it was declared."""
        return self._routes.get((method, path))

    def called(self, method: str, endpoint: str) -> BoundRoute | None:
        """Return the route with a method and the name that policy files have for its path."""
        return self._actions.get((method, endpoint))

    def named(self, name: str, api: str = NATIVE) -> Action | None:
        """Return the action of a route by its name, or None if no route has it.

        Routes of the Api with the name `api` come first, then those of the native one. An action that a route only
        covers has the endpoint of the route.
        """
        found = [bound for bound in self if name in (bound.route.action, *bound.route.covers)]
        if not found:
            return None
        bound = min(found, key=lambda one: (one.api.name != api, one.api.name != NATIVE, one.route.action != name))
        return replace(bound.action, name=name)

    def api_of_socket(self, actor: Actor, spoken: Api) -> Api:
        """Return the Api whose names policies use for a socket whose target no path selects.

        It is the one at which the actor has logged in, if that is known, otherwise the one that the client speaks,
        unless that one could tell that the actor is not its own.
        """
        for api in self.apis.values():
            if api.knows(actor):
                return api
        return spoken if not spoken.attributes else self.fallback or spoken

    def action(self, method: str, endpoint: str) -> Action:
        """Return the action that a call of an endpoint needs.

        Rules also decide about endpoints that no route serves: if they do not, only a policy that lists the endpoint
        allows it.
        """
        found = self.called(method, endpoint)
        if found is not None:
            return found.action
        return Action("", method, endpoint, "read" if method in SAFE_METHODS else "write", ())

    def api_of(self, path: str) -> Api:
        """Return the Api that answers for a path.

        It is the Api of a route of the whole site, else the one with the prefix, else the fallback, else a plain one.
        """
        if path in self._roots:
            return self._roots[path]
        for api in self._prefixes:
            if path == api.prefix or path.startswith(f"{api.prefix}/"):
                return api
        return self.fallback or _PLAIN


_PLAIN = Api("plain", "")
