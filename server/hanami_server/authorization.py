"""What a request passes between its Api and its handler: identity, permission, the event of a call.

In what order an Api looks at what it reads is the Api's; that nobody gets past identity and permission is decided here.
Must not know any route in particular, nor how an error is rendered.
"""

from __future__ import annotations

import falcon

from hanami_core.access import Access, Actor
from hanami_core.errors import Unauthorized
from hanami_core.events import CallAllowed
from hanami_core.http import Api, BoundRoute
from hanami_core.runtime import Runtime

__all__ = ["Authorizer", "identify", "identify_again"]


def identify(runtime: Runtime, api: Api, request: falcon.Request) -> Actor:
    """Return whom a request, or the handshake of a websocket, comes from, by the schemes of an Api.

    Raises:
        Unauthorized: if no scheme finds a valid credential.
    """
    for scheme in api.schemes:
        authenticator = runtime.authenticators.get(scheme)
        actor = None if authenticator is None else runtime.plugins.identify(authenticator, request)
        if actor is not None:
            return actor
    raise Unauthorized("credential_missing")


def identify_again(runtime: Runtime, api: Api, request: falcon.Request, known: Actor) -> Actor:
    """Return who somebody is now who was identified by a request some time ago.

    A credential that names a principal may have expired since, what it was issued for counts; of any other one the
    scheme itself is asked again.

    Raises:
        Unauthorized: if user, secret or membership are no longer what they were.
    """
    if known.principal is None:
        return identify(runtime, api, request)
    return known.principal.actor(runtime.identity, known.scheme, known.attributes)


class Authorizer:
    """Lets a request through to its route, or raises why not."""

    def __init__(self, runtime: Runtime) -> None:
        """Guard the routes of a runtime."""
        self._runtime = runtime

    def authorize(self, request: falcon.Request, bound: BoundRoute) -> Access | None:
        """Return what the caller of a route may do, or None if the route is anonymous.

        Raises:
            Unauthorized: if the caller is not known.
            Forbidden: if the caller is not allowed.
        """
        return None if bound.route.anonymous else self._access(request, bound.api, bound)

    def hide(self, request: falcon.Request, api: Api) -> None:
        """Treat a request without a route like one for a route that the caller may not use, if its Api says so."""
        if api.hides_unknown:
            self._access(request, api, None)

    def _access(self, request: falcon.Request, api: Api, bound: BoundRoute | None) -> Access:
        runtime = self._runtime
        actor = identify(runtime, api, request)
        unknown = request.method, request.path.lstrip("/")
        action = runtime.routes.action(*unknown) if bound is None else bound.action
        access = Access(actor, action, runtime.plugins.access_rules)
        access.require()
        if action.verb == "write":
            runtime.plugins.event(runtime, CallAllowed(actor=actor, endpoint=action.endpoint, method=request.method))
        return access
