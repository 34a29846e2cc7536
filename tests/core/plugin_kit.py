"""Plugins that are made for a test, and the states that they end in."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

from hanami_core import hookimpl
from hanami_core.access import Action, Actor
from hanami_core.http import Empty, Route
from hanami_core.plugin_host import EntryPoint, PluginHost
from hanami_core.settings import Settings

ACTOR = Actor("alice", "Alice", "proj", "member")
ACTION = Action("notes.get", "GET", "v1/note", "read", ("member",))
SETTINGS = Settings(Path("/nowhere"), {}, {}, {})


def plugin(name: str, distribution: str = "third", **attributes: Any) -> EntryPoint:
    """Return an entry point whose module has the given attributes; functions become hook implementations."""
    module = types.ModuleType(f"plugin_{name}")
    for key, value in attributes.items():
        setattr(module, key, hookimpl(value) if key.startswith("hanami_") else value)
    return EntryPoint(name, distribution, "1.0", lambda: module)


def broken_import() -> Any:
    raise ImportError("no module named parquet")


def boom(**arguments: Any) -> Any:
    raise ValueError("boom\nsecond line")


def nothing() -> list[Any]:
    return []


def state(host: PluginHost, name: str) -> tuple[str, str]:
    return host.plugins[name].state, host.plugins[name].reason


def route(path: str = "/v1/note", method: str = "GET") -> Route:
    return Route(method, path, "notes.get", Empty, Empty, lambda call, request: {})


def boom_runtime(runtime: object) -> None:
    boom()
