"""Executes GraphQL: what a document asks is known before anything is done, and no error tells more than it may.

Must not know HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import peewee
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    execute_sync,
    get_operation_ast,
    validate,
)

from hanami_core.errors import VisibleError
from hanami_core.events import CallFailed
from hanami_core.ids import new_uuid
from hanami_core.storage.database import bound, reset
from hanami_core.storage.failures import storage_failure
from hanami_plugins.backendai_admin.limits import parsed
from hanami_plugins.backendai_admin.parts import GraphqlCaller

__all__ = ["Answer", "changes", "executed", "refusal_of", "understood"]

MOST_ERRORS = 10
REMEMBERED, REMEMBERED_LENGTH = 64, 4096
"""Documents that are remembered, and the characters of one at most."""

Answer = dict[str, Any]
"""``data``, or ``errors`` beside ``data`` that is None."""
Variables = Mapping[str, Any]

log = logging.getLogger("hanami.backendai_admin")


def understood(schema: GraphQLSchema, text: str) -> DocumentNode:
    """Return a document that fits the schema.

    Released clients send the same few texts again and again, and to understand one takes longer than to answer it.

    Raises:
        GraphQLError: if it cannot be read, is too large, or does not fit.
    """
    return (_remembered if len(text) <= REMEMBERED_LENGTH else _understood)(schema, text)


def _understood(schema: GraphQLSchema, text: str) -> DocumentNode:
    document = parsed(text)
    errors = validate(schema, document, max_errors=MOST_ERRORS)
    if errors:
        raise errors[0]
    return document


@lru_cache(maxsize=REMEMBERED)
def _remembered(schema: GraphQLSchema, text: str) -> DocumentNode:
    return _understood(schema, text)


def changes(document: DocumentNode, operation_name: str | None) -> bool:
    """Tell whether the operation of a document that would be executed may change something."""
    operation = get_operation_ast(document, operation_name)
    return operation is not None and operation.operation is not OperationType.QUERY


def executed(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Variables,
    operation_name: str | None,
    caller: GraphqlCaller,
) -> Answer:
    """Return what a document is answered."""
    result = execute_sync(
        schema, document, context_value=caller, variable_values=dict(variables), operation_name=operation_name
    )
    assert isinstance(result, ExecutionResult)
    if result.errors:
        return {"errors": [_told(error, caller) for error in result.errors[:MOST_ERRORS]], "data": None}
    return {"data": result.data}


def refusal_of(error: GraphQLError) -> Answer:
    """Return the answer to a document that is not executed."""
    return {"errors": [error.formatted], "data": None}


def _told(error: GraphQLError, caller: GraphqlCaller) -> dict[str, Any]:
    """Return what an error tells the caller: about a defect, no more than the number under which the log has it."""
    shown = dict(error.formatted)
    cause = _cause(error)
    if cause is not None:
        visible = cause if isinstance(cause, VisibleError) else storage_failure(cause)
        shown["message"] = _report(error, cause, caller) if visible is None else caller.sentence(visible)
    return shown


def _cause(error: GraphQLError) -> Exception | None:
    """Return what a resolver has raised, None if it is the library that complains."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _report(error: GraphQLError, cause: Exception, caller: GraphqlCaller) -> str:
    """Log a defect, tell it to the plugins, and return what the caller may know."""
    if isinstance(cause, peewee.PeeweeException):
        reset(bound())
    identity = new_uuid()
    place = ".".join(map(str, error.path or ()))
    log.error("resolver failed", exc_info=cause, extra={"id": identity, "path": place})
    event = CallFailed(
        actor=caller.access.actor,
        component=caller.access.action.name,
        context=f"{caller.access.action.method} {caller.access.action.endpoint} {place}",
        input_values={},
        message=f"internal error {identity}: {type(cause).__name__}",
    )
    caller.runtime.plugins.event(caller.runtime, event)
    return f"internal error {identity}"
