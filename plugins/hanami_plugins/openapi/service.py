"""The descriptions of all Apis of a process, each made once. Knows no HTTP."""

from __future__ import annotations

import importlib.metadata

import msgspec

from hanami_core.errors import NotFound
from hanami_core.http import NATIVE
from hanami_core.plugin_host import OWN_DISTRIBUTION
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_plugins.openapi.document import describe

__all__ = ["DOCUMENTS", "document_of"]

DOCUMENTS: StashKey[dict[str, msgspec.Raw]] = StashKey("openapi.documents")


def document_of(runtime: Runtime, name: str = NATIVE) -> msgspec.Raw:
    """Return the OpenAPI document of an Api, as JSON.

    Raises:
        NotFound: if there is no such Api.
    """
    if name not in runtime.routes.apis:
        raise NotFound("api_missing", name=name)
    documents = runtime.stash[DOCUMENTS]
    if name not in documents:
        version = importlib.metadata.version(OWN_DISTRIBUTION)
        api = runtime.routes.apis[name]
        routes = [bound for bound in runtime.routes if bound.api.name == name]
        documents[name] = msgspec.Raw(msgspec.json.encode(describe(api, routes, version)))
    return documents[name]
