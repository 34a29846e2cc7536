"""The descriptions of all Apis of a process, each made once. Knows no HTTP."""

from __future__ import annotations

import importlib.metadata
import threading

import msgspec

from hanami_core.errors import NotFound
from hanami_core.http import NATIVE
from hanami_core.plugin_host import OWN_DISTRIBUTION
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_plugins.openapi.document import describe

__all__ = ["DOCUMENTS", "Documents", "document_of"]


class Documents:
    """What was described by now. One thread describes; whoever else asks meanwhile waits for that and does not help."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._known: dict[str, msgspec.Raw] = {}

    def of(self, runtime: Runtime, name: str) -> msgspec.Raw:
        """Return the document of an Api that there is."""
        if name not in self._known:
            with self._lock:
                if name not in self._known:
                    self._known[name] = _described(runtime, name)
        return self._known[name]


DOCUMENTS: StashKey[Documents] = StashKey("openapi.documents")


def document_of(runtime: Runtime, name: str = NATIVE) -> msgspec.Raw:
    """Return the OpenAPI document of an Api, as JSON.

    Raises:
        NotFound: if there is no such Api.
    """
    if name not in runtime.routes.apis:
        raise NotFound("api_missing", name=name)
    return runtime.stash[DOCUMENTS].of(runtime, name)


def _described(runtime: Runtime, name: str) -> msgspec.Raw:
    version = importlib.metadata.version(OWN_DISTRIBUTION)
    routes = [bound for bound in runtime.routes if bound.api.name == name]
    return msgspec.Raw(msgspec.json.encode(describe(runtime.routes.apis[name], routes, version)))
