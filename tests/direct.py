"""Calls routes of the native API without a server and a login, with the texts that a client would get."""

from __future__ import annotations

import json
from types import UnionType
from typing import Any, get_args

import falcon
import msgspec
from falcon import testing

from hanami_core.access import Access, Actor
from hanami_core.errors import BadRequest, Conflict, NotFound, Unauthorized, VisibleError
from hanami_core.http import Api, BoundRoute, Call, Page
from hanami_core.runtime import Runtime

PREFIX = "/v1.0alpha"
_TOLD: dict[int, type[VisibleError]] = {400: BadRequest, 401: Unauthorized, 403: Unauthorized, 429: Unauthorized,
                                        404: NotFound, 409: Conflict}  # fmt: skip


def native(runtime: Runtime) -> Api:
    return runtime.routes.apis["native"]


def call(runtime: Runtime, actor: Actor, method: str, path: str, /, address: str = "", **fields: Any) -> Any:
    """Return the answer of a route as plain JSON values, checked against what the route declares.

    An error is raised as the class that released clients know, with its text.
    """
    bound = runtime.routes.get(method, f"{PREFIX}{path}")
    assert bound is not None, (method, path)
    access = Access(actor, bound.action, runtime.plugins.access_rules)
    request = testing.create_req(method=method, path=bound.path)
    request.context.body, request.context.query = fields, {}
    given = None if bound.route.anonymous else access
    try:
        if given is not None:
            given.require()
        return _answer(Call(runtime, given, request, falcon.Response(), address), bound)
    except VisibleError as error:
        raise told(runtime, error) from error


def told(runtime: Runtime, error: VisibleError) -> VisibleError:
    """Return an error as a client of the native API learns of it."""
    return _TOLD.get(error.status, type(error))(native(runtime).sentence(error))


def _answer(made: Call, bound: BoundRoute) -> Any:
    result = bound.route.handler(made, bound.api.read(made, bound.route, 1 << 20))
    if isinstance(result, Page):
        return result
    bound.api.answer(made, bound.route, result)
    answer = json.loads(made.resp.data or b"null")
    _check(answer, bound.route.response)
    return answer


def _check(answer: Any, declared: Any) -> None:
    kinds = get_args(declared) if isinstance(declared, UnionType) else (declared,)
    structs = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    for kind in structs:
        found = msgspec.structs.fields(kind)
        if {f.encode_name for f in found if f.required} <= set(answer) <= {f.encode_name for f in found}:
            return
    assert not structs, (answer, declared)
