"""The schema: that of the file beside this module, with what the parts of other plugins add."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.resources import files

from graphql import (
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    extend_schema,
    parse,
    validate_schema,
)

from hanami_core.errors import PluginError
from hanami_core.runtime import Runtime
from hanami_plugins.backendai_admin import agents, groups, installation, keypairs, users
from hanami_plugins.backendai_admin.parts import GraphqlPart, Resolver
from hanami_plugins.backendai_admin.scalars import SCALARS

__all__ = ["schema_of"]

OWN = (agents, groups, installation, keypairs, users)

log = logging.getLogger("hanami.backendai_admin")


def schema_of(runtime: Runtime) -> GraphQLSchema:
    """Return the schema of a process. A part that does not fit is left out, and the log says why."""
    schema = build_schema(files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8"))
    for module in OWN:
        _bind(schema, module.RESOLVERS)
    for found in runtime.plugins.extension("backendai_admin_graphql"):
        try:
            for part in found.item:
                schema = _extended(schema, part)
        except Exception:
            found.plugin.failures += 1
            log.exception("a part of the schema is left out", extra={"plugin": found.plugin.name})
    _bind_scalars(schema)
    return schema


def _extended(schema: GraphQLSchema, part: GraphqlPart) -> GraphQLSchema:
    if not isinstance(part, GraphqlPart):
        raise PluginError(f"backendai_admin_graphql returned a {type(part).__name__}, not a GraphqlPart")
    extended = extend_schema(schema, parse(part.sdl)) if part.sdl.strip() else schema
    errors = validate_schema(extended)
    if errors:
        raise PluginError(errors[0].message)
    _require_fields(extended, part.resolvers)
    _bind(extended, part.resolvers)
    return extended


def _require_fields(schema: GraphQLSchema, resolvers: Mapping[str, Resolver]) -> None:
    for name in resolvers:
        owner, _, field = name.partition(".")
        kind = schema.type_map.get(owner)
        if not isinstance(kind, GraphQLObjectType) or field not in kind.fields:
            raise PluginError(f"the schema has no field {name}")


def _bind(schema: GraphQLSchema, resolvers: Mapping[str, Resolver]) -> None:
    for name, resolver in resolvers.items():
        owner, _, field = name.partition(".")
        kind = schema.type_map[owner]
        assert isinstance(kind, GraphQLObjectType)
        kind.fields[field].resolve = resolver


def _bind_scalars(schema: GraphQLSchema) -> None:
    for name, scalar in SCALARS.items():
        kind = schema.type_map[name]
        assert isinstance(kind, GraphQLScalarType)
        # Functions of the object, as the library itself sets them; its types know methods only.
        vars(kind).update(serialize=scalar.serialize, parse_value=scalar.parse)
