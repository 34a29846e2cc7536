"""All routes of a process, each bound to its Api, and the Api of every path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from hanami_core.access import Action
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

    def named(self, name: str) -> Action | None:
        """Return the action of a route by its name, or None if no route has it; the native Api comes first."""
        found = [bound for bound in self if bound.route.action == name]
        return min(found, key=lambda bound: bound.api.name != NATIVE).action if found else None

    def action(self, method: str, endpoint: str) -> Action:
        """Return the action that a call of an endpoint needs.

        Rules are asked about endpoints that no route serves, too: without them only a policy that lists one allows it.
        """
        found = self.called(method, endpoint)
        if found is not None:
            return found.action
        return Action("", method, endpoint, "read" if method in SAFE_METHODS else "write", ())

    def api_of(self, path: str) -> Api:
        """Return the Api that answers for a path.

        It is that of a route of the whole site, else the one with the prefix, else the one for all others, else a plain
        one.
        """
        if path in self._roots:
            return self._roots[path]
        for api in self._prefixes:
            if path == api.prefix or path.startswith(f"{api.prefix}/"):
                return api
        return self.fallback or _PLAIN


_PLAIN = Api("plain", "")
