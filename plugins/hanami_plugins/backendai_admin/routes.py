"""The route of GraphQL, and what a call of it may do: a question is a reading call, a mutation a writing one."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.access import Access
from hanami_core.errors import PluginError
from hanami_core.events import CallAllowed
from hanami_core.http import Call, Route, RouteGroup
from hanami_core.runtime import Runtime
from hanami_plugins.api_backendai import NAME, refuse_if_frozen
from hanami_plugins.backendai_admin.parts import GraphqlCaller
from hanami_plugins.backendai_admin.sentences import SENTENCES

if TYPE_CHECKING:
    from graphql import GraphQLSchema

__all__ = ["GraphqlEndpoint"]

GROUP = RouteGroup("backendai_graphql", "Ask and change what the installation has, in GraphQL.", 930)
ASK, CHANGE = "backendai_graphql.query", "backendai_graphql.mutate"
"""Actions of a call, and of one that turns out to be a mutation."""
LONGEST_QUERY = 1 << 16
MOST_BYTES = 1 << 20

OperationName = Annotated[str, Meta(max_length=256, examples=["Keys"])]


class GraphqlRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A document of GraphQL.

    Attributes:
        query: operations and fragments.
        variables: values of variables, by name.
        operation_name: which operation to execute, if there are several.
    """

    query: Annotated[str, Meta(max_length=LONGEST_QUERY, examples=["query { keypair { user_id is_active } }"])]
    variables: Annotated[dict[str, Any] | None, Meta(examples=[{}])] = None
    operation_name: OperationName | None = None


class GraphqlAnswer(msgspec.Struct, omit_defaults=True):
    """What GraphQL answers; the status is 200 in any case.

    Attributes:
        data: what was asked for; null if anything of it failed.
        errors: what failed, each with a `message`; missing if nothing did.
    """

    data: Annotated[dict[str, Any] | None, Meta(examples=[{"keypair": {"user_id": "katherine", "is_active": True}}])]
    errors: Annotated[list[dict[str, Any]], Meta(examples=[[]])] = []


class GraphqlEndpoint:
    """Answers GraphQL; the schema is built for the first call."""

    def __init__(self, runtime: Runtime) -> None:
        """Answer about what a runtime has."""
        self._runtime = runtime
        self._lock = threading.Lock()
        self._schema: GraphQLSchema | None = None
        self._route = Route(
            "POST",
            "/admin/gql",
            ASK,
            GraphqlRequest,
            GraphqlAnswer,
            self.answer,
            api=NAME,
            covers=(CHANGE,),
            reads=True,
            errors=SENTENCES,
            max_body=MOST_BYTES,
        )

    def routes(self) -> list[Route]:
        """Return the route."""
        return GROUP.of(self._route)

    def schema(self) -> GraphQLSchema:
        """Return the schema."""
        with self._lock:
            if self._schema is None:
                # Not before somebody asks: the library takes a tenth of a second to load, in each process.
                from hanami_plugins.backendai_admin.schema import schema_of

                self._schema = schema_of(self._runtime)
            return self._schema

    def answer(self, call: Call, request: GraphqlRequest) -> dict[str, Any]:
        """Execute a query or a mutation of GraphQL."""
        from graphql import GraphQLError

        from hanami_plugins.backendai_admin import execution

        schema, name = self.schema(), request.operation_name or None
        try:
            document = execution.understood(schema, request.query)
        except GraphQLError as error:
            return execution.refusal_of(error)
        access = self._writing(call) if execution.changes(document, name) else call.access
        api = self._runtime.apis[NAME]
        caller = GraphqlCaller(self._runtime, access, lambda error: api.sentence(error, self._route))
        return execution.executed(schema, document, request.variables or {}, name, caller)

    def _writing(self, call: Call) -> Access:
        """Return what the caller of a mutation may do; the mutation is recorded as any other call that writes.

        Raises:
            Forbidden: if the caller may ask only.
            Unavailable: if the server is frozen.
        """
        refuse_if_frozen()
        runtime = self._runtime
        action = runtime.routes.named(CHANGE, NAME)
        if action is None:
            raise PluginError("the route of GraphQL is missing")
        access = Access(call.actor, replace(action, verb="write"), runtime.plugins.access_rules)
        access.require()
        runtime.plugins.event(runtime, CallAllowed(actor=call.actor, endpoint=action.endpoint, method=action.method))
        return access
