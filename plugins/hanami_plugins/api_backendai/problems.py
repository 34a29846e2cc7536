"""Errors as Backend.AI's clients know them: kinds of problems with a status and a title (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hanami_core.access import ACCESS_DENIED, ADMINS_ONLY
from hanami_core.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    InsufficientStorage,
    MethodNotAllowed,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    VisibleError,
)

__all__ = ["BASE", "FIELD", "INVALID", "Problem", "problem_of"]

BASE = "https://api.backend.ai/probs/"


class Problem(NamedTuple):
    """A kind of problem: the end of its type, the status of the answer, and a title for people.

    `field` names the field of the request that is wrong, if the error does not.
    """

    slug: str
    status: int
    title: str
    field: str = ""


BY_CODE = {
    "auth_params_invalid": Problem("invalid-auth-params", 400, "Missing or invalid authorization parameters."),
    # Released clients know a missing privilege on a call for administrators as this.
    ACCESS_DENIED: Problem("auth-failed", 401, "Unauthorized access."),
    ADMINS_ONLY: Problem("auth-failed", 401, "Unauthorized access."),
    "path_unknown": Problem("url-not-found", 404, "Unknown URL path."),
    "server_frozen": Problem("server-frozen", 503, "The server is frozen for maintenance. Please try again later."),
    "not_implemented": Problem("not-implemented", 503, "This function is not available on this server."),
}
BY_KIND: tuple[tuple[type[VisibleError], Problem], ...] = (
    (Unauthorized, Problem("auth-failed", 401, "Credential/signature mismatch.")),
    (Forbidden, Problem("generic-forbidden", 403, "Forbidden operation.")),
    (NotFound, Problem("object-not-found", 404, "No such object.")),
    (MethodNotAllowed, Problem("method-not-allowed", 405, "HTTP method not allowed.")),
    (TooManyRequests, Problem("rate-limit-exceeded", 429, "You have reached your API query rate limit.")),
    (InsufficientStorage, Problem("quota-exceeded", 412, "You have reached your resource limit.")),
    (Unavailable, Problem("service-unavailable", 503, "Service unavailable.")),
    (Conflict, Problem("generic-bad-request", 400, "Bad request.")),
)
INVALID = Problem("invalid-api-params", 400, "Missing or invalid API parameters.")
DEFECT = Problem("internal-server-error", 500, "Internal server error.")
FIELD = "field"
"""Parameter of errors that are about one field of a request."""


def problem_of(error: VisibleError, own: Mapping[str, Problem]) -> Problem:
    """Return the kind of problem that an error is; `own` are those of a route, by the code of the error."""
    known = own.get(error.code) or BY_CODE.get(error.code)
    if known is not None:
        return known
    if isinstance(error, BadRequest) and FIELD in error.parameters:
        return INVALID._replace(field=str(error.parameters[FIELD]))
    for kind, problem in BY_KIND:
        if isinstance(error, kind):
            return problem
    return Problem("generic-bad-request", error.status, "Bad request.") if error.status < 500 else DEFECT
